import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../errors';
import { openRegularFile } from '../storage/file-storage';

/** The text of a file of /proc; empty if it cannot be read, as when its process has ended. */
export function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The ids of all processes; none without /proc. */
export function processIds(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** The start time if the system does not report one. It identifies no process. */
const UNKNOWN_START_TIME = 'unknown';

/** States of a process that has ended: zombie (not reaped yet) and dead. */
const ENDED_STATES = ['Z', 'X', 'x'];

/** A process at one moment: the first letter of its state, and when it started. */
interface ProcessStat {
  readonly state: string;
  readonly startTime: string;
}

/**
 * When a process started: on Linux in clock ticks since boot, elsewhere as `ps` prints it. With the process id it identifies one
 * process, even after the id is used again. `unknown` if neither is available.
 */
export function processStartTime(pid: number): string {
  return readProcessStat(pid)?.startTime ?? UNKNOWN_START_TIME;
}

/** Whether the process with this start time runs. If the start time is unknown, any process with this id counts. */
export function isProcessAlive(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    if (codeOf(error) !== 'EPERM') return false;
  }
  const stat = readProcessStat(pid);
  if (stat === undefined) return true;
  if (ENDED_STATES.includes(stat.state)) return false;
  return startTime === UNKNOWN_START_TIME || stat.startTime === startTime;
}

/** Whether the process with this start time certainly runs: an unknown start time proves nothing. */
export function isSameProcess(pid: number, startTime: string): boolean {
  if (startTime === UNKNOWN_START_TIME) return false;
  const stat = readProcessStat(pid);
  return stat?.startTime === startTime && !ENDED_STATES.includes(stat.state);
}

function readProcessStat(pid: number): ProcessStat | undefined {
  return process.platform === 'linux' ? readProcStat(pid) : askPs(pid);
}

