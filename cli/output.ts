import { createInterface } from 'node:readline/promises';
import { SingleBar } from 'cli-progress';
import { CommanderError } from 'commander';
import { codeOf, messageOf, SpotreelError } from '../core/errors';
import type { Finding } from '../core/render/manifest';
import { printable } from '../core/text';

/** Asks on the terminal. Throws `bad-usage` where there is none; `instead` says what to give then. */
export async function confirm(
  question: string,
  instead = 'give --yes to go on without being asked',
): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const message = `there is no terminal to ask on: ${instead}`;
    throw new SpotreelError('bad-usage', 'usage', message);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${printable(question)} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Seconds between plain lines where there is no terminal. */
const PLAIN_SECONDS = 5;

/** How far something is. */
export interface Reading {
  readonly total: number;
  readonly done: number;
  /** Both in words: `12 of 72 frames`. */
  readonly count: string;
  /** What goes on, and for how long still. */
  readonly note: string;
}

/** Shows how far something is: a bar on a terminal, a plain line now and then elsewhere. */
export interface Meter {
  show(reading: Reading): void;
  /** What is shown next stands below what was. */
  stop(): void;
}

/** `now` in milliseconds. */
export function createMeter(stream: NodeJS.WriteStream, now: () => number): Meter {
  return stream.isTTY ? new BarMeter(stream) : new PlainMeter(stream, now);
}

class BarMeter implements Meter {
  private readonly bar: SingleBar;
  private started = false;
  /** The bar hides the cursor and switches line wrap off. Whatever ends the program, the terminal gets both back. */
  private readonly restore = (): void => this.bar.stop();

  constructor(stream: NodeJS.WriteStream) {
    const format = '{bar} {count}  {note}';
    this.bar = new SingleBar({
      stream,
      format,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 24,
      hideCursor: true,
      gracefulExit: false,
    });
  }

  show({ total, done, ...payload }: Reading): void {
    if (this.started) {
      this.bar.update(done, payload);
      return;
    }
    process.once('exit', this.restore);
    this.bar.start(total, done, payload);
    this.started = true;
  }

  stop(): void {
    if (!this.started) return;
    process.off('exit', this.restore);
    this.bar.stop();
    this.started = false;
  }
}

class PlainMeter implements Meter {
  private shownAt = Number.NEGATIVE_INFINITY;
  private shown = '';

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number,
  ) {}

  show({ count, note }: Reading): void {
    const at = this.now();
    if (at - this.shownAt < PLAIN_SECONDS * 1000) return;
    const line = [count, note].filter(Boolean).join(', ');
    if (line === this.shown) return;
    [this.shownAt, this.shown] = [at, line];
    this.stream.write(`${line}\n`);
  }

  stop(): void {
    // Every line that was written stands by itself.
  }
}

/**
 * An error as one JSON object, of every command with `--json`: `{"error":{"code":"no-render","message":"…"}}`, and
 * `findings` if a scene has several faults. `code` is stable; `internal` is a fault of Spotreel. Pure.
 */
export function errorJson(error: unknown): string {
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '');
    return JSON.stringify({ error: { code: 'bad-usage', message } });
  }
  const code = error instanceof SpotreelError ? error.code : 'internal';
  const findings = error instanceof SpotreelError && 'findings' in error ? error.findings : undefined;
  const message = findings === undefined ? messageOf(error) : messageOf(error).split('\n', 1)[0];
  return JSON.stringify({ error: { code, message, findings } });
}

/** A finding in one line: `warning: image-missing: image "Wood" needs …`. */
export function describeFinding({ severity = 'error', code, message }: Finding): string {
  return printable(`${severity}: ${code}: ${message.replaceAll('\n', ' ')}`);
}

/** Writes each finding in a line of its own. */
export function reportFindings(
  findings: readonly Finding[],
  stream: NodeJS.WritableStream = process.stderr,
): void {
  for (const finding of findings) stream.write(`${describeFinding(finding)}\n`);
}

/** What asks a program to stop, and the exit code that a shell gives for it (128 + the signal's number). */
const STOP_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Calls `stop` once with the exit code when the program is asked to stop. A second signal ends the program at once.
 * Gives the function that stops listening.
 */
export function onStopSignal(stop: (exitCode: number) => void): () => void {
  let asked = false;
  const listeners = Object.entries(STOP_SIGNALS).map(([signal, exitCode]) => {
    const listener = () => {
      if (asked) process.exit(exitCode);
      asked = true;
      stop(exitCode);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => listeners.forEach((remove) => remove());
}

/** Whether a command was asked to stop. */
export interface StopRequest {
  /** Aborted then. */
  readonly signal: AbortSignal;
  /** What to end with then; 0 until then. */
  readonly exitCode: () => number;
  /** Stops listening. */
  readonly release: () => void;
}

/** Listens for signals that ask the program to stop, and aborts `stop` by the first. */
export function listenForStop(stop = new AbortController()): StopRequest {
  let exitCode = 0;
  const release = onStopSignal((code) => {
    exitCode = code;
    stop.abort();
  });
  return { signal: stop.signal, exitCode: () => exitCode, release };
}

/** What a shell gives for SIGPIPE, 128 + 13. Node ignores this signal, and writing fails instead. */
const BROKEN_PIPE_EXIT = 141;

/**
 * Ends the program without a message once nothing reads its output any more, as after `spotreel list | head -1`. If nothing
 * reads its notes, the program works on.
 */
export function exitWithItsReader(output: NodeJS.WritableStream, notes: NodeJS.WritableStream): void {
  output.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
    process.exit(BROKEN_PIPE_EXIT);
  });
  notes.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
  });
}
