/** Frames `start`, `start + step`, … up to and including `end`. */
export interface FrameRange {
  readonly start: number;
  readonly end: number;
  /** At least 1. */
  readonly step: number;
}

/** Ranges in ascending order that share no frame: a list of frames in a few numbers, however long it is. */
export type FrameRanges = readonly FrameRange[];

/** Blender's own limits of a frame number (MINAFRAME and MAXFRAME in its DNA_scene_types.h). */
export const MIN_FRAME = -1_048_574;
export const MAX_FRAME = 1_048_574;

/** The range with its `end` moved back to its last frame, and step 1 where it is a single frame. */
export function rangeOf(start: number, end: number, step: number): FrameRange {
  const last = start + Math.floor((end - start) / step) * step;
  return { start, end: last, step: last === start ? 1 : step };
}

/** How many frames the ranges hold. */
export function countFrames(ranges: FrameRanges): number {
  return ranges.reduce((sum, range) => sum + countOf(range), 0);
}

function countOf({ start, end, step }: FrameRange): number {
  return Math.floor((end - start) / step) + 1;
}

/** Every frame in order. */
export function* framesOf(ranges: FrameRanges): Generator<number> {
  for (const { start, end, step } of ranges) {
    for (let frame = start; frame <= end; frame += step) yield frame;
  }
}

/** Where a frame stands in the whole list, 0-based; `undefined` where it does not. */
export function positionOf(frame: number, ranges: FrameRanges): number | undefined {
  let offset = 0;
  for (const range of ranges) {
    const { start, end, step } = range;
    if (frame >= start && frame <= end && (frame - start) % step === 0)
      return offset + (frame - start) / step;
    offset += countOf(range);
  }
  return undefined;
}

/** The frames at positions `first` to `last` (both inclusive, 0-based) of the whole list. */
export function framesAt(ranges: FrameRanges, first: number, last: number): number[] {
  const frames: number[] = [];
  let offset = 0;
  for (const range of ranges) {
    const count = countOf(range);
    const from = Math.max(first - offset, 0);
    const to = Math.min(last - offset, count - 1);
    for (let i = from; i <= to; i += 1) frames.push(range.start + i * range.step);
    offset += count;
  }
  return frames;
}

/** Ascending frames as the ranges that say the same in few words. */
export function compressFrames(frames: readonly number[]): FrameRanges {
  const ranges: FrameRange[] = [];
  let i = 0;
  while (i < frames.length) {
    const length = runLength(frames, i);
    const step = length > 1 ? frames[i + 1]! - frames[i]! : 1;
    // Two frames are a range only when they are neighbours: "3-9x6" reads worse than "3,9".
    const taken = length === 2 && step > 1 ? 1 : length;
    ranges.push(rangeOf(frames[i]!, frames[i + taken - 1]!, taken > 1 ? step : 1));
    i += taken;
  }
  return ranges;
}

function runLength(frames: readonly number[], from: number): number {
  const step = (frames[from + 1] ?? 0) - frames[from]!;
  let to = from + 1;
  while (to < frames.length && (frames[to] ?? 0) - (frames[to - 1] ?? 0) === step) to += 1;
  return to - from;
}

/** The text that `parseFrameRanges` reads. */
export function formatFrameRanges(ranges: FrameRanges): string {
  return ranges
    .map(({ start, end, step }) => {
      if (start === end) return String(start);
      return step === 1 ? `${start}-${end}` : `${start}-${end}x${step}`;
    })
    .join(',');
}

/** Frames in words for a message: `3, 7-9 and 40 more`. */
export function formatFrames(frames: readonly number[], most = 12): string {
  return describeRanges(compressFrames(frames), most);
}

/** The same for ranges. */
export function describeRanges(ranges: FrameRanges, most = 12): string {
  const shown = ranges.slice(0, most);
  const rest = countFrames(ranges.slice(most));
  const text = shown.map((range) => formatFrameRanges([range])).join(', ');
  return rest > 0 ? `${text} and ${rest} more` : text;
}
