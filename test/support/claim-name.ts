import { type Claim, processStartTime, thisWorld } from '../../core/processes/claim';

/** The name of a claim's file. It is of this process except for what is given; its time is the earliest possible one. */
export function claimName(given: Partial<Claim> = {}): string {
  const usual = { ...thisWorld(), pid: process.pid, startTime: processStartTime(process.pid) };
  const { host, boot, pids, pid, startTime, hostName } = { ...usual, ...given };
  return ['000000000000001', 'abcdef01', host, boot, pids, pid, startTime, hostName].join('_');
}

/** A claim of another machine. Its process id is that of a process here, which must not matter. */
export const ELSEWHERE = { host: 'f00d', boot: 'beef', hostName: 'render-2', pid: 1 };
