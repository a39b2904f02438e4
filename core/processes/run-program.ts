import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { withLifeline } from './lifeline';
import { endOf, killProgram } from './program-end';

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

/** The most that is kept of each output, in bytes. */
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

/** The most of standard error that an error message quotes, in characters. */
const MOST_QUOTED = 1_000;

/**
 * Runs a program to its end under `withLifeline`, and gives its output. Throws if the program cannot be started, ends with
 * another exit code than 0, takes longer than `timeoutMs`, or the signal aborts. No process of it is alive afterwards.
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

/** Collects what a stream gives, up to a limit. */
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
