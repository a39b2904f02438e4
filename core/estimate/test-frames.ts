import type { Manifest } from '../contract/manifest';
import type { RenderOptions } from '../contract/options';
import { evenlySpaced } from '../render/evenly-spaced';
import { compressFrames, formatFrameRanges, framesOf } from '../render/frame-range';

/**
 * The frames of a plan that are rendered to tell of all: evenly spaced, the first and the last among them, of one the middle. As
 * many as are wanted, and as many more as let every Blender have as many as the others: while `atATime` of them work, each is
 * slower than alone, and the last round takes no longer with all of them at it. Pure.
 */
export function chooseTestFrames(
  { frames }: Pick<Manifest, 'frames'>,
  wanted: number,
  atATime: number,
): number[] {
  const all = [...framesOf(frames)];
  const count = Math.ceil(wanted / atATime) * atATime;
  return count === 1 ? [all[Math.floor((all.length - 1) / 2)]!] : evenlySpaced(all, count);
}

/**
 * The options by which only these frames are rendered, as a render by `options` would: pure. What is made of frames later, and
 * in which order, is left out.
 */
export function testOptions(
  { video: _video, background: _background, gaps: _gaps, order: _order, ...options }: RenderOptions,
  frames: readonly number[],
  atATime: number,
): RenderOptions {
  return {
    ...options,
    frames: formatFrameRanges(compressFrames(frames)),
    framesPerSlice: Math.ceil(frames.length / atATime),
    video: 'none',
  };
}
