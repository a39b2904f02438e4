import { SpotreelError } from '../errors';
import { countOf, formatExactSeconds, formatSeconds } from '../text';
import { type FrameRanges, framesOf } from './frames';

/** At most `most` (2 or more) of the items, evenly spaced, including the first and the last. Pure. */
export function evenlySpaced<T>(items: readonly T[], most: number): T[] {
  return evenPositions(items.length, most).map((position) => items[position]!);
}

/** Evenly spaced positions in a list of this length. */
function evenPositions(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, position) => position);
  const step = (length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => Math.round(i * step));
}

/** AWS Batch's largest array job. Source: https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html */
export const MAX_ARRAY_SIZE = 10_000;

/** Most rounds of slices. Each round evens out children that had lighter frames than others. */
const MOST_ROUNDS = 8;

/** Least frames per slice after another round; with fewer, the start of Blender (1 to 2 seconds) counts too much. */
const LEAST_FRAMES = 32;

/** How frames are divided among child jobs. */
export interface Slicing {
  /** The frames of one child job. */
  readonly framesPerSlice: number;
  /** The array size; 1 is a plain job. */
  readonly sliceCount: number;
}

/**
 * Slices for `frameCount` frames (at least 1). `framesPerSlice` is limited to the number of frames, and raised if an
 * array job may not have as many children. Throws `bad-frames-per-slice` below 1.
 */
export function sliceFrames(frameCount: number, framesPerSlice: number): Slicing {
  if (!Number.isInteger(framesPerSlice) || framesPerSlice < 1) {
    throw new SpotreelError(
      'bad-frames-per-slice',
      'usage',
      `frames per slice must be a whole number of 1 or more, not ${framesPerSlice}`,
    );
  }
  const least = Math.ceil(frameCount / MAX_ARRAY_SIZE);
  const size = Math.max(Math.min(framesPerSlice, frameCount), least);
  return { framesPerSlice: size, sliceCount: Math.ceil(frameCount / size) };
}

/**
 * Default frames per slice: the same number of slices for each of the `parallel` children that run at once, more
 * rounds for a longer film, and no slice so short that Blender's start counts.
 */
export function automaticFramesPerSlice(frameCount: number, parallel: number): number {
  const rounds = Math.min(Math.ceil(frameCount / (parallel * LEAST_FRAMES)), MOST_ROUNDS);
  return Math.ceil(frameCount / (parallel * rounds));
}

/** How long frames of a scene take on a farm, as measured before its render. */
export interface Pace {
  /** Mean seconds of a frame after the first ones of a slice. */
  readonly frameSeconds: number;
  /** Seconds of a slice besides that: the start, opening the scene, and what its first frames take longer. */
  readonly startSeconds: number;
  /** Mean seconds of a frame from nothing; present if Cycles kept data for the later frames of all slices. */
  readonly freshSeconds?: number;
  /** Fewest slices, for a machine whose cores are too many for fewer Blenders. */
  readonly leastSlices?: number;
  /** `estimate`: measured by test frames; `render`: by an earlier render of the scene. */
  readonly from: (typeof PACE_SOURCES)[number];
}

export const PACE_SOURCES = ['estimate', 'render'] as const;

/** Least seconds of work of a slice, unless the whole film has less. */
const LEAST_SLICE_SECONDS = 5 * 60;

/**
 * Most seconds of work of a slice. A reclaimed slice keeps its stored frames, and loses its start and one frame. One
 * machine then renders the rest, so this limits how much longer the film takes. With a reclaim an hour, fewer than 1 of
 * 5,000 slices of half an hour use up 5 attempts, the farm's default (docs/benchmarks.md, "Slices").
 */
const MOST_SLICE_SECONDS = 30 * 60;

/** A longer start allows a longer slice, so that starts stay below this share of the work. */
const MOST_START_SHARE = 1 / 20;
/** Limit of such longer slices. Only a single frame may take longer. */
const LONGEST_SLICE_SECONDS = 2 * 60 * 60;

/** Seconds between two slices on one machine: AWS Batch places the job, and its container starts. Assumed. */
const PLACING_SECONDS = 15;

/**
 * Frames per slice by measured seconds. Starts cost `start * work / slice`. At the end, each of the `parallel` machines
 * idles for half a slice on average. The sum is least at `sqrt(2 * start * work / parallel)`, within the limits above.
 */
export function paceFramesPerSlice(
  frameCount: number,
  parallel: number,
  { frameSeconds, startSeconds, leastSlices = 1 }: Omit<Pace, 'from'>,
): number {
  const work = frameCount * frameSeconds;
  const start = startSeconds + PLACING_SECONDS;
  const cheapest = Math.sqrt((2 * start * work) / parallel);
  const most = Math.min(Math.max(MOST_SLICE_SECONDS, start / MOST_START_SHARE), LONGEST_SLICE_SECONDS);
  const seconds = Math.min(Math.max(cheapest, LEAST_SLICE_SECONDS), most);
  const framesPerSlice = Math.ceil(frameCount / Math.max(leastSlices, Math.floor(work / seconds)));
  return Math.max(1, Math.min(framesPerSlice, Math.floor(most / frameSeconds)));
}

