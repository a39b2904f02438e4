import type { JobDetail, JobSummary, SomeChildren } from '../batch';
import { describeChild, describeJob, summarizeChildren } from './describe-job';
import type { JobState } from './job-state';

/** By their ids. */
export type Jobs = ReadonlyMap<string, JobState>;

/** The parent or plain job that an id names, or with `index` its child. */
export interface FoundJob {
  readonly job: JobState;
  readonly index?: number;
}

/** What `<jobId>` or `<jobId>:<index>` names. */
export function findJob(id: string, jobs: Jobs): FoundJob | undefined {
  const [jobId = '', index, ...rest] = id.split(':');
  const job = jobs.get(jobId);
  if (job === undefined || rest.length > 0) return undefined;
  if (index === undefined) return { job };
  const isChild = job.arraySize !== undefined && /^\d{1,5}$/.test(index) && Number(index) < job.arraySize;
  return isChild ? { job, index: Number(index) } : undefined;
}

/** Those that are known, in the order of the ids. */
export function describeJobs(ids: readonly string[], jobs: Jobs): JobDetail[] {
  return ids.flatMap((id) => {
    const found = findJob(id, jobs);
    if (found === undefined) return [];
    return found.index === undefined ? describeJob(found.job) : describeChild(found.job, found.index);
  });
}

/** In the order of their indexes; none of what is no array job. */
export function listChildren(
  request: { readonly arrayJobId: string } | SomeChildren,
  jobs: Jobs,
): JobSummary[] {
  const job = jobs.get(request.arrayJobId);
  if (job?.arraySize === undefined) return [];
  const children = summarizeChildren(job);
  if (!('jobStatus' in request)) return children;
  return children.filter(({ status }) => status === request.jobStatus).slice(0, request.most);
}