/** Source: proc_pid_stat(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readProcStat(pid: number): ProcessStat | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined ? undefined : { state, startTime };
}

/** Asks `ps` of macOS, the BSDs or procps. The time zone and language are fixed, so that all callers get the same text. */
export function askPs(pid: number): ProcessStat | undefined {
  const env = { PATH: process.env.PATH ?? '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [state, ...time] = (stdout ?? '').trim().split(/\s+/);
  return state && time.length > 0
    ? { state: state[0]!, startTime: time.join('.').replaceAll(':', '.') }
    : undefined;
}

/** The scope of a process id: a PID namespace in one boot of one machine. */
interface ProcessWorld {
  /** The machine, the same after a reboot: a digest of its machine id and its name. */
  readonly host: string;
  /** The machine's name, for people. */
  readonly hostName: string;
  /** A digest of the boot id, which differs between boots and machines. `0` if the system has none. */
  readonly boot: string;
  /** The PID namespace; `0` if the system has none. */
  readonly pids: string;
}

let foundWorld: ProcessWorld | undefined;

/** The world of this process. A digest or number holds letters and digits only, `hostName` also `.` and `-`. */
export function thisWorld(): ProcessWorld {
  return (foundWorld ??= findWorld());
}

function findWorld(): ProcessWorld {
  const name = hostname();
  return {
    host: digest(`${machineId()}\0${name}`),
    hostName: name.replaceAll(/[^A-Za-z0-9.-]/g, '-').slice(0, 63) || 'unknown',
    boot: bootDigest(),
    pids: pidNamespace(),
  };
}

function bootDigest(): string {
  const id = process.platform === 'linux' ? readText('/proc/sys/kernel/random/boot_id') : bootSession();
  return id === '' ? '0' : digest(id);
}

/** By the documentation, macOS: `kern.bootsessionuuid` is set at boot; `kern.boottime` moves with the clock. */
function bootSession(): string {
  const { stdout } = spawnSync('sysctl', ['-n', 'kern.bootsessionuuid'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return (stdout ?? '').trim();
}

/** Source: machine-id(5). Without an id, only the name distinguishes machines. */
function machineId(): string {
  return readText('/etc/machine-id');
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return '0';
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const POLL_MS = 20;

/**
 * Waits until no process of this user has its `TMPDIR` at or below `folder`, as attempts and their supervisors have it. Gives up
 * after `mostMs`. Linux only: elsewhere it returns at once.
 */
export async function untilNoneIn(folder: string, mostMs: number): Promise<void> {
  for (const deadline = Date.now() + mostMs; Date.now() < deadline; await sleep(POLL_MS)) {
    if (!processIds().some((pid) => isIn(folder, temporaryFolderOf(pid)))) return;
  }
}

function isIn(folder: string, path: string | undefined): boolean {
  return path === folder || path?.startsWith(folder + sep) === true;
}

/** `undefined` for a process that has ended: the kernel drops its environment. */
function temporaryFolderOf(pid: number): string | undefined {
  const prefix = 'TMPDIR=';
  const variables = readProc(`/proc/${pid}/environ`).split('\0');
  return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length);
}

/** A claim on a directory: a file whose name contains all data, so that it appears whole or not at all. */
export interface Claim extends ProcessWorld {
  /** Name of the file. Earlier claims sort first, by the clocks of their machines. */
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

/** A claim of a process that runs, as far as known. */
export interface LivingClaim extends Claim {
  /** Whether the process can be looked up by its id: it runs on this machine, and not in another container. */
  readonly isHere: boolean;
  /** Seconds since the last refresh of the claim; 0 if `isHere`. */
  readonly seenSecondsAgo: number;
}

/** Puts a claim of this process into `directory`. */
export function putClaim(directory: string): Claim {
  const world = thisWorld();
  const [pid, startTime] = [process.pid, processStartTime(process.pid)];
  const time = Date.now().toString().padStart(15, '0');
  const { host, boot, pids, hostName } = world;
  const name = [time, randomUUID().slice(0, 8), host, boot, pids, pid, startTime, hostName].join('_');
  writeFileSync(join(directory, name), '', { flag: 'wx' });
  return { ...world, name, pid, startTime };
}

/** The claim in a file's name; empty for other files. */
export function parseClaim(name: string): Claim[] {
  const [time, id, host, boot, pids, digits = '', startTime, hostName, ...rest] = name.split('_');
  if (!time || !id || !host || !boot || !pids || !startTime || !hostName || rest.length > 0) return [];
  // Process 0 and negative numbers would be whole groups of processes.
  if (!/^[1-9]\d{0,9}$/.test(digits)) return [];
  return [{ name, host, boot, pids, pid: Number(digits), startTime, hostName }];
}

/** Whether one process wrote both claims. */
export function isSameClaimant(one: Claim, other: Claim): boolean {
  return one.pid === other.pid && one.boot === other.boot && one.pids === other.pids;
}

/** Marks the claim as alive. The file server sets the time: clocks of machines differ. Throws `ENOENT` if the file is missing. */
export function refreshClaim(path: string): void {
  const file = openRegularFile(path, 'change');
  try {
    writeSync(file, '.', 0);
  } finally {
    closeSync(file);
  }
}

/**
 * The claims in `directory` whose processes run, the earliest first. A process of this machine is looked up by its id. One of
 * another machine or container runs if it refreshed its claim within `staleSeconds`. With `remove`, dead claims are deleted.
 */
export function livingClaims(
  directory: string,
  clock: FolderClock,
  { staleSeconds, remove }: { readonly staleSeconds: number; readonly remove: boolean },
): LivingClaim[] {
  const here = thisWorld();
  // Ignores folders, links and pipes with a claim's name.
  return readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [entry.name] : []))
    .toSorted()
    .flatMap(parseClaim)
    .flatMap((claim) => {
      const living = lookAt(claim, here, directory, clock, staleSeconds);
      if (!living && remove) rmSync(join(directory, claim.name), { force: true });
      return living ? [living] : [];
    });
}

function lookAt(
  claim: Claim,
  here: ProcessWorld,
  directory: string,
  clock: FolderClock,
  staleSeconds: number,
): LivingClaim | undefined {
  if (here.boot !== '0' && claim.boot === here.boot && claim.pids === here.pids) {
    const alive = isProcessAlive(claim.pid, claim.startTime);
    return alive ? { ...claim, isHere: true, seenSecondsAgo: 0 } : undefined;
  }
  const refreshedAt = lastRefresh(join(directory, claim.name));
  if (refreshedAt === undefined) return undefined;
  // A refresh in the future is from before a change of that clock: a holder that runs would have refreshed it since.
  const seconds = Math.abs(clock.now() - refreshedAt) / 1000;
  // A claim that was refreshed since this machine started belongs to another machine that only looks the same.
  const isFromBefore = claim.host === here.host && claim.boot !== here.boot && seconds > uptime();
  return seconds >= staleSeconds || isFromBefore
    ? undefined
    : { ...claim, isHere: false, seenSecondsAgo: Math.round(seconds) };
}

/** Opened first: a network file system then asks its server instead of its cache. `undefined` for a missing file. */
function lastRefresh(path: string): number | undefined {
  let file: number | undefined;
  try {
    file = openRegularFile(path, 'read');
    return fstatSync(file).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    // The time is visible without permission to read the file.
    return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** How long a measured difference between two clocks is used. */
const MEASURE_MS = 10_000;

/** The clock of the machine that stores a folder, which stamps the files in it. In a read-only folder: this machine's clock. */
export class FolderClock {
  private measured: { readonly difference: number; readonly at: number } | undefined;

  constructor(private readonly directory: string) {}

  /** Milliseconds since 1970. */
  now(): number {
    const at = performance.now();
    if (!this.measured || at - this.measured.at > MEASURE_MS)
      this.measured = { difference: this.measure() - at, at };
    return at + this.measured.difference;
  }

  private measure(): number {
    const probe = join(this.directory, `.clock-${randomUUID().slice(0, 8)}`);
    try {
      writeFileSync(probe, '.', { flag: 'wx' });
      return statSync(probe).mtimeMs;
    } catch {
      return Date.now();
    } finally {
      rmSync(probe, { force: true });
    }
  }
}

/**
 * Whether the process that a claim names is proven to be its holder. On Linux the holder keeps the claim's file open, which the
 * kernel shows; elsewhere the process must have the claim's start time and run Spotreel.
 */
export function isProvenHolder({ pid, startTime, name }: Claim, directory: string): boolean {
  if (!isSameProcess(pid, startTime)) return false;
  return process.platform === 'linux' ? hasOpen(pid, join(directory, name)) : runsSpotreel(pid);
}

function hasOpen(pid: number, path: string): boolean {
  try {
    const { dev, ino } = statSync(path);
    return readdirSync(`/proc/${pid}/fd`).some((name) => {
      const open = statSync(`/proc/${pid}/fd/${name}`, { throwIfNoEntry: false });
      return open?.dev === dev && open.ino === ino;
    });
  } catch {
    return false;
  }
}

function runsSpotreel(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return (stdout ?? '').includes('spotreel');
}
