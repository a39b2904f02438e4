import { join } from 'node:path';
import type { BatchView, JobDetail, JobSummary, ListJobsRequest } from '../batch';
import { summarizeJob } from './describe-job';
import { describeJobs, listChildren, type Jobs } from './find-job';
import { peekJobs } from './recover-jobs';

/**
 * The local Batch of a state directory for who only looks, while another process may run it: the journals are read anew for
 * each question. Damaged journals are skipped.
 */
export class PeekedBatch implements BatchView {
  constructor(private readonly stateDirectory: string) {}

  async describeJobs(jobIds: readonly string[]): Promise<JobDetail[]> {
    return describeJobs(jobIds, this.jobs());
  }

  async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
    const jobs = this.jobs();
    if ('arrayJobId' in request) return listChildren(request, jobs);
    const { jobName } = request;
    return [...jobs.values()].filter((job) => job.request.jobName === jobName).map(summarizeJob);
  }

  private jobs(): Jobs {
    const { jobs } = peekJobs(join(this.stateDirectory, 'jobs'));
    return new Map(jobs.map((job) => [job.jobId, job]));
  }
}
