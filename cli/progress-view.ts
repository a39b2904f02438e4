import { SingleBar } from 'cli-progress';
import { formatFrames } from '../core/render/frame-range';
import { formatSeconds, type RenderProgress } from './render-progress';

/** Seconds between plain lines where there is no terminal. */
const PLAIN_SECONDS = 5;

/** Shows how far a render is on standard error: a bar on a terminal, a plain line now and then elsewhere. */
export interface ProgressView {
  show(progress: RenderProgress): void;
  stop(): void;
}

export function createProgressView(stream: NodeJS.WriteStream, now: () => number): ProgressView {
  return stream.isTTY ? new BarView(stream, now) : new PlainView(stream, now);
}

class BarView implements ProgressView {
  private readonly bar: SingleBar;
  private started = false;

  constructor(
    stream: NodeJS.WriteStream,
    private readonly now: () => number,
  ) {
    const format = '{bar} {value} of {total} frames  {note}';
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

  show(progress: RenderProgress): void {
    const payload = { note: describeProgress(progress, this.now()) };
    if (this.started) this.bar.update(progress.done.size, payload);
    else this.bar.start(progress.total, progress.done.size, payload);
    this.started = true;
  }

  stop(): void {
    if (this.started) this.bar.stop();
  }
}

class PlainView implements ProgressView {
  private shownAt = Number.NEGATIVE_INFINITY;
  private shown = '';

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number,
  ) {}

  show(progress: RenderProgress): void {
    const at = this.now();
    if (at - this.shownAt < PLAIN_SECONDS * 1000) return;
    const line = `${progress.done.size} of ${progress.total} frames, ${describeProgress(progress, at)}`;
    if (line === this.shown) return;
    [this.shownAt, this.shown] = [at, line];
    this.stream.write(`${line}\n`);
  }

  stop(): void {
    // Every line that was written stands by itself.
  }
}

/** What goes on now, in a few words. */
export function describeProgress(progress: RenderProgress, at: number): string {
  if (progress.stitched !== undefined) return `video: ${progress.stitched} of ${progress.total} frames`;
  if (progress.done.size + progress.failed.size >= progress.total) return 'every frame is dealt with';
  const frames = progress.frames();
  const parts = [frames.length > 0 ? `rendering ${formatFrames(frames)}` : 'starting Blender'];
  if (progress.failed.size > 0) parts.push(`${progress.failed.size} failed`);
  const left = progress.secondsLeft(at);
  if (left !== undefined) parts.push(`about ${formatSeconds(left)} left`);
  return parts.join(', ');
}
