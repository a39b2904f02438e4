import { SpotreelError } from '../../core/errors';
import type {
  AttemptDetail,
  Batch,
  JobDetail,
  JobStatus,
  JobSummary,
  ListJobsRequest,
  SubmitJobRequest,
  SubmitJobResponse,
} from '../../core/jobs/batch';

interface RecordedJob {
  readonly jobId: string;
  readonly request: SubmitJobRequest;
  status: JobStatus;
  /** Why it was terminated. */
  statusReason?: string;
}

/** A fake of AWS Batch for tests: accepts jobs and runs none. Calls can be made to fail, before or after they took effect. */
export class RecordingBatch implements Batch {
  readonly jobs: RecordedJob[] = [];
  /** Called before and after each call takes effect; throws to make it fail there. */
  fault: (call: 'submitJob' | 'listJobs' | 'terminateJob', when: 'before' | 'after') => void = () =>
    undefined;

  async submitJob(request: SubmitJobRequest): Promise<SubmitJobResponse> {
    this.fault('submitJob', 'before');
    const jobId = `job-${this.jobs.length + 1}`;
    this.jobs.push({ jobId, request, status: 'SUBMITTED' });
    this.fault('submitJob', 'after');
    return { jobId, jobName: request.jobName };
  }

  async describeJobs(jobIds: readonly string[]): Promise<JobDetail[]> {
    return this.jobs
      .filter(({ jobId }) => jobIds.includes(jobId))
      .map(({ jobId, request, status, statusReason }) => ({
        ...request,
        jobId,
        status,
        statusReason,
        container: { command: request.containerOverrides?.command },
      }));
  }

  async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
    this.fault('listJobs', 'before');
    if ('arrayJobId' in request) return [];
    return this.jobs
      .map((job, createdAt) => ({ ...job, createdAt }))
      .filter(({ request: { jobQueue } }) => jobQueue === request.jobQueue)
      .map(({ jobId, request: { jobName }, status, createdAt }) => ({ jobId, jobName, status, createdAt }))
      .filter(({ jobName }) => jobName === request.jobName);
  }

  async terminateJob(jobId: string, statusReason = ''): Promise<void> {
    this.fault('terminateJob', 'before');
    Object.assign(this.find(jobId), { status: 'FAILED', statusReason });
  }

  find(jobId: string): RecordedJob {
    const job = this.jobs.find((candidate) => candidate.jobId === jobId);
    if (!job) throw new SpotreelError('client-exception', 'usage', `there is no job ${jobId}`);
    return job;
  }

  /** Jobs that have not failed, by name. */
  alive(): string[] {
    return this.jobs.filter(({ status }) => status !== 'FAILED').map(({ request }) => request.jobName);
  }
}

/** A fake of AWS Batch that also describes failed children and retries, by the last attempts in `attempts`. */
export class EndedChildren extends RecordingBatch {
  readonly attempts = new Map<string, AttemptDetail>();

  override async describeJobs(ids: readonly string[]): Promise<JobDetail[]> {
    const children = ids.flatMap((jobId): JobDetail[] => {
      const attempt = this.attempts.get(jobId);
      const job = { jobId, jobName: 'child', jobQueue: 'spot', jobDefinition: 'render' };
      return attempt ? [{ ...job, status: 'FAILED', attempts: [attempt] }] : [];
    });
    return [...(await super.describeJobs(ids)), ...children];
  }
}