/** Whether kept data saved more than half of a frame, so that the first frames of a Blender count most. Pure. */
export const savesMost = ({ frameSeconds, freshSeconds = 0 }: Omit<Pace, 'from'>): boolean =>
  frameSeconds < freshSeconds / 2;

/** Slice attempts with their figures; see `SliceAttempt`. */
interface TimedAttempt {
  readonly startedAt: string;
  readonly stoppedAt?: string;
  readonly exitCode?: number;
  readonly vcpus?: number;
  readonly samples?: number;
  readonly frames: ReadonlyArray<{ readonly seconds: number }>;
  /** With a reason if no data were kept to the end. */
  readonly persistentData?: { readonly reason?: string };
}

/** More seconds of a frame or of a start come from a damaged report or a wrong clock. */
export const MOST_PACE_SECONDS = 14 * 24 * 60 * 60;

/** Frames of a Blender that take longer because it still loads data, if it renders more. */
const FIRST_FRAMES = 2;

/**
 * The pace of these attempts; `undefined` without a frame. Ignores attempts with other vCPUs than the farm's or other
 * samples than the render's, and impossible times. The start is the median, as one wrong clock changes it little. Pure.
 */
export function paceOf(all: readonly TimedAttempt[]): Omit<Pace, 'from'> | undefined {
  const attempts = all
    .filter(({ vcpus, samples }) => vcpus === undefined && samples === undefined)
    .map((one) => ({ ...one, frames: one.frames.filter(({ seconds }) => seconds <= MOST_PACE_SECONDS) }))
    .filter(({ frames }) => frames.length > 0);
  const later = attempts.map(({ frames }) => frames.slice(Math.min(FIRST_FRAMES, frames.length >> 1)));
  const frameSeconds = meanOf(later.flatMap((frames) => frames.map(({ seconds }) => seconds)));
  if (frameSeconds === undefined) return undefined;
  const starts = attempts.flatMap(({ startedAt, stoppedAt, exitCode, frames }, i) => {
    if (stoppedAt === undefined || exitCode !== 0) return [];
    const seconds = (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000;
    const start = seconds - frames.length * meanOf(later[i]!.map((one) => one.seconds))!;
    return seconds >= 0 && start <= MOST_PACE_SECONDS ? [Math.max(0, start)] : [];
  });
  const freshSeconds = freshSecondsOf(attempts);
  return {
    frameSeconds,
    startSeconds: medianOf(starts) ?? 0,
    ...(freshSeconds !== undefined && { freshSeconds }),
  };
}

/**
 * Mean seconds of a frame from nothing; `undefined` unless all attempts that could keep data did so to the end. The second
 * frame was rendered with kept data and from nothing; the first one may also have started Cycles.
 */
function freshSecondsOf(attempts: readonly TimedAttempt[]): number | undefined {
  if (attempts.some(({ persistentData }) => persistentData?.reason !== undefined)) return undefined;
  const keeping = attempts.filter(
    ({ persistentData, frames }) => persistentData && frames.length >= 2 * FIRST_FRAMES,
  );
  return meanOf(
    keeping.map(({ frames: [first, second, ...later] }) =>
      Math.min(first!.seconds, second!.seconds - meanOf(later.map(({ seconds }) => seconds))!),
    ),
  );
}

function medianOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return meanOf(sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1));
}

function meanOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The slices of a plan and the reason for their size, for people. Pure. */
export function describeSlicing({
  sliceCount,
  framesPerSlice,
  pace,
  options,
}: Slicing & {
  readonly pace?: Pace;
  readonly options: { readonly framesPerSlice?: number };
}): string {
  const slices = countOf(sliceCount, 'slice');
  const size = `of ${sliceCount > 1 ? 'up to ' : ''}${countOf(framesPerSlice, 'frame')}`;
  if (options.framesPerSlice !== undefined) return `${slices} ${size}, by --frames-per-slice`;
  if (!pace && sliceCount === 1) return `${slices} ${size}`;
  if (!pace) return `${slices} ${size}, because seconds per frame are unknown`;
  const each = formatExactSeconds(pace.frameSeconds);
  const from =
    pace.from === 'estimate'
      ? `your estimate of ${each} per frame`
      : `${each} per frame of an earlier render`;
  return `${slices} of about ${aboutSeconds(framesPerSlice * pace.frameSeconds)}, from ${from}`;
}

/** Whole minutes from two minutes on. */
const aboutSeconds = (seconds: number): string =>
  seconds < 120 || seconds >= 7200 ? formatSeconds(seconds) : `${Math.round(seconds / 60)} min`;

/** Orders in which children take their slices. */
export const SLICE_ORDERS = ['spread', 'ascending'] as const;

