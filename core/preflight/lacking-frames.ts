import type { CacheFrames } from '../blend/contents/blend-contents';
import { formatFrameRanges } from '../render/frame-range';
import type { FrameSpan } from './played-frames';

/** Frames of one cache that are looked for. */
const LONGEST_CACHE = 100_000;

/**
 * Frames that a simulation's disk cache should hold and that have no file, such as `frames 2-5 of modifier "Cloth"`:
 * pure. `names` are the files of the cache's folder. Blender holds the first and the last frame outside the cache's range.
 */
export function lackingFrames(
  caches: readonly CacheFrames[],
  names: ReadonlySet<string>,
  scene?: FrameSpan,
): string[] {
  return caches.flatMap(({ usedBy, head, tail, start, end, step }) => {
    const within = (frame: number): number => Math.min(Math.max(frame, start), end);
    const last = within(scene?.end ?? end);
    if (last - start >= LONGEST_CACHE || step < 1) return [];
    // What is between two frames of the cache is worked out from both.
    const first = start + Math.floor((within(scene?.start ?? start) - start) / step) * step;
    const lacking: number[] = [];
    for (let frame = first; frame <= last; frame += step) {
      if (!names.has(`${head}${String(frame).padStart(6, '0')}${tail}`)) lacking.push(frame);
    }
    if (lacking.length === 0) return [];
    const ranges = formatFrameRanges(runsOf(lacking, step));
    return [`${lacking.length > 1 ? 'frames' : 'frame'} ${ranges} of ${usedBy}`];
  });
}

/** Frames that follow each other in steps. */
function runsOf(frames: readonly number[], step: number): { start: number; end: number; step: number }[] {
  const runs: { start: number; end: number; step: number }[] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last && frame === last.end + step) last.end = frame;
    else runs.push({ start: frame, end: frame, step });
  }
  return runs;
}
