import type { JobDetail, JobSummary } from '../batch';
import { childOf, isEnded, jobStatus, jobStatusReason, type JobState } from './job-state';

/**
 * Where the output of an attempt (1-based) is logged, under the state directory, each line behind the time of its arrival
 * (see `file-logs.ts`). A plain job has the index 0.
 */
export function logStreamName(jobId: string, index: number, attempt: number): string {
  return `logs/${jobId}/${index}-${attempt}.log`;
}

export function childJobId(job: JobState, index: number): string {
  return job.arraySize === undefined ? job.jobId : `${job.jobId}:${index}`;
}

/** A plain job, or the parent of an array. */
export function describeJob(job: JobState): JobDetail {
  if (job.arraySize === undefined) return describeChild(job, 0);
  const status = jobStatus(job);
  return {
    ...describeRequest(job),
    jobId: job.jobId,
    status,
    statusReason: jobStatusReason(job),
    startedAt: job.startedAt,
    stoppedAt: isEnded(status) ? job.stoppedAt : undefined,
    arrayProperties: { size: job.arraySize, statusSummary: { ...job.statusSummary } },
  };
}

export function describeChild(job: JobState, index: number): JobDetail {
  const { status, statusReason, startedAt, stoppedAt, attempts } = childOf(job, index);
  // An attempt that runs, or was lost, is not among those that have ended.
  const isOpen = startedAt !== undefined && attempts.at(-1)?.startedAt !== startedAt;
  const begun = attempts.length + (isOpen ? 1 : 0);
  return {
    ...describeRequest(job),
    jobId: childJobId(job, index),
    status,
    statusReason,
    startedAt,
    stoppedAt,
    attempts: attempts.map((attempt, i) => ({
      ...attempt,
      container: { ...attempt.container, logStreamName: logStreamName(job.jobId, index, i + 1) },
    })),
    ...(begun === 0 ? {} : { container: { logStreamName: logStreamName(job.jobId, index, begun) } }),
    ...(job.arraySize === undefined ? {} : { arrayProperties: { index } }),
  };
}

export function summarizeJob(job: JobState): JobSummary {
  const { jobName } = job.request;
  return { jobId: job.jobId, jobName, status: jobStatus(job), createdAt: job.createdAt };
}

export function summarizeChildren(job: JobState): JobSummary[] {
  const { createdAt, request } = job;
  return job.children.map(({ status }, index) => ({
    jobId: childJobId(job, index),
    jobName: request.jobName,
    status,
    createdAt,
  }));
}

function describeRequest({ request, createdAt }: JobState) {
  const { jobName, jobQueue, jobDefinition, dependsOn } = request;
  return { jobName, jobQueue, jobDefinition, createdAt, dependsOn };
}
