import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { SingleBar } from 'cli-progress';
import { CommanderError } from 'commander';
import { codeOf, messageOf, SpotreelError } from '../core/errors';
import type { Finding } from '../core/render/manifest';
import { printable } from '../core/text';

/** Writes a line for the user to standard error; standard output is for results. */
export function say(text: string): void {
  print(printable(text), process.stderr);
}

/** A line for each name and its text, the texts in a column that begins after `width` characters. */
export function describeRows(rows: Iterable<readonly [name: string, text: string]>, width = 14): string[] {
  return Array.from(rows, ([name, text]) => `  ${name.padEnd(width)}${text.replaceAll('\n', ' ')}`);
}

/** Asks on the terminal. Throws `bad-usage` without one, with the advice `instead`. */
export async function confirm(
  question: string,
  instead = 'give --yes to continue without confirmation',
): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const message = `cannot ask for confirmation without a terminal: ${instead}`;
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

/** The progress of some work. */
export interface Reading {
  readonly total: number;
  readonly done: number;
  /** Both in words: `12 of 72 frames`. */
  readonly count: string;
  /** The current work and the remaining time. */
  readonly note: string;
}

/** Shows progress: a bar on a terminal, otherwise a plain line every few seconds. */
export interface Meter {
  show(reading: Reading): void;
  /** Ends the line of the bar. */
  stop(): void;
}

/** `now` in milliseconds. */
export function createMeter(stream: NodeJS.WriteStream, now: () => number): Meter {
  return stream.isTTY ? new BarMeter(stream) : new PlainMeter(stream, now);
}

/** Columns of the bar on wide and narrow terminals. */
const BAR = { usual: 24, narrow: 10, narrowBelow: 90 };

class BarMeter implements Meter {
  private readonly bar: SingleBar;
  private readonly barSize: number;
  private started = false;
  /** The bar hides the cursor and disables line wrap; this restores both at the end of the program. */
  private readonly restore = (): void => this.bar.stop();

  constructor(private readonly stream: NodeJS.WriteStream) {
    const format = '{bar} {count}  {note}';
    this.barSize = columnsOf(stream, BAR.narrowBelow) < BAR.narrowBelow ? BAR.narrow : BAR.usual;
    this.bar = new SingleBar({
      stream,
      format,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: this.barSize,
      hideCursor: true,
      gracefulExit: false,
    });
  }

  show({ total, done, ...words }: Reading): void {
    const payload = fitReading(words, columnsOf(this.stream, Infinity) - this.barSize - 1);
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

/** Shortens both texts to so many columns: a line with a bar cannot wrap. Pure. */
export function fitReading(
  { count, note }: Pick<Reading, 'count' | 'note'>,
  columns: number,
): Pick<Reading, 'count' | 'note'> {
  const short = shorten(count, Math.max(1, columns - 1));
  const room = columns - widthOf(short) - 3;
  return { count: short, note: room < 1 ? '' : shorten(note, room) };
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
    // Plain lines need no end.
  }
}

/**
 * An error as JSON for commands with `--json`: `{"error":{"code":"no-render","message":"…"}}`, with `findings` for
 * several faults of a scene. `code` is stable; `internal` is a bug in Spotreel. Pure.
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

/** A stream that may be a terminal. */
type Terminal = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

/** The columns of a terminal; `otherwise` for other streams. */
function columnsOf({ isTTY, columns }: Terminal, otherwise: number): number {
  return isTTY && columns ? columns : otherwise;
}

const WIDE =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;
const ZERO_WIDTH = /\p{M}/u;

/** Columns of a text on a terminal. */
function widthOf(text: string): number {
  let width = 0;
  for (const letter of text) width += ZERO_WIDTH.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1;
  return width;
}

/** Shortens a text to so many columns, 1 or more, with `…` in its middle. Pure. */
export function shorten(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const letters = Array.from(text);
  const [head, tail]: [string[], string[]] = [[], []];
  let left = columns - 1;
  for (let isHead = true; ; isHead = !isHead) {
    const letter = isHead ? letters.shift() : letters.pop();
    left -= letter === undefined ? Infinity : widthOf(letter);
    if (left < 0) return `${head.join('')}…${tail.toReversed().join('')}`;
    (isHead ? head : tail).push(letter!);
  }
}

/** Widest label for indenting continued lines. */
const MOST_INDENT = 28;

/** A word, with units that follow its number: `5 s` and `2 min 10 s` stay in one line. */
const WORD = /\s*\S+(?:(?<=\d) (?:%|s|min|h|[KMG]i?B|USD|fps|vCPUs?)(?!\w)(?: \d+(?= s| min))?\S*)*/g;

/** Wraps lines at spaces, indented behind a label; never breaks words, or a number and its unit. Pure. */
export function wrap(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, columns))
    .join('\n');
}

