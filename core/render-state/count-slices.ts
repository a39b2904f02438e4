import type { JobDetail, JobStatus } from '../batch/batch';
import type { SliceCounts } from './render-state';

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
