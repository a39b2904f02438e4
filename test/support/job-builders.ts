import type { SubmitJobRequest } from '../../core/jobs/batch';
import { applyEvent, createJobState, type JobEvent, type JobState } from '../../core/local-batch/job-state';

let sequence = 0;

/** A job as it is right after its submission; with `size`, an array. */
export function makeJob(size?: number, dependsOn?: SubmitJobRequest['dependsOn']): JobState {
  sequence += 1;
  const jobId = `00000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`;
  const request = {
    jobName: 'job',
    jobQueue: 'queue',
    jobDefinition: 'definition',
    ...(size === undefined ? {} : { arrayProperties: { size } }),
    ...(dependsOn === undefined ? {} : { dependsOn: [...dependsOn] }),
  };
  return createJobState({ type: 'submitted', at: 1, jobId, sequence, request });
}

/** Applies events without their times. */
export function apply(job: JobState, ...events: WithoutTime<JobEvent>[]): JobState {
  for (const [i, event] of events.entries()) applyEvent(job, { ...event, at: i + 2 });
  return job;
}

type WithoutTime<T> = T extends unknown ? Omit<T, 'at'> : never;

export function jobsById(...jobs: JobState[]): Map<string, JobState> {
  return new Map(jobs.map((job) => [job.jobId, job]));
}
