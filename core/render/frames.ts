import { SpotreelError } from '../errors';
import { listNames, printableName } from '../text';

/** Frames `start`, `start + step`, … up to and including `end`. */
interface FrameRange {
  readonly start: number;
  readonly end: number;
  /** At least 1. */
  readonly step: number;
}

/** Ascending ranges that share no frame: a short form of any list of frames. */
export type FrameRanges = readonly FrameRange[];

/** Blender's limits of a frame number (MINAFRAME and MAXFRAME in its DNA_scene_types.h). */
export const MIN_FRAME = -1_048_574;
export const MAX_FRAME = 1_048_574;

/** The range with `end` at its last frame, and step 1 for a single frame. */
export function rangeOf(start: number, end: number, step: number): FrameRange {
  const last = start + Math.floor((end - start) / step) * step;
  return { start, end: last, step: last === start ? 1 : step };
}

/** The number of frames. */
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

/** The position of a frame in the whole list, from 0; `undefined` if the list lacks it. */
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

/** Ascending frames as few ranges. */
export function compressFrames(frames: readonly number[]): FrameRanges {
  const ranges: FrameRange[] = [];
  let i = 0;
  while (i < frames.length) {
    const length = runLength(frames, i);
    const step = length > 1 ? frames[i + 1]! - frames[i]! : 1;
    // Two frames are a range only if they are neighbours: "3-9x6" is harder to read than "3,9".
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

/** Frames for a message: `3, 7-9 and 40 more`. */
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

/**
 * Most frames that are listed one by one. Only overlapping ranges need that, if neither contains the other. Their
 * union may have no short form, so this also limits the size of a manifest.
 */
export const MOST_LISTED_FRAMES = 20_000;

/**
 * All frames of the ranges, ascending, no frame twice. The time depends on the number of ranges, not of frames. Throws
 * `bad-frame-range` (usage) if more than `MOST_LISTED_FRAMES` must be listed one by one.
 */
function mergeRanges(ranges: FrameRanges): FrameRanges {
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

/** Joins overlapping or adjacent ranges of one step whose frames are equal modulo that step. */
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
 * Cuts ranges, sorted by start, at each other's ends. Each section has the parts of all ranges between two
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

/** The frames of a range from `from` to `to`; empty without any. */
function partOf({ start, end, step }: FrameRange, from: number, to: number): FrameRange[] {
  const first = start + Math.max(Math.ceil((from - start) / step), 0) * step;
  const last = Math.min(end, to);
  return first > last ? [] : [rangeOf(first, last, step)];
}

/** Removes ranges whose frames are all in another range. */
function withoutContained(ranges: FrameRanges): FrameRange[] {
  const kept: FrameRange[] = [];
  // Only a longer range, or one of the same length and a smaller step, can contain a range.
  const lengthOf = ({ start, end }: FrameRange) => end - start;
  const longestFirst = ranges.toSorted((a, b) => lengthOf(b) - lengthOf(a) || a.step - b.step);
  for (const range of longestFirst) if (!kept.some((other) => contains(other, range))) kept.push(range);
  return kept;
}

function contains(outer: FrameRange, { start, end, step }: FrameRange): boolean {
  const isWithin = start >= outer.start && end <= outer.end && (start - outer.start) % outer.step === 0;
  return isWithin && (start === end || step % outer.step === 0);
}

/** Joins neighbouring ranges that continue each other in the same step. */
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

/** Most parts between commas: more than a user types, and few enough to merge quickly. */
export const MOST_PARTS = 1000;

/** Most frames of all parts together: as many as Blender has frame numbers. More parts must repeat frames. */
export const MOST_FRAMES = MAX_FRAME - MIN_FRAME + 1;

const PART = /^(-?\d{1,10})(?:-(-?\d{1,10})(?:x(\d{1,10}))?)?$/;

/**
 * Reads `1-10,20,30-50x2` (commas between parts, `x` before a step, negative frames as in `-5--1`) into ascending
 * ranges without a repeated frame. Throws `bad-frame-range` (usage) with the bad part or the limit.
 */
export function parseFrameRanges(text: string): FrameRanges {
  const parts = text.split(',', MOST_PARTS + 1);
  const where = `frame range "${printableName(text)}"`;
  if (parts.length > MOST_PARTS)
    throw bad(`${where}: it has more than ${MOST_PARTS} parts; join parts, such as 1,2,3 to 1-3`);
  const ranges = parts.map((part) => parsePart(part.trim(), where));
  if (countFrames(ranges) > MOST_FRAMES)
    throw bad(
      `${where}: its parts hold ${countFrames(ranges)} frames, more than ${MOST_FRAMES}; name each frame once`,
    );
  try {
    return mergeRanges(ranges);
  } catch (error) {
    throw error instanceof SpotreelError ? bad(`${where}: ${error.message}`) : error;
  }
}

function parsePart(part: string, where: string): FrameRange {
  const match = PART.exec(part);
  if (!match)
    throw bad(`${where}: "${printableName(part)}" is not a frame or range; write e.g. 1-10,20,30-50x2`);
  const start = Number(match[1]);
  const end = Number(match[2] ?? match[1]);
  const step = Number(match[3] ?? 1);
  if (start > end) throw bad(`${where}: ${part} starts after its end; write ${end}-${start}`);
  if (step < 1) throw bad(`${where}: the step in ${part} must be 1 or more`);
  if (start < MIN_FRAME || end > MAX_FRAME)
    throw bad(`${where}: ${part} is beyond Blender's limits, ${MIN_FRAME} to ${MAX_FRAME}`);
  return rangeOf(start, end, step);
}

function bad(message: string): SpotreelError {
  return new SpotreelError('bad-frame-range', 'usage', message);
}

/** A failed frame. */
export interface FailedFrame {
  readonly frame: number;
  readonly reason: string;
  /** Files that it lacks, by their names in the scene; the fault follows in brackets unless the file is missing. */
  readonly missing?: readonly string[];
}

/** Most files in one sentence. */
const MOST_NAMED = 5;

/** Most sentences about one render; the rest is counted. */
const MOST_REASONS = 5;

/**
 * Why frames failed: a sentence per reason, such as "47 frames need textures/wood.png, which is missing". The reason
 * of the most frames comes first. Names from the scene are made printable. Pure.
 */
export function groupReasons(failed: readonly FailedFrame[]): string[] {
  const groups = new Map<string, FailedFrame[]>();
  for (const one of failed) {
    const key = one.missing?.length ? `lacks\n${one.missing.join('\n')}` : `says\n${one.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length).map(describeGroup);
}

function describeGroup(group: readonly FailedFrame[]): string {
  const { frame, reason, missing = [] } = group[0]!;
  const one = group.length === 1;
  if (missing.length > 0) {
    const who = one ? `frame ${frame} needs` : `${group.length} frames need`;
    return `${who} ${describeFiles(missing)}`;
  }
  return one ? `frame ${frame}: ${reason}` : `frames ${formatFrames(group.map((of) => of.frame))}: ${reason}`;
}

/**
 * The reasons in one line; `undefined` without any. `total` includes failed frames whose reasons were not read. Pure.
 */
export function describeReasons(failed: readonly FailedFrame[], total = failed.length): string | undefined {
  const told = groupReasons(failed);
  if (told.length === 0) return undefined;
  const shown = told.slice(0, MOST_REASONS);
  const rest = told.length - shown.length;
  return [
    ...shown,
    ...(rest > 0 ? [`and ${rest} more reasons`] : []),
    ...(total > failed.length ? [`and ${total - failed.length} more frames failed`] : []),
  ].join('; ');
}

/** `textures/wood.png, which is missing`; `a.png, b.png and 3 more, which are missing`. */
export function describeFiles(files: readonly string[], count = files.length): string {
  const faults = new Set(files.map(faultOf));
  // Each with its fault, because they differ.
  const isMixed = faults.size > 1;
  const names = files.slice(0, MOST_NAMED).map((file) => printableName(isMixed ? file : nameOf(file)));
  const more = count - names.length;
  const list = more > 0 ? `${names.join(', ')} and ${more} more` : listed(names);
  if (isMixed) return `${list}, which are missing or damaged`;
  return `${list}, which ${count === 1 ? 'is' : 'are'} ${[...faults][0]!}`;
}

/** Files that frames were rendered without. */
interface LackedFiles {
  readonly count: number;
  /** The first files. */
  readonly files: readonly string[];
  /** The number of frames. */
  readonly frames: number;
}

/** `rendered with 2 files missing: //a.png, //b.png`. */
export function describeLacking({ count, files, frames }: LackedFiles): string {
  const names = listNames(files.map(printableName), MOST_NAMED, count);
  const [what, where] = [count === 1 ? 'file' : 'files', frames === 1 ? '1 frame' : `${frames} frames`];
  return `rendered with ${count} ${what} missing (${where}): ${names}`;
}

const FAULT = / \((damaged|empty|not readable|a Git LFS pointer, not the file)\)$/;

function faultOf(file: string): string {
  return FAULT.exec(file)?.[1] ?? 'missing';
}

const nameOf = (file: string): string => file.replace(FAULT, '');

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}
