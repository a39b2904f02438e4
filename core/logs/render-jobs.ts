import type { RenderJobs } from '../contract/jobs';
import type { RetryPlan } from '../contract/retry-plan';
import { framesOf } from '../render/frame-range';

/** A render job of a render: the first one, or a retry's. */
export interface RenderJob {
  readonly jobId: string;
  /** Of a retry: the array indexes of the first job that its children take, in order. */
  readonly slices?: readonly number[];
}

/**
 * All render jobs that are known of, the newest first; `plans` are those of the retries up to the newest pair's, ascending.
 * Pure. A plan that came to nothing has no job: the one after it follows the same pair as it did.
 */
export function renderJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'slices' | 'after'>>,
): RenderJob[] {
  const found: RenderJob[] = [];
  let { jobId } = jobs.render;
  for (const { slices, after } of plans.toReversed()) {
    // Of a retry of the video alone, and of one that came to nothing, this is the job of the pair before.
    if (after?.render === jobId) continue;
    found.push({ jobId, slices: [...framesOf(slices)] });
    // Nobody knows what was before it.
    if (!after) return found;
    jobId = after.render;
  }
  return [...found, { jobId }];
}

/** The ids of all jobs, or children, that a slice was the task of, the newest first; `renderJobs` are, too. Pure. */
export function jobsOfSlice(slice: number, renderJobs: readonly RenderJob[], sliceCount: number): string[] {
  return renderJobs
    .filter(({ slices }) => !slices || slices.includes(slice))
    .map(({ jobId, slices }) => {
      const [children, index] = slices ? [slices.length, slices.indexOf(slice)] : [sliceCount, slice];
      return children > 1 ? `${jobId}:${index}` : jobId;
    });
}

/** The ids of all stitch jobs that are known of, the newest first, as `renderJobsOf` finds the others. Pure. */
export function stitchJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'after'>>,
): readonly string[] {
  const before = plans.toReversed().flatMap(({ after }) => after?.stitch ?? []);
  return [...new Set([jobs.stitch.jobId, ...before])];
}

/** The slice that the child with this array index takes; of a job without children it is 0. */
export function sliceOfIndex(index: number, { slices }: RenderJob): number {
  return slices?.[index] ?? index;
}
