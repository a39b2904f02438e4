import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../errors';
import { openRegularFile } from '../storage/regular-file';
import { isProcessAlive, isSameProcess, processStartTime } from './process-identity';
import { thisWorld, type ProcessWorld } from './process-world';

/** A claim on a directory: a file whose name holds all of it, so that it appears whole or not at all. */
export interface Claim extends ProcessWorld {
  /** Of the file. Earlier claims sort first, by the clocks of their machines. */
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

/** A claim of a process that runs, as far as it can be known. */
export interface LivingClaim extends Claim {
  /** Whether the process can be looked up by its id: it runs on this machine, and not in another container. */
  readonly isHere: boolean;
  /** Since the claim was last refreshed; 0 for one that is here. */
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

/** The claim that a file's name holds; none for a file that is no claim. */
export function parseClaim(name: string): Claim[] {
  const [time, id, host, boot, pids, digits = '', startTime, hostName, ...rest] = name.split('_');
  if (!time || !id || !host || !boot || !pids || !startTime || !hostName || rest.length > 0) return [];
  // Process 0 and negative numbers would be whole groups of processes.
  if (!/^[1-9]\d{0,9}$/.test(digits)) return [];
  return [{ name, host, boot, pids, pid: Number(digits), startTime, hostName }];
}

/** Whether one process put down both claims. */
export function isSameClaimant(one: Claim, other: Claim): boolean {
  return one.pid === other.pid && one.boot === other.boot && one.pids === other.pids;
}

/** Marks the claim as alive. The file server sets the time: clocks of machines differ. Throws `ENOENT` if the file is gone. */
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
  // A folder, link or pipe with a claim's name is no claim.
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

/** Opened first: a network file system then asks its server instead of its cache. `undefined` for a file that is gone. */
function lastRefresh(path: string): number | undefined {
  let file: number | undefined;
  try {
    file = openRegularFile(path, 'read');
    return fstatSync(file).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    // Without the right to read it, its time is visible all the same.
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
