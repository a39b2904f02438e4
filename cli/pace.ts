import type { RenderState } from '../core/render-state/render-state';

/** Frames per minute are those of so long back. */
const WINDOW_SECONDS = 300;

/** Frames of which a median tells something. */
const LEAST_FRAMES = 3;

/** How fast a render goes, from looks at it. */
export class Pace {
  private looks: Array<{ readonly at: number; readonly stored: number }> = [];

  /** `at` in milliseconds. */
  add(at: number, stored: number): void {
    this.looks = [...this.looks.filter((look) => at - look.at <= WINDOW_SECONDS * 1000), { at, stored }];
  }

  /** `undefined` before the second look. */
  framesPerMinute(): number | undefined {
    const [first, last] = [this.looks[0], this.looks.at(-1)];
    if (!first || !last || last.at <= first.at) return undefined;
    return Math.max(0, (last.stored - first.stored) / ((last.at - first.at) / 60_000));
  }
}

/**
 * Seconds until the last frame if what runs now goes on to run, were all frames that are left like those of the quicker
 * quarter, and like those of the slower one; `undefined` where nothing runs or too little is known. Pure.
 */
export function secondsLeft({
  frames,
  slices,
  figures,
}: Pick<RenderState, 'frames' | 'slices' | 'figures'>):
  { readonly from: number; readonly to: number } | undefined {
  const left = frames ? frames.total - frames.stored - frames.failed : 0;
  const { running = 0, waiting = 0 } = slices ?? {};
  const { frameSeconds } = figures ?? {};
  if (!frames || !frameSeconds || left <= 0 || running === 0 || frames.stored < LEAST_FRAMES)
    return undefined;
  // Never more at a time than there are frames left, nor than slices that are left hold.
  const parallel = Math.min(running, left, running + waiting);
  return {
    from: (left * frameSeconds.quarter) / parallel,
    to: (left * frameSeconds.threeQuarters) / parallel,
  };
}
