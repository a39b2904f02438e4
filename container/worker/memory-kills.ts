import { readFileSync } from 'node:fs';

/**
 * Where Linux counts the processes that it ended for want of memory: of this container (cgroup 2, cgroup 1), and of the
 * whole machine. https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
 */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control', '/proc/vmstat'];

/** A number that grows when the kernel ends a process for want of memory; 0 where nothing tells. */
export function countMemoryKills(read: (path: string) => string = readText): number {
  return COUNTERS.reduce((sum, path) => sum + countIn(read(path)), 0);
}

function countIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** The most memory that a living process has had, in bytes; `undefined` where the system does not tell. Linux only. */
export function peakMemoryBytes(pid: number, read: (path: string) => string = readText): number | undefined {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
