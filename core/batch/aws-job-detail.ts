import type {
  AttemptDetail as AwsAttempt,
  JobDetail as AwsJob,
  JobSummary as AwsSummary,
} from '@aws-sdk/client-batch';
import { SpotreelError } from '../errors';
import type { AttemptDetail, JobDependency, JobDetail, JobStatus, JobSummary } from './batch';

/** What DescribeJobs says of a job, in our shape: what is absent stays absent. */
export function jobDetailOf(job: AwsJob): JobDetail {
  const { arrayProperties, attempts, dependsOn } = job;
  return {
    jobId: required(job.jobId, 'jobId'),
    jobName: required(job.jobName, 'jobName'),
    jobQueue: job.jobQueue ?? '',
    jobDefinition: job.jobDefinition ?? '',
    status: statusOf(job.status),
    statusReason: job.statusReason,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    stoppedAt: job.stoppedAt,
    tags: job.tags,
    dependsOn: dependsOn?.map(dependencyOf),
    attempts: attempts?.map(attemptOf),
    container: job.container && {
      command: job.container.command,
      logStreamName: job.container.logStreamName,
      logGroup: job.container.logConfiguration?.options?.['awslogs-group'],
    },
    arrayProperties: arrayProperties && {
      size: arrayProperties.size,
      index: arrayProperties.index,
      statusSummary: arrayProperties.statusSummary,
    },
  };
}

/** What ListJobs says of a job. */
export function jobSummaryOf(job: AwsSummary): JobSummary {
  return {
    ...(job.jobArn !== undefined && { jobArn: job.jobArn }),
    jobId: required(job.jobId, 'jobId'),
    jobName: required(job.jobName, 'jobName'),
    status: statusOf(job.status),
    createdAt: job.createdAt,
  };
}

/** A field without which an answer is none. Throws `bad-answer` (passing): nothing but AWS can mend it. */
export function required<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new SpotreelError('bad-answer', 'passing', `AWS Batch's answer lacks ${field}: try again`);
}

/** In the order of a job's life. */
export const JOB_STATUSES: readonly JobStatus[] = [
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
];

/** A status that AWS Batch may have by the time this runs is neither an end nor a failure. */
function statusOf(status: string | undefined): JobStatus {
  return JOB_STATUSES.find((known) => known === status) ?? 'PENDING';
}

function dependencyOf({ jobId, type }: JobDependency): JobDependency {
  return { ...(jobId !== undefined && { jobId }), ...(type !== undefined && { type }) };
}

function attemptOf({ startedAt, stoppedAt, statusReason, container }: AwsAttempt): AttemptDetail {
  return {
    startedAt,
    stoppedAt,
    statusReason,
    container: container && {
      exitCode: container.exitCode,
      reason: container.reason,
      logStreamName: container.logStreamName,
    },
  };
}
