import { readFileSync } from 'node:fs';
import { codeOf } from '../errors';

/** Stands for a start time that this system doesn't tell. */
const UNKNOWN_START_TIME = 'unknown';

/** States of /proc/<pid>/stat in which a process runs no more: zombie (nobody has reaped it yet) and dead. */
const ENDED_STATES = ['Z', 'X', 'x'];

/**
 * When a process started, in clock ticks since boot; together with the process id it names one process even after
 * the id is used again. `unknown` without Linux's /proc.
 */
export function processStartTime(pid: number): string {
  return readProcessStat(pid)?.startTime ?? UNKNOWN_START_TIME;
}

/** Whether the very process that had this start time still runs. */
export function isProcessAlive(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if (codeOf(error) !== 'EPERM') return false;
  }
  const stat = readProcessStat(pid);
  if (stat === undefined) return true;
  if (ENDED_STATES.includes(stat.state)) return false;
  return startTime === UNKNOWN_START_TIME || stat.startTime === startTime;
}

/** Source: proc_pid_stat(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readProcessStat(pid: number): { state: string; startTime: string } | undefined {
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
