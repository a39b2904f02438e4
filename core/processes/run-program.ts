import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join, posix, win32 } from 'node:path';
import type { Readable } from 'node:stream';
import { cutBytes } from '../text';
import { processIds, readProc } from './claim';

/** Also beside the bundles. */
const SUPERVISOR = join(__dirname, 'supervise.pl');

/** The machines that `supervise.pl` knows. */
const SUPERVISED_MACHINES = ['x64', 'arm64'];

interface Launcher {
  /** The first arguments of each command. */
  readonly prefix: readonly string[];
  /** Kills the program and, under a supervisor, its descendants. */
  readonly killSignal: NodeJS.Signals;
}

let launcher: Launcher | undefined;

/**
 * The same command under a supervisor. Once the supervisor has exited, with the program's exit code or signal, no descendant is alive. If
 * the caller dies, the supervisor kills all. The caller must start the command itself: the supervisor compares its parent's process id.
 *
 * Without perl, `setpriv` kills only the program when the caller dies. Outside Linux, returns the command unchanged.
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
function isSupervisor(argv: readonly string[]): boolean {
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

/** How a program ended; exactly one field is not `null`. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long a program's pipes may stay open after it has exited. */
const PIPE_GRACE_MS = 2_000;

/** From the kill signal to a SIGKILL of the supervisor itself. */
const LAST_RESORT_MS = 10_000;

/**
 * Resolves when the program has exited and its pipes are closed, by force two seconds after the exit. Rejects if the program
 * could not be started.
 */
export function endOf(child: ChildProcess): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => {
      // Also emitted when a signal could not be sent, which does not end the program.
      if (child.pid === undefined) reject(error);
    });
    let grace: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      // One turn of the event loop reads the bytes that are in the pipes.
      grace = setTimeout(() => setImmediate(() => closePipes(child)), PIPE_GRACE_MS);
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(grace);
      resolve({ exitCode, signal });
    });
  });
}

/** Sends SIGTERM, and kills the program and its descendants after the grace period. */
export function stopProgram(child: ChildProcess, graceMs: number): void {
  child.kill('SIGTERM');
  setTimeout(() => killProgram(child), graceMs).unref();
}

/** Kills a program of `withLifeline` and its descendants. */
export function killProgram(child: ChildProcess): void {
  child.kill(killSignal());
  // A supervisor that was stopped (SIGSTOP) reads no other signal.
  child.kill('SIGCONT');
  // SIGKILL first would leave the supervisor's descendants alive.
  setTimeout(() => child.kill('SIGKILL'), LAST_RESORT_MS).unref();
}

function closePipes({ stdio }: ChildProcess): void {
  for (const stream of stdio) stream?.destroy();
}

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

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** The whole standard input. */
  readonly input?: Uint8Array;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ProgramOutput {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The most bytes to keep of each output. */
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

/** The most characters of standard error in an error message. */
const MOST_QUOTED = 1_000;

/**
 * Runs a program under `withLifeline` and returns its output. Throws if the program cannot start, ends with another exit code than 0 or
 * takes longer than `timeoutMs`, or if the signal aborts. No process of it is alive afterwards.
 */
export async function runProgram(command: readonly string[], options: RunOptions): Promise<ProgramOutput> {
  const { environment, input, timeoutMs, signal } = options;
  if (signal?.aborted) throw new Error(`${command[0]} was stopped before it began`);
  const [program, ...argv] = withLifeline(command);
  const child = spawn(program!, argv, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  const [stdout, stderr] = [keep(child.stdout), keep(child.stderr)];
  feed(child, input);
  let killedFor: string | undefined;
  const kill = (reason: string) => {
    killedFor ??= reason;
    killProgram(child);
  };
  const stop = () => kill('it was stopped');
  signal?.addEventListener('abort', stop, { once: true });
  const overdue =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => kill(`it took longer than ${timeoutMs / 1000} s`), timeoutMs);
  try {
    const end = await endOf(child);
    const output = { stdout: stdout(), stderr: stderr() };
    const how = end.signal === null ? `it ended with exit code ${end.exitCode}` : `it ended by ${end.signal}`;
    if (killedFor === undefined && end.exitCode === 0) return output;
    const words = output.stderr.toString().trim().slice(-MOST_QUOTED);
    throw new Error([`${command[0]} failed: ${killedFor ?? how}`, ...(words ? [words] : [])].join('; '));
  } finally {
    clearTimeout(overdue);
    signal?.removeEventListener('abort', stop);
  }
}

function feed({ stdin }: ChildProcess, input: Uint8Array | undefined): void {
  // The program may end before it has read everything.
  stdin?.on('error', () => undefined);
  stdin?.end(input);
}

/** Collects the bytes of a stream, up to a limit. */
function keep(stream: Readable): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    if (bytes + chunk.byteLength <= MOST_OUTPUT_BYTES) chunks.push(chunk);
    bytes += chunk.byteLength;
  });
  return () => Buffer.concat(chunks);
}

