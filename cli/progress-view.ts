import { countOf } from '../core/count-words';
import { formatFrames } from '../core/render/frame-range';
import { createMeter } from './meter';
import { formatSeconds } from '../core/format-seconds';
import type { RenderProgress } from './render-progress';

/** Shows how far a render is on standard error. */
export interface ProgressView {
  show(progress: RenderProgress): void;
  stop(): void;
}

export function createProgressView(stream: NodeJS.WriteStream, now: () => number): ProgressView {
  const meter = createMeter(stream, now);
  return {
    show: (progress) => {
      const { total, done } = progress;
      const count = `${done.size} of ${countOf(total, 'frame')}`;
      meter.show({ total, done: done.size, count, note: describeProgress(progress, now()) });
    },
    stop: () => meter.stop(),
  };
}

/** What goes on now, in a few words. */
export function describeProgress(progress: RenderProgress, at: number): string {
  if (progress.stitched !== undefined)
    return `video: ${progress.stitched} of ${countOf(progress.total, 'frame')}`;
  if (progress.done.size + progress.failed.size >= progress.total) return 'every frame is dealt with';
  const frames = progress.frames();
  const parts = [frames.length > 0 ? `rendering ${describeFrames(frames)}` : 'starting Blender'];
  if (progress.failed.size > 0) parts.push(`${progress.failed.size} failed`);
  const left = progress.secondsLeft(at);
  if (left !== undefined) parts.push(`about ${formatSeconds(left)} left`);
  return parts.join(', ');
}

/** `3-5`, or `3 (40 %), 17` once a frame takes long enough for Blender to say how far it is. */
function describeFrames(frames: ReturnType<RenderProgress['frames']>): string {
  if (frames.every(({ part }) => part === undefined)) return formatFrames(frames.map(({ frame }) => frame));
  return frames
    .map(({ frame, part }) => (part === undefined ? `${frame}` : `${frame} (${Math.floor(part * 100)} %)`))
    .join(', ');
}
