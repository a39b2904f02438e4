import { countFrames } from '../render/frames';
import type { Manifest } from '../render/manifest';
import { jobTags } from '../render/options';
import {
  ownRenderJob,
  renderJobName,
  type RenderJobs,
  type RetryPlan,
  salvageJobName,
  stitchJobName,
} from '../render/records';
import type { Render } from '../render/render';
import {
  type Batch,
  isEnded,
  type JobDetail,
  type JobStatus,
  type JobSummary,
  type SubmitJobRequest,
  type SubmitJobResponse,
} from './batch';
import { type ChosenTargets, isOnGpu } from './farm';
import { parseWorkerArgv, workerArgv } from './worker';

/**
 * Which existing jobs count as a render's: `any` (a repeated event submits nothing), all but failed ones (repeated by
 * a user), or unfinished ones (results are missing).
 */
export type Reuse = 'any' | 'unfailed' | 'unfinished';

/** The existing jobs of a render. A stitch job without a render job counts only if it was looked up alone. */
export interface FoundPair {
  readonly render?: SubmitJobResponse;
  readonly stitch?: SubmitJobResponse;
}

/** A job's name and its queue. */
type NamedJob = Pick<SubmitJobRequest, 'jobQueue' | 'jobName'>;

/** The names by which a pair of jobs is looked up. */
export interface NamedPair {
  /** Absent for a pair of a stitch job alone. */
  readonly render?: NamedJob;
  readonly stitch: NamedJob;
  /** The render's own folder, the value of `-o` in its jobs. */
  readonly output: string;
}

/**
 * Looks up the render's jobs by name in their queues: the newest render job that `reuse` accepts, and the stitch job
 * submitted between it and the next render job. Ignores jobs of the same names that render into another folder. AWS
 * Batch keeps ended jobs for at least 7 days; later they count as never submitted.
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
    // A failed render job without a stitch job was taken back.
    const takenBack = render.status === 'FAILED' && own.length === 0;
    if (accepts(reuse, render.status) && !takenBack) {
      return { render: identityOf(render), ...(stitch && { stitch: identityOf(stitch) }) };
    }
  }
  return {};
}

/**
 * Whether a pair with known ids still counts. Jobs that AWS Batch has forgotten count only for `any`. A successful
 * retry that left frames out does not count.
 */
export async function isReusable(jobs: RenderJobs, reuse: Reuse, batch: Batch): Promise<boolean> {
  if (reuse === 'any') return true;
  const render = ownRenderJob(jobs);
  const ids = [...(render === undefined ? [] : [render]), jobs.stitch.jobId];
  const known = await batch.describeJobs(ids);
  const wanted = jobs.retry?.partial ? 'unfinished' : reuse;
  return ids.every((id) => known.some(({ jobId, status }) => jobId === id && accepts(wanted, status)));
}

/** Jobs that work on this folder. A job whose command AWS Batch does not show yet counts, too. */
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
    // Not a command of Spotreel.
    return true;
  }
}

function accepts(reuse: Reuse, status: JobStatus): boolean {
  if (reuse === 'any') return true;
  return reuse === 'unfailed' ? status !== 'FAILED' : !isEnded(status);
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

/** The two submissions of a render or a retry. The stitch job waits for the render job. Pure. */
export interface JobRequests {
  /** The render's own folder, the value of `-o` in its jobs. */
  readonly output: string;
  readonly render: SubmitJobRequest;
  /** Without an id it waits for no job. */
  readonly stitch: (renderJobId?: string) => SubmitJobRequest;
}

/** With a `plan` the jobs of that retry: a child for each slice that lacks frames. */
export function jobRequests(
  render: Render,
  manifest: Manifest,
  targets: ChosenTargets,
  plan?: RetryPlan,
): JobRequests {
  const { renderId, framesPerSlice, frameCount, sliceCount, source } = manifest;
  const output = outputOf(render);
  const number = plan?.number;
  const retry = number !== undefined && { retry: number };
  const size = plan ? countFrames(plan.slices) : sliceCount;
  const slices = { framesPerSlice, totalFrames: frameCount, ...retry };
  const renderRequest: SubmitJobRequest = {
    jobName: renderJobName(renderId, number),
    ...targets.render,
    ...tagged(manifest, targets.farmName),
    ...(plan && { jobQueue: plan.jobQueue }),
    ...(size > 1 && { arrayProperties: { size } }),
    containerOverrides: {
      command: workerArgv({ command: 'render', input: source.url, output, ...slices }),
      ...(plan && resourceOverrides(plan, isOnGpu(manifest.options))),
    },
  };
  const partial = plan?.partial && { partial: true };
  const stitch = (renderJobId?: string): SubmitJobRequest => ({
    jobName: stitchJobName(renderId, number),
    ...targets.stitch,
    ...tagged(manifest, targets.farmName),
    ...(renderJobId !== undefined && { dependsOn: [{ jobId: renderJobId, type: 'SEQUENTIAL' }] }),
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output, ...partial }) },
  });
  return { output, render: renderRequest, stitch };
}

/** The names by which these jobs are found again. */
export function namedPair({ output, render, stitch }: JobRequests): NamedPair {
  return { render, stitch: stitch(), output };
}

/**
 * Memory or vCPUs other than the job definition's, and the environment that passes them to the worker. The
 * documentation does not say whether requirements that are omitted here stay, so a GPU is repeated.
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html
 */
function resourceOverrides(
  { memoryMib, vcpus }: RetryPlan,
  gpu: boolean,
): Pick<NonNullable<SubmitJobRequest['containerOverrides']>, 'resourceRequirements' | 'environment'> {
  if (memoryMib === undefined && vcpus === undefined) return {};
  const given = [
    { type: 'MEMORY', variable: 'SPOTREEL_MEMORY_MIB', value: memoryMib },
    { type: 'VCPU', variable: 'SPOTREEL_THREADS', value: vcpus },
  ] as const;
  const named = given.filter(({ value }) => value !== undefined);
  return {
    resourceRequirements: [
      ...named.map(({ type, value }) => ({ type, value: String(value) })),
      ...(gpu ? [{ type: 'GPU', value: '1' } as const] : []),
    ],
    environment: named.map(({ variable, value }) => ({ name: variable, value: String(value) })),
  };
}

/** The job that makes a video of the stored frames. It follows a failed job, so it has no dependency. Pure. */
export function salvageRequest(
  render: Render,
  manifest: Pick<Manifest, 'renderId' | 'tags'>,
  target: ChosenTargets['stitch'],
  farmName?: string,
): SubmitJobRequest {
  const output = outputOf(render);
  return {
    jobName: salvageJobName(manifest.renderId),
    ...target,
    ...tagged(manifest, farmName),
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output, partial: true }) },
  };
}

/**
 * Adds tags: they show a render's cost on the AWS bill, and IAM limits the farm's Lambdas to jobs with the farm's tag.
 */
function tagged(
  { renderId, tags }: Pick<Manifest, 'renderId' | 'tags'>,
  farmName: string | undefined,
): Pick<SubmitJobRequest, 'tags' | 'propagateTags'> {
  return { tags: jobTags(renderId, tags, farmName), propagateTags: true };
}

/** A render's folder for the worker's command line: without a slash at the end. */
export function outputOf({ location }: Render): string {
  return location.replace(/\/$/, '');
}
