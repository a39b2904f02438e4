import {
  type AttemptDetail as AwsAttempt,
  BatchClient,
  DescribeJobsCommand,
  type JobDependency as AwsDependency,
  type JobDetail as AwsJob,
  type JobSummary as AwsSummary,
  type ListJobsCommandInput,
  paginateListJobs,
  SubmitJobCommand,
  type SubmitJobCommandInput,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { awsError, awsFault, type AwsService } from '../aws-error';
import { SpotreelError } from '../errors';
import type {
  AttemptDetail,
  Batch,
  JobDependency,
  JobDetail,
  JobStatus,
  JobSummary,
  ListJobsRequest,
  SubmitJobRequest,
  SubmitJobResponse,
} from './batch';

/**
 * Differences to the table of AWS errors. A `ClientException` (400) has the reason. AWS Batch answers 429 beyond about
 * 50 requests per second. `batch-unavailable` (passing): the request may have had an effect.
 */
const BATCH: AwsService = {
  name: 'AWS Batch',
  codes: {
    refused: 'client-exception',
    missing: 'client-exception',
    changed: 'client-exception',
    unavailable: 'batch-unavailable',
  },
  remedies: {
    denied: 'check the credentials and their policy for AWS Batch',
    refused: 'check the job queue, the job definitions and the region',
  },
};

/** A job of DescribeJobs as `JobDetail`; absent fields stay absent. */
function jobDetailOf(job: AwsJob): JobDetail {
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
    dependsOn: dependsOn?.flatMap(dependencyOf),
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

/** A job of ListJobs as `JobSummary`. */
function jobSummaryOf(job: AwsSummary): JobSummary {
  return {
    ...(job.jobArn !== undefined && { jobArn: job.jobArn }),
    jobId: required(job.jobId, 'jobId'),
    jobName: required(job.jobName, 'jobName'),
    status: statusOf(job.status),
    createdAt: job.createdAt,
  };
}

/** A field that the answer must have. Throws `bad-answer` (passing), because only AWS can fix it. */
function required<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new SpotreelError('bad-answer', 'passing', `AWS Batch's answer lacks ${field}; try again`);
}

/** In the order of a job's life. */
const JOB_STATUSES: readonly JobStatus[] = [
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
];

/** A status that this version does not know counts as PENDING: no end and no failure. */
function statusOf(status: string | undefined): JobStatus {
  return JOB_STATUSES.find((known) => known === status) ?? 'PENDING';
}

/** Without dependencies of type `N_TO_N`: Spotreel's jobs depend on whole jobs only. */
function dependencyOf({ jobId, type }: AwsDependency): JobDependency[] {
  return jobId === undefined || type === 'N_TO_N' ? [] : [{ jobId, type }];
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

/** Most ids in one call of DescribeJobs. https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html */
const IDS_PER_CALL = 100;

/** AWS Batch. The client has the region, the credentials and the retries. Errors: see `BATCH`. */
export class AwsBatch implements Batch {
  constructor(private readonly client: BatchClient) {}

  async submitJob(request: SubmitJobRequest): Promise<SubmitJobResponse> {
    const command = new SubmitJobCommand(mutableCopy(request));
    keepFromRepeating(command);
    const answer = await explained(this.client.send(command), `submit job ${request.jobName}`);
    const { jobArn } = answer;
    return {
      ...(jobArn !== undefined && { jobArn }),
      jobId: required(answer.jobId, 'jobId'),
      jobName: answer.jobName ?? request.jobName,
    };
  }

  async describeJobs(jobIds: readonly string[]): Promise<JobDetail[]> {
    const details: JobDetail[] = [];
    for (let start = 0; start < jobIds.length; start += IDS_PER_CALL) {
      const command = new DescribeJobsCommand({ jobs: jobIds.slice(start, start + IDS_PER_CALL) });
      const { jobs = [] } = await explained(this.client.send(command), 'describe jobs');
      details.push(...jobs.map(jobDetailOf));
    }
    return details;
  }

  /**
   * A filter by name ignores case and gives jobs of any status. The documentation does not say whether it includes
   * children, which have their parent's name, so this removes them. Children of an array job can only be listed status
   * by status. https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
   */
  async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
    if ('jobName' in request) {
      const { jobQueue, jobName } = request;
      const jobs = await this.listPages({ jobQueue, filters: [{ name: 'JOB_NAME', values: [jobName] }] });
      return jobs.filter((job) => job.jobName === jobName && !isChild(job));
    }
    if ('jobStatus' in request) {
      const { arrayJobId, jobStatus, most } = request;
      return (await this.listPages({ arrayJobId, jobStatus }, most)).slice(0, most);
    }
    const children = new Map<string, JobSummary>();
    // In the order of a job's life: a job whose status changes meanwhile is listed twice, not missed.
    for (const jobStatus of JOB_STATUSES) {
      const listed = await this.listPages({ arrayJobId: request.arrayJobId, jobStatus });
      for (const child of listed) children.set(child.jobId, child);
    }
    return [...children.values()];
  }

  async terminateJob(jobId: string, reason: string): Promise<void> {
    await explained(this.client.send(new TerminateJobCommand({ jobId, reason })), `terminate job ${jobId}`);
  }

  private async listPages(input: ListJobsCommandInput, most = Infinity): Promise<JobSummary[]> {
    const jobs: JobSummary[] = [];
    try {
      for await (const { jobSummaryList = [] } of paginateListJobs({ client: this.client }, input)) {
        jobs.push(...jobSummaryList.map(jobSummaryOf));
        if (jobs.length >= most) break;
      }
    } catch (error) {
      throw awsError(error, 'list jobs', BATCH);
    }
    return jobs;
  }
}

/** A child's id is `<parent's id>:<index>`. */
function isChild({ jobId }: JobSummary): boolean {
  return jobId.includes(':');
}

/**
 * Prevents the SDK from repeating SubmitJob, which has no token: after a lost answer the repeat would be another job.
 * Only a throttled request certainly had no effect. Runs within the SDK's retries and answers each retry with the
 * result of the first request.
 */
function keepFromRepeating({ middlewareStack }: SubmitJobCommand): void {
  let failure: { readonly error: unknown } | undefined;
  middlewareStack.add(
    (next) => async (args) => {
      if (failure) throw failure.error;
      try {
        return await next(args);
      } catch (error) {
        if (awsFault(error).kind !== 'throttled') failure = { error };
        throw error;
      }
    },
    { name: 'keepFromRepeating', step: 'finalizeRequest', priority: 'low' },
  );
}

async function explained<T>(answer: Promise<T>, action: string): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw awsError(error, action, BATCH);
  }
}

/** A copy for the SDK's types, which demand mutable arrays. */
function mutableCopy(request: SubmitJobRequest): SubmitJobCommandInput {
  const { dependsOn, containerOverrides, retryStrategy, ...rest } = request;
  return {
    ...rest,
    ...(dependsOn && { dependsOn: [...dependsOn] }),
    ...(containerOverrides && {
      containerOverrides: {
        ...(containerOverrides.command && { command: [...containerOverrides.command] }),
        ...(containerOverrides.environment && { environment: [...containerOverrides.environment] }),
        ...(containerOverrides.resourceRequirements && {
          resourceRequirements: [...containerOverrides.resourceRequirements],
        }),
      },
    }),
    ...(retryStrategy && {
      retryStrategy: {
        attempts: retryStrategy.attempts,
        ...(retryStrategy.evaluateOnExit && { evaluateOnExit: [...retryStrategy.evaluateOnExit] }),
      },
    }),
  };
}

/** AWS Batch with the SDK's default region, credentials and endpoint. */
export function createAwsBatch(): AwsBatch {
  return new AwsBatch(
    new BatchClient({ requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 } }),
  );
}
