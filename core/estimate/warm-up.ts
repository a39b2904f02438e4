import type { FrameSeconds } from '../report/report-figures';

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
