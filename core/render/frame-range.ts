import { SpotreelError } from '../errors';

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

const PART = /^(-?\d{1,10})(?:-(-?\d{1,10})(?:x(\d{1,10}))?)?$/;

/**
 * Reads `1-10,20,30-50x2` (commas between parts, `x` before a step, negative frames as in `-5--1`) into ascending
 * ranges in which each frame stands once. Throws `SpotreelError` `bad-frame-range` (usage) naming the part at fault.
 */
export function parseFrameRanges(text: string): FrameRanges {
  return mergeRanges(text.split(',').map((part) => parsePart(part.trim(), text)));
}

function parsePart(part: string, text: string): FrameRange {
  const match = PART.exec(part);
  if (!match) {
    throw bad(`frame range "${text}": "${part}" is no frame or range; write e.g. 1-10,20,30-50x2`);
  }
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  const step = Number(match[3] ?? 1);
  if (start > end) throw bad(`frame range "${text}": ${part} starts after its end; write ${end}-${start}`);
  if (step < 1) throw bad(`frame range "${text}": the step in ${part} must be 1 or more`);
  if (start < MIN_FRAME || end > MAX_FRAME) {
    throw bad(`frame range "${text}": ${part} is beyond Blender's limits, ${MIN_FRAME} to ${MAX_FRAME}`);
  }
  return rangeOf(start, end, step);
}

function bad(message: string): SpotreelError {
  return new SpotreelError('bad-frame-range', 'usage', message);
}

/** The range with its `end` moved back to its last frame, and step 1 where it is a single frame. */
export function rangeOf(start: number, end: number, step: number): FrameRange {
  const last = start + Math.floor((end - start) / step) * step;
  return { start, end: last, step: last === start ? 1 : step };
}

/** Ascending ranges without a frame twice. Ranges that overlap are written out frame by frame to be merged. */
function mergeRanges(ranges: FrameRange[]): FrameRanges {
  const sorted = ranges.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const disjoint = sorted.every((range, i) => i === 0 || sorted[i - 1]!.end < range.start);
  if (disjoint) return sorted;
  const frames = new Set<number>();
  for (const frame of framesOf(sorted)) frames.add(frame);
  return compressFrames([...frames].toSorted((a, b) => a - b));
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
  const ranges = compressFrames(frames);
  const shown = ranges.slice(0, most);
  const rest = countFrames(ranges.slice(most));
  const text = shown.map((range) => formatFrameRanges([range])).join(', ');
  return rest > 0 ? `${text} and ${rest} more` : text;
}