export type SliceOrder = (typeof SLICE_ORDERS)[number];

/** Slices that come first in a spread order: enough pictures to show a shot. */
export const COARSE_SLICES = 16;

/** The number of slices from which the order is spread by default. With fewer, the first ones are half the film. */
const LEAST_SLICES_TO_SPREAD = 2 * COARSE_SLICES;

export const usualOrder = (sliceCount: number): SliceOrder =>
  sliceCount < LEAST_SLICES_TO_SPREAD ? 'ascending' : 'spread';

/** The slices that come first in a spread order, evenly spaced, including the first and the last; ascending. */
export function coarseSlices(sliceCount: number): number[] {
  return evenPositions(sliceCount, COARSE_SLICES);
}

/**
 * The slice of the child with this array index. With `spread` the coarse slices come first, then the others in order.
 */
export function sliceOfChild(index: number, sliceCount: number, order: SliceOrder): number {
  if (order === 'ascending') return index;
  const coarse = coarseSlices(sliceCount);
  if (index < coarse.length) return coarse[index]!;
  // The other slices, without the coarse slices before them.
  return coarse.reduce((slice, taken) => (taken <= slice ? slice + 1 : slice), index - coarse.length);
}

/** The opposite of `sliceOfChild`: the array index of a slice's child. */
export function childOfSlice(slice: number, sliceCount: number, order: SliceOrder): number {
  if (order === 'ascending') return slice;
  const coarse = coarseSlices(sliceCount);
  const index = coarse.indexOf(slice);
  if (index >= 0) return index;
  return coarse.length + slice - coarse.filter((taken) => taken < slice).length;
}

/** The slice of each child, computed in one pass. */
function slicesOfChildren(sliceCount: number, order: SliceOrder): number[] {
  const slices = Array.from({ length: sliceCount }, (_, slice) => slice);
  if (order === 'ascending') return slices;
  const coarse = new Set(coarseSlices(sliceCount));
  return [...coarse, ...slices.filter((slice) => !coarse.has(slice))];
}

/** The part of a plan that decides which child renders a frame. */
interface SlicedFrames {
  readonly frames: FrameRanges;
  readonly framesPerSlice: number;
  readonly sliceCount: number;
  readonly sliceOrder?: SliceOrder;
}

/** The array index of the child that renders each frame. Frames that are not in the plan are left out. */
export function childrenOfFrames(
  wanted: ReadonlySet<number>,
  { frames, framesPerSlice, sliceCount, sliceOrder = 'ascending' }: SlicedFrames,
): Map<number, number> {
  const childOf = new Map(slicesOfChildren(sliceCount, sliceOrder).map((slice, child) => [slice, child]));
  const children = new Map<number, number>();
  let position = 0;
  for (const frame of framesOf(frames)) {
    if (wanted.has(frame)) children.set(frame, childOf.get(Math.floor(position / framesPerSlice))!);
    position += 1;
  }
  return children;
}

/**
 * Positions `first` to `last` (inclusive, from 0) of the frames of slice `index`. Throws `no-such-slice` for an index
 * beyond the last slice.
 */
export function slicePositions(
  index: number,
  framesPerSlice: number,
  frameCount: number,
): { first: number; last: number } {
  const first = index * framesPerSlice;
  if (!Number.isInteger(index) || index < 0 || first >= frameCount) {
    throw new SpotreelError(
      'no-such-slice',
      'usage',
      `there is no slice ${index}: ${frameCount} frames at ${framesPerSlice} a slice make ${Math.ceil(frameCount / framesPerSlice)}`,
    );
  }
  return { first, last: Math.min(first + framesPerSlice, frameCount) - 1 };
}

/** Missing frames of a render. */
export interface MissingFrames {
  /** Frames without a file, or with a file that the stitch job found damaged; in the order of the film. */
  readonly missing: ReadonlySet<number>;
  /** Those that failed. */
  readonly failed: ReadonlySet<number>;
}

/** The missing frames to render; all by default. */
export interface AskedFrames {
  readonly frames?: ReadonlySet<number>;
  /** Only failed frames. */
  readonly failed?: boolean;
}

/** The frames of a retry. */
export interface RetryChoice {
  /** Array indexes of their slices, ascending. */
  readonly slices: readonly number[];
  /** In the order of the film. */
  readonly frames: readonly number[];
  /** Whether other frames stay missing. */
  readonly partial: boolean;
}

/** Chooses the frames of a retry. Pure. */
export function chooseRetry(
  manifest: SlicedFrames,
  { missing, failed }: MissingFrames,
  asked: AskedFrames,
): RetryChoice {
  const frames = [...missing].filter(
    (frame) => (!asked.frames || asked.frames.has(frame)) && (!asked.failed || failed.has(frame)),
  );
  const slices = new Set(childrenOfFrames(new Set(frames), manifest).values());
  return {
    slices: [...slices].toSorted((a, b) => a - b),
    frames,
    partial: frames.length < missing.size,
  };
}
