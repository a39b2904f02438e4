import type { RenderJobs } from '../contract/jobs';
import { parseWorkerArgv } from '../contract/worker-command';
import type { Batch, JobDetail, JobStatus, JobSummary, SubmitJobRequest, SubmitJobResponse } from './batch';

/**
 * Which jobs that are there already count as a render's: any (an event that comes twice does no work twice), all but
 * failed ones (asked for again by hand), or only those still going on (results were found to be missing).
 */
export type Reuse = 'any' | 'unfailed' | 'unfinished';

/** What is there of a render's two jobs. A stitch job alone is nothing, but where it was looked for alone. */
export interface FoundPair {
  readonly render?: SubmitJobResponse;
  readonly stitch?: SubmitJobResponse;
}

/** A queue, and the name that a job has in it. */
type NamedJob = Pick<SubmitJobRequest, 'jobQueue' | 'jobName'>;

/** Under which names a pair of jobs is looked up. */
export interface NamedPair {
  /** Absent where there is only a stitch job. */
  readonly render?: NamedJob | undefined;
  readonly stitch: NamedJob;
  /** The render's own folder, as its jobs are told it by `-o`. */
  readonly output: string;
}

/**
 * Looks the render's jobs up by name, each in its queue: the newest render job that `reuse` accepts, and the stitch job submitted between
 * it and the next one. The same scene rendered into another folder has jobs of the same names, which are not meant.
 * AWS Batch keeps ended jobs for 7 days at least; after that they count as never submitted.
 */
export async function findPair(pair: NamedPair, reuse: Reuse, batch: Batch): Promise<FoundPair> {
  const listed = async ({ jobQueue, jobName }: NamedJob): Promise<JobSummary[]> =>
    ownOf(await batch.listJobs({ jobQueue, jobName }), pair.output, batch);
  if (!pair.render) {
    const stitch = newest(await listed(pair.stitch)).find(({ status }) => accepts(reuse, status));
    return stitch ? { stitch: identityOf(stitch) } : {};
  }
  const renders = await listed(pair.render);
  if (renders.length === 0) return {};
  const stitches = newest(await listed(pair.stitch));
  let next = Infinity;
  for (const render of newest(renders)) {
    const [from, to] = [createdAt(render), next];
    next = from;
    const own = stitches.filter((stitch) => createdAt(stitch) >= from && createdAt(stitch) < to);
    const stitch = own.find(({ status }) => accepts(reuse, status));
    // One that failed and never got a stitch job was taken back, and is nobody's render.
    const takenBack = render.status === 'FAILED' && own.length === 0;
    if (accepts(reuse, render.status) && !takenBack) {
      return { render: identityOf(render), ...(stitch && { stitch: identityOf(stitch) }) };
    }
  }
  return {};
}

/**
 * Whether a pair whose ids are known still counts. Jobs that AWS Batch no longer knows count only for `any`. One that succeeded
 * though it was to leave frames out is none to go by.
 */
export async function isReusable(jobs: RenderJobs, reuse: Reuse, batch: Batch): Promise<boolean> {
  if (reuse === 'any') return true;
  const { render, stitch, retry } = jobs;
  const ids = [...(retry?.slices === 0 ? [] : [render.jobId]), stitch.jobId];
  const known = await batch.describeJobs(ids);
  const wanted = retry?.partial ? 'unfinished' : reuse;
  return ids.every((id) => known.some(({ jobId, status }) => jobId === id && accepts(wanted, status)));
}

/** Those that work on this folder. One of which AWS Batch does not tell the command yet is taken for ours. */
async function ownOf(jobs: JobSummary[], output: string, batch: Batch): Promise<JobSummary[]> {
  if (jobs.length === 0) return jobs;
  const details = await batch.describeJobs(jobs.map(({ jobId }) => jobId));
  const others = new Set(details.filter((job) => isOfOther(job, output)).map(({ jobId }) => jobId));
  return jobs.filter(({ jobId }) => !others.has(jobId));
}

function isOfOther({ container }: JobDetail, output: string): boolean {
  if (!container?.command) return false;
  try {
    return parseWorkerArgv(container.command).output !== output;
  } catch {
    // No command of ours at all.
    return true;
  }
}

const ENDED: readonly JobStatus[] = ['SUCCEEDED', 'FAILED'];

/** Whether a job may yet come to something. */
export const isLiving = ({ status }: Pick<JobSummary, 'status'>): boolean => !ENDED.includes(status);

function accepts(reuse: Reuse, status: JobStatus): boolean {
  if (reuse === 'any') return true;
  return reuse === 'unfailed' ? status !== 'FAILED' : !ENDED.includes(status);
}

function newest(jobs: readonly JobSummary[]): JobSummary[] {
  return jobs.toSorted((a, b) => createdAt(b) - createdAt(a));
}

function createdAt(job: JobSummary): number {
  return job.createdAt ?? 0;
}

function identityOf({ jobArn, jobId, jobName }: JobSummary): SubmitJobResponse {
  return { ...(jobArn !== undefined && { jobArn }), jobId, jobName };
}
