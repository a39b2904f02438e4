import { SpotreelError } from '../errors';

/** AWS Batch's largest array job. Source: https://docs.aws.amazon.com/batch/latest/userguide/array_jobs.html */
export const MAX_ARRAY_SIZE = 10_000;

/** Slices per child that runs at once: more even out slices of unequal weight, fewer start Blender less often. */
const SLICES_PER_CHILD = 8;

/** Below this many frames a slice, starting Blender (about a second) would weigh more than the evening out. */
const LEAST_FRAMES = 12;

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
 * Frames per slice when nobody said: enough slices that `parallel` children stay busy to the end, and slices long
 * enough that Blender's start does not count.
 */
export function automaticFramesPerSlice(frameCount: number, parallel: number): number {
  const evened = Math.ceil(frameCount / (parallel * SLICES_PER_CHILD));
  const atLeast = Math.min(LEAST_FRAMES, Math.ceil(frameCount / parallel));
  return Math.max(evened, atLeast, 1);
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
