import { SpotreelError } from '../errors';
import { type FrameRanges, framesOf } from './frames';

/** At most `most` (2 or more) of the items, evenly spaced, the first and the last among them. Pure. */
export function evenlySpaced<T>(items: readonly T[], most: number): T[] {
  return evenPositions(items.length, most).map((position) => items[position]!);
}

/** The positions of those in a list of so many items. */
function evenPositions(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, position) => position);
  const step = (length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => Math.round(i * step));
}

/** AWS Batch's largest array job. Source: https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html */
export const MAX_ARRAY_SIZE = 10_000;

/** Rounds of slices at most: each evens out children that were given lighter frames than others. */
const MOST_ROUNDS = 8;

/** Frames a slice that one more round must leave, or starting Blender (a second or two) would weigh too much. */
const LEAST_FRAMES = 32;

/** How a render's frames are dealt out to child jobs. */
export interface Slicing {
  /** The frames of one child job. */
  readonly framesPerSlice: number;
  /** The array size; 1 is a plain job. */
  readonly sliceCount: number;
}

/**
 * Slices for `frameCount` frames (at least 1). `framesPerSlice` is cut to the number of frames, and raised where it
 * would ask for more children than an array job may have. Throws `bad-frames-per-slice` below 1.
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
 * Frames per slice when nobody said: as many slices for each of the `parallel` children that run at once, more rounds
 * of them for a longer film, and none so short that Blender's start counts.
 */
export function automaticFramesPerSlice(frameCount: number, parallel: number): number {
  const rounds = Math.min(Math.ceil(frameCount / (parallel * LEAST_FRAMES)), MOST_ROUNDS);
  return Math.ceil(frameCount / (parallel * rounds));
}

/** In which order children take their slices. */
export const SLICE_ORDERS = ['spread', 'ascending'] as const;

export type SliceOrder = (typeof SLICE_ORDERS)[number];

/** Slices that come first where they are spread: as many pictures as tell a shot. */
export const COARSE_SLICES = 16;

/** From so many slices on they are spread unless somebody says otherwise: of fewer the first ones are half the film. */
const LEAST_SLICES_TO_SPREAD = 2 * COARSE_SLICES;

export const usualOrder = (sliceCount: number): SliceOrder =>
  sliceCount < LEAST_SLICES_TO_SPREAD ? 'ascending' : 'spread';

/** The slices that come first where they are spread, evenly spaced, the first and the last among them; ascending. */
export function coarseSlices(sliceCount: number): number[] {
  return evenPositions(sliceCount, COARSE_SLICES);
}

/** The slice that the child with array index `index` renders: with `spread` first the coarse ones, then the others in order. */
export function sliceOfChild(index: number, sliceCount: number, order: SliceOrder): number {
  if (order === 'ascending') return index;
  const coarse = coarseSlices(sliceCount);
  if (index < coarse.length) return coarse[index]!;
  // The others, counted past the coarse ones before them.
  return coarse.reduce((slice, taken) => (taken <= slice ? slice + 1 : slice), index - coarse.length);
}

/** The opposite of `sliceOfChild`: the array index of the child that renders a slice. */
export function childOfSlice(slice: number, sliceCount: number, order: SliceOrder): number {
  if (order === 'ascending') return slice;
  const coarse = coarseSlices(sliceCount);
  const index = coarse.indexOf(slice);
  if (index >= 0) return index;
  return coarse.length + slice - coarse.filter((taken) => taken < slice).length;
}

/** The slice of each child: `sliceOfChild` of all of them, without counting anew for each. */
function slicesOfChildren(sliceCount: number, order: SliceOrder): number[] {
  const slices = Array.from({ length: sliceCount }, (_, slice) => slice);
  if (order === 'ascending') return slices;
  const coarse = new Set(coarseSlices(sliceCount));
  return [...coarse, ...slices.filter((slice) => !coarse.has(slice))];
}

/** What says where a frame is rendered. */
interface SlicedFrames {
  readonly frames: FrameRanges;
  readonly framesPerSlice: number;
  readonly sliceCount: number;
  readonly sliceOrder?: SliceOrder | undefined;
}

/** The array index of the child that renders each of these frames; what is no frame of the plan is left out. */
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
 * Positions `first` to `last` (inclusive, 0-based) in the list of frames that slice `index` renders. Throws
 * `no-such-slice` for an index beyond the last slice.
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

/** What a render lacks. */
export interface MissingFrames {
  /** Frames without a file, or with one that the stitch job found damaged; in the order of the film. */
  readonly missing: ReadonlySet<number>;
  /** Those of them that were given up. */
  readonly failed: ReadonlySet<number>;
}

/** Which of the missing frames to render; all of them by default. */
export interface AskedFrames {
  readonly frames?: ReadonlySet<number> | undefined;
  /** Only those that were given up. */
  readonly failed?: boolean | undefined;
}

/** What a retry renders. */
export interface RetryChoice {
  /** Array indexes of the slices that lack them, ascending. */
  readonly slices: readonly number[];
  /** In the order of the film. */
  readonly frames: readonly number[];
  /** Whether others will be missing all the same. */
  readonly partial: boolean;
}

/** Pure. */
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
