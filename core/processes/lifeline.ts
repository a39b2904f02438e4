import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findExecutable } from './find-executable';

/** It is beside the bundles too. */
const SUPERVISOR = join(__dirname, 'supervise.pl');

/** The machines that `supervise.pl` knows. */
const SUPERVISED_MACHINES = ['x64', 'arm64'];

interface Launcher {
  /** The start of each command. */
  readonly prefix: readonly string[];
  /** Ends the program at once, with all that it started where that is possible. */
  readonly killSignal: NodeJS.Signals;
}

let launcher: Launcher | undefined;

/**
 * The same command under a supervisor: once the process of this command has exited, no process that it started is alive. When
 * the caller dies, all of them are killed. The caller must start the command itself, because the supervisor compares its parent
 * with the caller's process id. The supervisor exits with the program's exit code or signal.
 *
 * Without perl, `setpriv` ties the program alone to its caller. Outside Linux the command comes back unchanged.
 */
export function withLifeline(command: readonly string[]): string[] {
  launcher ??= findLauncher();
  return [...launcher.prefix, ...command];
}

/** The signal that kills a program started by `withLifeline`, and under a supervisor all of its descendants. */
export function killSignal(): NodeJS.Signals {
  launcher ??= findLauncher();
  return launcher.killSignal;
}

/** Whether a process is the supervisor of a program, by its arguments. */
export function isSupervisor(argv: readonly string[]): boolean {
  return argv[1] === SUPERVISOR;
}

function findLauncher(): Launcher {
  const { platform, arch, pid, env } = process;
  if (platform !== 'linux') return { prefix: [], killSignal: 'SIGKILL' };
  const perl = findExecutable('perl', env.PATH);
  if (perl !== undefined && SUPERVISED_MACHINES.includes(arch)) {
    return { prefix: [perl, SUPERVISOR, String(pid)], killSignal: 'SIGUSR1' };
  }
  const setpriv = findSetpriv();
  return { prefix: setpriv === undefined ? [] : setpriv, killSignal: 'SIGKILL' };
}

/** Source: PR_SET_PDEATHSIG, https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html */
function findSetpriv(): string[] | undefined {
  const path = findExecutable('setpriv', process.env.PATH);
  if (path === undefined) return undefined;
  const prefix = [path, '--pdeathsig', 'KILL', '--'];
  // BusyBox has a `setpriv` without this option.
  const probe = spawnSync(path, [...prefix.slice(1), path, '--version'], { stdio: 'ignore' });
  return probe.status === 0 ? prefix : undefined;
}
