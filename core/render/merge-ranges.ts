import { SpotreelError } from '../errors';
import {
  compressFrames,
  countFrames,
  framesOf,
  rangeOf,
  type FrameRange,
  type FrameRanges,
} from './frame-range';

/**
 * Frames that are listed one by one, at most. Only overlapping ranges need it of which neither holds all frames of the other.
 * Their union may have no short form, so this also bounds the size of a manifest.
 */
export const MOST_LISTED_FRAMES = 20_000;

/**
 * All frames of the ranges, ascending, no frame twice. The time depends on the number of ranges and not on the number of frames.
 * Throws `bad-frame-range` (usage) if more than `MOST_LISTED_FRAMES` had to be listed one by one.
 */
export function mergeRanges(ranges: FrameRanges): FrameRanges {
  const sorted = unitedClasses(ranges).toSorted((a, b) => a.start - b.start || a.end - b.end);
  const isDisjoint = sorted.every((range, i) => i === 0 || sorted[i - 1]!.end < range.start);
  if (isDisjoint) return joinNeighbours(sorted);
  let left = MOST_LISTED_FRAMES;
  const pieces = sectionsOf(sorted).flatMap((section) => {
    const needed = withoutContained(section);
    if (needed.length < 2) return needed;
    left -= countFrames(needed);
    if (left < 0) throw tooMixed();
    return compressFrames([...new Set(framesOf(needed))].toSorted((a, b) => a - b));
  });
  return joinNeighbours(pieces);
}

/** Unites ranges of one step that overlap or continue each other and whose frames are the same modulo that step. */
function unitedClasses(ranges: FrameRanges): FrameRange[] {
  const classOf = ({ start, step }: FrameRange) => start - Math.floor(start / step) * step;
  const sorted = ranges.toSorted((a, b) => a.step - b.step || classOf(a) - classOf(b) || a.start - b.start);
  const united: FrameRange[] = [];
  for (const range of sorted) {
    const before = united.at(-1);
    const isSame = before?.step === range.step && classOf(before) === classOf(range);
    if (!before || !isSame || range.start > before.end + range.step) united.push(range);
    else if (range.end > before.end) united.splice(-1, 1, { ...before, end: range.end });
  }
  return united;
}

/**
 * Cuts the ranges, which are sorted by start, at each other's ends. Each section holds the parts of all ranges between two
 * neighbouring cuts.
 */
function sectionsOf(sorted: FrameRanges): FrameRanges[] {
  const cuts = [...new Set(sorted.flatMap(({ start, end }) => [start, end + 1]))].toSorted((a, b) => a - b);
  const sections: FrameRanges[] = [];
  let open: FrameRange[] = [];
  let next = 0;
  for (const [i, from] of cuts.slice(0, -1).entries()) {
    open = open.filter(({ end }) => end >= from);
    while (sorted[next]?.start === from) open.push(sorted[next++]!);
    sections.push(open.flatMap((range) => partOf(range, from, cuts[i + 1]! - 1)));
  }
  return sections;
}

/** The frames of a range between `from` and `to`, if there are any. */
function partOf({ start, end, step }: FrameRange, from: number, to: number): FrameRange[] {
  const first = start + Math.max(Math.ceil((from - start) / step), 0) * step;
  const last = Math.min(end, to);
  return first > last ? [] : [rangeOf(first, last, step)];
}

/** Leaves out ranges whose frames are all in another one. */
function withoutContained(ranges: FrameRanges): FrameRange[] {
  const kept: FrameRange[] = [];
  // A range can only be contained in a longer one, or in an equally long one of a smaller step.
  const lengthOf = ({ start, end }: FrameRange) => end - start;
  const longestFirst = ranges.toSorted((a, b) => lengthOf(b) - lengthOf(a) || a.step - b.step);
  for (const range of longestFirst) if (!kept.some((other) => contains(other, range))) kept.push(range);
  return kept;
}

function contains(outer: FrameRange, { start, end, step }: FrameRange): boolean {
  const isWithin = start >= outer.start && end <= outer.end && (start - outer.start) % outer.step === 0;
  return isWithin && (start === end || step % outer.step === 0);
}

/** Makes one range of neighbours that continue each other in the same step. */
function joinNeighbours(ranges: FrameRanges): FrameRanges {
  const joined: FrameRange[] = [];
  for (const range of ranges) {
    const before = joined.at(-1);
    if (before && continues(before, range))
      joined.splice(-1, 1, rangeOf(before.start, range.end, range.start - before.end));
    else joined.push(range);
  }
  return joined;
}

/** A single frame fits any step of its neighbour. Two single frames are a range only if no frame is between them. */
function continues(before: FrameRange, after: FrameRange): boolean {
  const steps = [before, after].filter(({ start, end }) => start !== end).map(({ step }) => step);
  const distance = after.start - before.end;
  return steps.length === 0 ? distance === 1 : steps.every((step) => step === distance);
}

function tooMixed(): SpotreelError {
  const message = `parts with different steps overlap in more than ${MOST_LISTED_FRAMES} frames; give parts that do not overlap, or several renders`;
  return new SpotreelError('bad-frame-range', 'usage', message);
}
