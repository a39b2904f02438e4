import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { blenderStandIn } from './blender-stand-in';
import { ROOT } from './source-files';

/** The result of a finished program. */
export interface Finished {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** The user that it runs as; `readableDist` gives the programs. Only root can run as another user. */
  readonly user?: { readonly id: number; readonly dist: string };
  /** Runs it as on another machine of this name: with a host name and process ids of its own. Linux, as root. */
  readonly machine?: string;
}

/** `--kill-child`: the machine ends with the process that this makes. */
const OTHER_MACHINE = ['--uts', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
const NAMED = ['sh', '-c', 'hostname "$0" && exec "$@"'];

/** A started program, and its end. */
export interface Started {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Copies dist/ to a folder that every user can read: the checkout may be readable by its owner only. */
export function readableDist(folder: string): string {
  cpSync(join(ROOT, 'dist'), folder, { recursive: true });
  chmodSync(folder, 0o755);
  return folder;
}

/** Starts a program of dist/ as a user would. */
export function startProgram(
  program: 'spotreel' | 'worker',
  args: readonly string[],
  options: RunOptions = {},
): Started {
  const { id, dist = join(ROOT, 'dist') } = options.user ?? {};
  const bundle = join(dist, `${program}.js`);
  if (!existsSync(bundle)) throw new Error(`there is no ${bundle}: run npm test, or npm run build first`);
  const command = [process.execPath, bundle, ...args];
  const { machine } = options;
  const [name, ...rest] =
    machine === undefined ? command : ['unshare', ...OTHER_MACHINE, ...NAMED, machine, ...command];
  const child = spawn(name!, rest, {
    cwd: options.cwd,
    env: { ...usualEnvironment(options), ...process.env, ...options.environment },
    ...(id !== undefined && { uid: id, gid: id }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => (stdout += data));
  child.stderr.on('data', (data) => (stderr += data));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { process: child, finished };
}

/** Gives a program a Blender that knows its version, unless the program runs as another user or with another PATH. */
function usualEnvironment({ user, environment }: RunOptions): NodeJS.ProcessEnv {
  if (user !== undefined || environment?.PATH !== undefined) return {};
  const blender = blenderStandIn();
  return blender === undefined ? {} : { SPOTREEL_BLENDER: blender };
}

/** Runs `spotreel` to its end. */
export function spotreel(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return startProgram('spotreel', args, options).finished;
}

/** Runs the worker to its end, as a container would. */
export function worker(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return startProgram('worker', args, options).finished;
}
