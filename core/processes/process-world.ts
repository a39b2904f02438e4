import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where a process id identifies a process: one boot of one machine, and there one PID namespace. */
export interface ProcessWorld {
  /** The machine, the same after a reboot: a digest of its machine id and its name. */
  readonly host: string;
  /** The machine's name, for people. */
  readonly hostName: string;
  /** A digest of the boot id: another one after each boot, and on every other machine. `0` where the system has none. */
  readonly boot: string;
  /** The PID namespace; `0` where the system has none. */
  readonly pids: string;
}

let world: ProcessWorld | undefined;

/** The world of this process. A digest or number holds letters and digits only, `hostName` also `.` and `-`. */
export function thisWorld(): ProcessWorld {
  return (world ??= findWorld());
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

/** Source: machine-id(5). Machines without one are told apart by their names alone. */
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
