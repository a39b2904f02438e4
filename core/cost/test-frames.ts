import { compressFrames, formatFrameRanges, framesOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import type { RenderOptions } from '../render/options';
import type { SliceReport } from '../render/records';
import type { Render } from '../render/render';
import { type FrameSeconds, readSliceRecords, reportFigures } from '../render/slice-figures';
import { evenlySpaced } from '../render/slices';

/**
 * Seconds that a Blender's first frame takes beyond what it would take later: loading what it renders by, and on GPUs compiling
 * it. Told by the first frames of several Blenders against a straight line through all that came after them, and of those the least:
 * a warm-up is the same for all, a heavy frame is heavy by itself. 0 where there are no two Blenders that rendered two frames.
 * `runs`: the frames of each Blender in the order in which it rendered them. Pure.
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

/** Before the first point and after the last one: as they are. */
function lineAt(frame: number, points: readonly FrameSeconds[]): number {
  const before = points.findLast((one) => one.frame <= frame);
  const after = points.find((one) => one.frame >= frame);
  if (!before || !after) return (before ?? after)!.seconds;
  if (before.frame === after.frame) return before.seconds;
  const part = (frame - before.frame) / (after.frame - before.frame);
  return before.seconds + part * (after.seconds - before.seconds);
}

/** What came of the test frames. */
export interface TestResults {
  /** Those that came out, ascending; without what Blender's first frame takes longer (see `warmUpSeconds`). */
  readonly frames: readonly FrameSeconds[];
  /** See `TestedPace`. */
  readonly startSeconds: number;
  /** Those that did not, ascending. */
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
      reason: failure?.reason ?? 'its slice did not come to it',
    })),
  };
}

/** Of attempts that came to their end, what they took besides their frames, in the mean. Pure. */
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
