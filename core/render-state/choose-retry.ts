import type { Manifest } from '../contract/manifest';
import { childrenOfFrames } from '../render/slices';
import type { MissingFrames } from './missing-frames';

/** Which of the missing frames are asked for; all of them where nothing is said. */
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
  manifest: Manifest,
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
