import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { codeOf } from '../errors';

/** The start time where the system does not report one. It identifies no process. */
const UNKNOWN_START_TIME = 'unknown';

/** States in which a process no longer runs: zombie (not reaped yet) and dead. */
const ENDED_STATES = ['Z', 'X', 'x'];

/** A process at one moment: the first letter of its state, and when it started. */
interface ProcessStat {
  readonly state: string;
  readonly startTime: string;
}

/**
 * When a process started: on Linux in clock ticks since boot, elsewhere as `ps` prints it. With the process id it identifies one
 * process, even after the id is used again. `unknown` where neither is available.
 */
export function processStartTime(pid: number): string {
  return readProcessStat(pid)?.startTime ?? UNKNOWN_START_TIME;
}

/** Whether the process with this start time runs. With an unknown start time any process of that id counts. */
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
