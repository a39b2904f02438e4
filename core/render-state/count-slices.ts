import type { JobDetail, JobStatus } from '../batch/batch';

/** How many of a render's slices are in which state. */
export interface SliceCounts {
  readonly total: number;
  /** Not yet begun, or waiting for another attempt. */
  readonly waiting: number;
  /** STARTING or RUNNING. */
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** Of an array job, or of one that has no children: then it is a single slice itself. Pure. */
export function countSlices({ status, arrayProperties }: JobDetail): SliceCounts {
  const summary: Partial<Record<JobStatus, number>> = arrayProperties?.statusSummary ?? { [status]: 1 };
  const count = (...statuses: JobStatus[]) => statuses.reduce((sum, one) => sum + (summary[one] ?? 0), 0);
  const [running, succeeded, failed] = [count('STARTING', 'RUNNING'), count('SUCCEEDED'), count('FAILED')];
  const waiting = count('SUBMITTED', 'PENDING', 'RUNNABLE');
  const total = arrayProperties?.size ?? 1;
  // By the documentation the summary of a parent whose children are not made yet is empty.
  return {
    total,
    waiting: Math.max(waiting, total - running - succeeded - failed),
    running,
    succeeded,
    failed,
  };
}