/** Bytes of a line of Blender's or ffmpeg's output; the rest of a longer line is dropped. */
export const MOST_LINE_BYTES = 64 * 1024;

const [LINE_FEED, CARRIAGE_RETURN] = [0x0a, 0x0d];

/**
 * Cuts a stream of bytes into lines, without their line ends (LF, CR LF or CR). A line over `mostBytes` is cut and ends with a note of
 * how many bytes were dropped, so that output without line ends can't fill the memory.
 */
export class LineSplitter {
  readonly #line: Buffer;
  readonly #onLine: (line: string) => void;
  #length = 0;
  #droppedBytes = 0;
  #isAfterReturn = false;

  constructor(onLine: (line: string) => void, mostBytes = MOST_LINE_BYTES) {
    this.#onLine = onLine;
    this.#line = Buffer.allocUnsafe(mostBytes);
  }

  push(chunk: Uint8Array): void {
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
        this.#isAfterReturn = false;
        continue;
      }
      if (byte === LINE_FEED && this.#isAfterReturn) {
        this.#isAfterReturn = false;
      } else {
        this.#keep(chunk.subarray(start, at));
        this.#endLine();
        this.#isAfterReturn = byte === CARRIAGE_RETURN;
      }
      start = at + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** Passes on a last line without a line end. */
  end(): void {
    if (this.#length > 0) this.#endLine();
  }

  #keep(part: Uint8Array): void {
    const kept = part.subarray(0, this.#line.length - this.#length);
    this.#line.set(kept, this.#length);
    this.#length += kept.length;
    this.#droppedBytes += part.length - kept.length;
  }

  #endLine(): void {
    const bytes = this.#line.subarray(0, this.#length);
    const line = this.#droppedBytes > 0 ? cutBytes(bytes, this.#droppedBytes) : bytes.toString();
    this.#length = 0;
    this.#droppedBytes = 0;
    this.#onLine(line);
  }
}

/** Where programs are looked for. */
export interface System {
  readonly platform: NodeJS.Platform;
  /** Windows: endings of programs, `;` between them, as in the variable PATHEXT. */
  readonly endings?: string;
  readonly isExecutable: (path: string) => boolean;
}

const THIS_SYSTEM: System = { platform: process.platform, endings: process.env.PATHEXT, isExecutable };

/** Folders to look in if an environment has no `PATH`. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Windows without PATHEXT. https://learn.microsoft.com/windows-server/administration/windows-commands/start */
const DEFAULT_ENDINGS = '.COM;.EXE;.BAT;.CMD';

/**
 * The absolute path of the program that `name` would start; `undefined` if it is missing. A name with a separator in it is
 * a path and is not searched for, as in execvp(3). On Windows `blender` finds `blender.exe`.
 */
export function findExecutable(
  name: string,
  searchPath: string = DEFAULT_PATH,
  { platform, endings = DEFAULT_ENDINGS, isExecutable: isProgram }: System = THIS_SYSTEM,
): string | undefined {
  const path = platform === 'win32' ? win32 : posix;
  const isPath = name.includes('/') || name.includes(path.sep);
  const names = platform === 'win32' ? withEndings(name, endings) : [name];
  if (isPath) return names.map((file) => path.resolve(file)).find(isProgram);
  return searchPath
    .split(path.delimiter)
    .filter((directory) => directory !== '')
    .flatMap((directory) => names.map((file) => path.resolve(directory, file)))
    .find(isProgram);
}

/** A name that has one of the endings stays as it is. */
function withEndings(name: string, endings: string): string[] {
  const known = endings.toLowerCase().split(';').filter(Boolean);
  const isComplete = known.some((ending) => name.toLowerCase().endsWith(ending));
  return isComplete ? [name] : known.map((ending) => name + ending);
}

/** Where Homebrew puts programs on Apple silicon and on Intel. https://docs.brew.sh/Installation */
const HOMEBREW = ['/opt/homebrew/bin', '/usr/local/bin'];

/** Paths to try for a program that is not on PATH, as in a terminal that does not know Homebrew. Pure. */
export function usualPaths(program: 'blender' | 'ffmpeg', platform: NodeJS.Platform): string[] {
  if (platform !== 'darwin') return [];
  const bundle = program === 'blender' ? ['/Applications/Blender.app/Contents/MacOS/Blender'] : [];
  return [...bundle, ...HOMEBREW.map((folder) => `${folder}/${program}`)];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
