import { spawnSync } from 'node:child_process';
import { findExecutable } from './find-executable';

/** The path of a `setpriv` that knows `--pdeathsig`, `null` where there is none, `undefined` before the first look. */
let setpriv: string | null | undefined;

/**
 * The same command, started so that the kernel kills it (SIGKILL) when the thread that started it is gone, however
 * it went. Where that isn't possible (not Linux, no `setpriv` of util-linux 2.33 or newer) the command comes back as
 * it is. The process id stays the command's own, because `setpriv` becomes the command.
 *
 * Only this one process is covered: what it starts in turn needs its own lifeline. Between the start of `setpriv`
 * and its system call lie some microseconds in which a death goes unnoticed, so long-running programs of Spotreel's
 * own also watch for the end of their standard input.
 *
 * Source: PR_SET_PDEATHSIG, https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
 */
export function withLifeline(command: readonly string[]): string[] {
  setpriv ??= findSetpriv();
  return setpriv === null ? [...command] : [setpriv, '--pdeathsig', 'KILL', '--', ...command];
}

function findSetpriv(): string | null {
  if (process.platform !== 'linux') return null;
  const path = findExecutable('setpriv', process.env.PATH);
  if (path === undefined) return null;
  // Tried, not only found: BusyBox has a `setpriv` without this option.
  const probe = spawnSync(path, ['--pdeathsig', 'KILL', '--', path, '--version'], { stdio: 'ignore' });
  return probe.status === 0 ? path : null;
}
