import type { FrameRanges } from '../render/frame-range';
import { framesOf } from '../render/frame-range';
import type { FrameSeconds } from '../report/report-figures';
import type { Spread } from '../cost/prices';

/**
 * Seconds that a frame of the shot takes, as some of its frames tell. `middle` is the mean of all frames, were those between two
 * tested ones on a straight line between them: a first and a last frame that are faded to black count for what is near them, no
 * more. `low` and `high` are the quickest and the slowest that were tested, which is what they are and nothing else: of three
 * frames picked by chance, they have the median of all frames between them three times in four, and a frame unlike all of them
 * (one explosion) is not seen at all. `tested` is ascending and not empty. Pure.
 */
export function framePace(tested: readonly FrameSeconds[], frames: FrameRanges): Spread {
  const seconds = tested.map((one) => one.seconds);
  return {
    low: seconds.reduce((least, one) => Math.min(least, one)),
    middle: meanOf(placesOf(tested, frames)),
    high: seconds.reduce((most, one) => Math.max(most, one)),
  };
}

/** Seconds at positions (0-based) among `count` frames. */
interface Placed {
  readonly points: ReadonlyArray<{ readonly position: number; readonly seconds: number }>;
  readonly count: number;
}

function placesOf(tested: readonly FrameSeconds[], frames: FrameRanges): Placed {
  const secondsOf = new Map(tested.map(({ frame, seconds }) => [frame, seconds]));
  const points: Array<Placed['points'][number]> = [];
  let count = 0;
  for (const frame of framesOf(frames)) {
    const seconds = secondsOf.get(frame);
    if (seconds !== undefined) points.push({ position: count, seconds });
    count += 1;
  }
  return { points, count };
}

function meanOf({ points, count }: Placed): number {
  const [first, last] = [points[0]!, points.at(-1)!];
  // Before the first tested frame and after the last one: as they are.
  let sum = first.seconds * (first.position + 0.5) + last.seconds * (count - last.position - 0.5);
  for (const [i, to] of points.entries()) {
    const from = points[i - 1];
    if (from) sum += ((from.seconds + to.seconds) / 2) * (to.position - from.position);
  }
  return sum / count;
}