function wrapLine(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  const label = new RegExp(`^.{0,${MOST_INDENT - 2}} {2}(?=\\S)`, 'u').exec(line)?.[0] ?? '';
  const indent = ' '.repeat(label === '' ? 2 : Math.min(widthOf(label), Math.floor(columns / 2)));
  let current = label;
  let lines: string[] = [];
  const words = line.slice(label.length).match(WORD) ?? [];
  for (const word of words) {
    const isFirst = current.trim() === '' || current === label;
    if (isFirst || widthOf(current + word) <= columns) {
      current += isFirst ? word.trimStart() : word;
    } else {
      lines = [...lines, current];
      current = indent + word.trimStart();
    }
  }
  return [...lines, current].join('\n');
}

type Color = Parameters<typeof styleText>[0];

/** Coloured words at the start of a line and behind the name of a render. */
const COLORS: ReadonlyArray<readonly [pattern: RegExp, color: Color]> = [
  [/^(?:spotreel|error|wrong|failed)(?=[: ])/gm, 'red'],
  [/^(?:warning|partial|stopped)(?=[: ])/gm, 'yellow'],
  [/^ok(?= )/gm, 'green'],
  [/^(?:note|skipped)(?=[: ])/gm, 'gray'],
  [/^(?:picture|report|video|frames):/gm, 'bold'],
  [/(?<=^ *[^\s:]+(?::| ) *)complete(?=$| {2})/gm, 'green'],
  [/(?<=^ *[^\s:]+(?::| ) *)(?:failed|refused)(?=$| {2})/gm, 'red'],
  [/(?<=^ *[^\s:]+(?::| ) *)(?:partial|stopped)(?=$|:| {2})/gm, 'yellow'],
  [/(?<=^ *[^\s:]+(?::| ) *)(?:rendering|making the video|waiting)(?=$| {2})/gm, 'cyan'],
];

/**
 * Writes lines for people, wrapped and coloured on a terminal that has colours (`NO_COLOR` turns them off). Text from
 * a scene must have passed `printable`.
 */
export function print(text: string, stream: Terminal): void {
  const wrapped = wrap(text, columnsOf(stream, Infinity));
  const color = (found: string, style: Color) => styleText(style, found, { stream });
  stream.write(
    `${COLORS.reduce((all, [pattern, style]) => all.replace(pattern, (found) => color(found, style)), wrapped)}\n`,
  );
}

/** `2026-11-30 14:05` in local time (`TZ`), from ISO 8601; other texts stay unchanged. */
export function localTime(at: string, seconds = false): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return `${day} ${time}${seconds ? `:${two(date.getSeconds())}` : ''}`;
}

/** A finding in one line: `warning: image-missing: image "Wood" needs …`. */
export function describeFinding({ severity = 'error', code, message }: Finding): string {
  return printable(`${severity}: ${code}: ${message.replaceAll('\n', ' ')}`);
}

/** Writes each finding in a line of its own. */
export function reportFindings(findings: readonly Finding[], stream: Terminal = process.stderr): void {
  for (const finding of findings) print(describeFinding(finding), stream);
}

/** Stop signals and their exit codes in a shell (128 + number). */
const STOP_SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * Calls `stop` once with the exit code on a stop signal; a second signal ends the program at once. Returns the
 * function that stops listening.
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

/** A request to stop a command. */
export interface StopRequest {
  /** Aborted on the first signal. */
  readonly signal: AbortSignal;
  /** Exit code of the signal; 0 without one. */
  readonly exitCode: () => number;
  /** Stops listening. */
  readonly release: () => void;
}

/** Listens for stop signals, and aborts `stop` on the first. */
export function listenForStop(stop = new AbortController()): StopRequest {
  let exitCode = 0;
  const release = onStopSignal((code) => {
    exitCode = code;
    stop.abort();
  });
  return { signal: stop.signal, exitCode: () => exitCode, release };
}

/** Exit code of a shell for SIGPIPE, 128 + 13. Node ignores the signal, and writes fail instead. */
const BROKEN_PIPE_EXIT = 141;

/**
 * Ends the program silently once its output is closed, as after `spotreel list | head -1`. Closed notes do not end
 * it.
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
