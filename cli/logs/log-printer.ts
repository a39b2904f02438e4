import { once } from 'node:events';
import { codeOf } from '../../core/errors';
import type { LogJob } from '../../core/logs/choose-logs';
import { FrameLines, type ToldLine } from '../../core/logs/frame-lines';
import type { LogLine } from '../../core/logs/job-logs';
import { printable } from '../../core/printable';
import { describeLine, lineJson, type LineContext } from './describe-line';

export type LogFormat = 'words' | 'json' | 'raw';

/** Writes some lines; gives how many of them were wanted. */
export type PrintLines = (lines: readonly LogLine[]) => Promise<number>;

/** Writes lines of logs to a stream no faster than it takes them, and what is said about them to another. */
export class LogPrinter {
  /** Resolves when nobody reads any more. */
  readonly closed: Promise<undefined>;

  constructor(
    private readonly format: LogFormat,
    private readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean },
    private readonly notes: NodeJS.WritableStream,
  ) {
    this.closed = new Promise((resolve, reject) => {
      output.on('error', (error) => (codeOf(error) === 'EPIPE' ? resolve(undefined) : reject(error)));
    });
  }

  say(text: string): void {
    this.notes.write(`${printable(text)}\n`);
  }

  /** For the lines of one attempt, in order; of a frame its own alone. */
  forAttempt({ slice, frame }: LogJob, attempt: number): PrintLines {
    const frames = new FrameLines();
    return async (lines) => {
      const told = lines.map((line) => ({ line, seen: frames.read(line.text) }));
      const wanted = frame === undefined ? told : told.filter(({ seen }) => seen.frame === frame);
      await this.write(wanted.map(({ line, seen }) => `${this.textOf(line, seen, { slice, attempt })}\n`));
      return wanted.length;
    };
  }

  private async write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 || this.output.write(lines.join(''))) return;
    await Promise.race([once(this.output, 'drain'), this.closed]);
  }

  /** Raw is as it was written, but not to a terminal, which could be made to do things. */
  private textOf(line: LogLine, seen: ToldLine, context: LineContext): string {
    if (this.format === 'json') return lineJson(line, seen, context);
    if (this.format === 'words') return describeLine(line, seen, context);
    return this.output.isTTY ? printable(line.text) : line.text;
  }
}
