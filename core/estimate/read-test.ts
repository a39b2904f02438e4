import type { Manifest } from '../contract/manifest';
import type { SliceReport } from '../contract/slice-report';
import { readRecords } from '../report/read-records';
import { reportFigures, type FrameSeconds } from '../report/report-figures';
import type { Storage } from '../storage/storage';
import { storedFrames } from '../storage/stored-frames';
import { warmUpSeconds } from './warm-up';

/** What came of the test frames. */
export interface TestResults {
  /** Those that came out, ascending; without what Blender's first frame takes longer (see `warmUpSeconds`). */
  readonly frames: readonly FrameSeconds[];
  /** See `TestedPace`. */
  readonly startSeconds: number;
  /** Those that did not, ascending. */
  readonly failures: ReadonlyArray<{ readonly frame: number; readonly reason: string }>;
}

/** Reads what the slices of a test told. Throws what storage throws. */
export async function readTest(manifest: Manifest, folder: URL, storage: Storage): Promise<TestResults> {
  const there = await storedFrames(manifest, folder, storage);
  const { slices, missing } = await readRecords(manifest, folder, there, storage);
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
