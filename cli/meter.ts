import { SingleBar } from 'cli-progress';

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
