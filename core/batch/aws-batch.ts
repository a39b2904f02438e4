import {
  CancelJobCommand,
  DescribeJobsCommand,
  ListJobsCommand,
  SubmitJobCommand,
  TerminateJobCommand,
  type BatchClient,
  type ListJobsCommandInput,
  type SubmitJobCommandInput,
} from '@aws-sdk/client-batch';
import { awsBatchError } from './aws-batch-error';
import { jobDetailOf, JOB_STATUSES, jobSummaryOf, required } from './aws-job-detail';
import type {
  Batch,
  JobDetail,
  JobSummary,
  ListJobsRequest,
  SubmitJobRequest,
  SubmitJobResponse,
} from './batch';

/** Ids that DescribeJobs takes in one call. https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html */
const IDS_PER_CALL = 100;

/** AWS Batch. The client brings region, credentials and repeats. Errors: see `awsBatchError`. */
export class AwsBatch implements Batch {
  constructor(private readonly client: Pick<BatchClient, 'send'>) {}

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
   * A filter by name brings jobs of any status but matches without case, and whether it brings children, which have
   * their parent's name, the documentation leaves open: they are no jobs of the queue. An array's children can only be
   * listed status by status. https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
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
    // In the order of a job's life, so that one that moves on meanwhile is listed again, not missed.
    for (const jobStatus of JOB_STATUSES) {
      const listed = await this.listPages({ arrayJobId: request.arrayJobId, jobStatus });
      for (const child of listed) children.set(child.jobId, child);
    }
    return [...children.values()];
  }

  async cancelJob(jobId: string, reason: string): Promise<void> {
    await explained(this.client.send(new CancelJobCommand({ jobId, reason })), `cancel job ${jobId}`);
  }

  async terminateJob(jobId: string, reason: string): Promise<void> {
    await explained(this.client.send(new TerminateJobCommand({ jobId, reason })), `terminate job ${jobId}`);
  }

  private async listPages(input: ListJobsCommandInput, most = Infinity): Promise<JobSummary[]> {
    const jobs: JobSummary[] = [];
    let nextToken: string | undefined;
    do {
      const command = new ListJobsCommand({ ...input, ...(nextToken !== undefined && { nextToken }) });
      const page = await explained(this.client.send(command), 'list jobs');
      jobs.push(...(page.jobSummaryList ?? []).map(jobSummaryOf));
      nextToken = page.nextToken;
    } while (nextToken && jobs.length < most);
    return jobs;
  }
}

/** A child's id is `<parent's id>:<index>`. */
function isChild({ jobId }: JobSummary): boolean {
  return jobId.includes(':');
}

/**
 * Keeps the SDK from sending SubmitJob again, which knows no token: where the answer to the first is lost, the second
 * would be another job. Only what was throttled is known to have had no effect. Stands within the SDK's repeats, and
 * answers each but the first with what the first came to.
 */
function keepFromRepeating({ middlewareStack }: SubmitJobCommand): void {
  let failure: { readonly error: unknown } | undefined;
  middlewareStack.add(
    (next) => async (args) => {
      if (failure) throw failure.error;
      try {
        return await next(args);
      } catch (error) {
        if (awsBatchError(error, 'submit').code !== 'throttled') failure = { error };
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
    throw awsBatchError(error, action);
  }
}

/** The SDK's types want arrays that it could change. */
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
