import { compressFrames, formatFrameRanges, framesOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import type { RenderOptions } from '../render/options';
import type { SliceReport } from '../render/records';
import type { Render } from '../render/render';
import { type FrameSeconds, readSliceRecords, reportFigures } from '../render/slice-figures';
import { evenlySpaced } from '../render/slices';

/**
 * Extra seconds of a Blender's first frame: loading, and on GPUs compiling kernels. The excess of each first frame
 * over a straight line through the later frames is known; the smallest counts, because a heavy frame exceeds the line
 * by itself. 0 without two Blenders of two frames. `runs`: the frames of each Blender in their order. Pure.
 */
export function warmUpSeconds(runs: ReadonlyArray<readonly FrameSeconds[]>): number {
  const firsts = runs.filter(({ length }) => length > 1).map(([first]) => first!);
  if (firsts.length < 2) return 0;
  const later = runs.flatMap((run) => run.slice(1)).toSorted((a, b) => a.frame - b.frame);
  const least = firsts
    .map(({ frame, seconds }) => seconds - lineAt(frame, later))
    .reduce((low, one) => Math.min(low, one));
  return Math.max(0, least);
}

function lineAt(frame: number, points: readonly FrameSeconds[]): number {
  const before = points.findLast((one) => one.frame <= frame);
  const after = points.find((one) => one.frame >= frame);
  if (!before || !after) return (before ?? after)!.seconds;
  if (before.frame === after.frame) return before.seconds;
  const part = (frame - before.frame) / (after.frame - before.frame);
  return before.seconds + part * (after.seconds - before.seconds);
}

/** Results of the test frames. */
export interface TestResults {
  /** Rendered frames, ascending, without the extra time of first frames (see `warmUpSeconds`). */
  readonly frames: readonly FrameSeconds[];
  /** See `TestedPace`. */
  readonly startSeconds: number;
  /** Failed frames, ascending. */
  readonly failures: ReadonlyArray<{ readonly frame: number; readonly reason: string }>;
}

/** The results of a test render. Throws what storage throws. */
export async function readTest(render: Render, manifest: Manifest): Promise<TestResults> {
  const there = await render.storedFrames(manifest);
  const { slices, missing } = await readSliceRecords(render, manifest, there);
  const { frames } = reportFigures({ slices });
  const runs = slices.flatMap(({ attempts }) => attempts.map((attempt) => attempt.frames));
  const warmUp = warmUpSeconds(runs);
  const firsts = new Set(runs.map(([first]) => first?.frame));
  return {
    frames: frames
      .filter(({ frame }) => there.has(frame))
      .map(({ frame, seconds }) => ({
        frame,
        seconds: Math.max(0, seconds - (firsts.has(frame) ? warmUp : 0)),
      })),
    startSeconds: startSecondsOf(slices) + warmUp,
    failures: missing.map(({ frame, failure }) => ({
      frame,
      reason: failure?.reason ?? 'its slice ended before this frame',
    })),
  };
}

/** The mean seconds that finished attempts took besides their frames. Pure. */
function startSecondsOf(slices: readonly SliceReport[]): number {
  const starts = slices
    .flatMap(({ attempts }) => attempts)
    .flatMap(({ startedAt, stoppedAt, exitCode, frames }) => {
      if (stoppedAt === undefined || exitCode !== 0 || frames.length === 0) return [];
      const rendering = frames.reduce((sum, { seconds }) => sum + seconds, 0);
      return [Math.max(0, (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000 - rendering)];
    });
  return starts.length === 0 ? 0 : starts.reduce((sum, one) => sum + one, 0) / starts.length;
}

/**
 * Test frames of a plan: evenly spaced, with the first and the last; of one frame the middle. At least as many as are
 * wanted, rounded up so that each of `atATime` Blenders renders the same number. Pure.
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

/** Options that render only these frames, without what is made of frames afterwards. Pure. */
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
