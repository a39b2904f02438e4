import { isSupervisor } from './lifeline';
import { processIds, readProc } from './proc-files';

/**
 * The process id of the program that `withLifeline` started as `pid`: the oldest child of the supervisor, or `pid` itself
 * without one. `undefined` while the program has not started, and after it has ended. Linux only.
 */
export function programPid(pid: number, read = readProc, list = processIds): number | undefined {
  if (!isSupervisor(read(`/proc/${pid}/cmdline`).split('\0'))) return pid;
  // The kernel lists the oldest child first: the program, as orphans come later.
  const [first] = read(`/proc/${pid}/task/${pid}/children`).split(' ');
  return first ? Number(first) : oldestChild(pid, read, list);
}

/** For kernels without CONFIG_PROC_CHILDREN. */
function oldestChild(pid: number, read: typeof readProc, list: typeof processIds): number | undefined {
  const children = list()
    .map((id) => ({ id, ...parseStat(read(`/proc/${id}/stat`)) }))
    .filter(({ parent }) => parent === pid);
  return children.toSorted((a, b) => a.startTime - b.startTime)[0]?.id;
}

/** Source: proc_pid_stat(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function parseStat(stat: string): { parent: number; startTime: number } {
  // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), startTime: Number(fields[19]) };
}
