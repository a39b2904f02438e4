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
  const render = ownRenderJob(jobs);
  const ids = [...(render === undefined ? [] : [render]), jobs.stitch.jobId];
  const known = await batch.describeJobs(ids);
  const wanted = jobs.retry?.partial ? 'unfinished' : reuse;
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

/** The two submissions of a render, or of a retry of it: pure. The stitch job waits for the render job. */
export interface JobRequests {
  /** The render's own folder, as the jobs are told it. */
  readonly output: string;
  readonly render: SubmitJobRequest;
  /** Without an id it waits for nothing. */
  readonly stitch: (renderJobId?: string) => SubmitJobRequest;
}

/** With a `plan` those of a retry: as many children as slices lack frames. */
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

/** Under which names these jobs are found again. */
export function namedPair({ output, render, stitch }: JobRequests): NamedPair {
  return { render, stitch: stitch(), output };
}

/**
 * More memory or vCPUs than the job definition asks for, and what the worker is told of them. Whether the requirements that are not
 * named here stay is left open by the documentation, so a GPU is named again.
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

/** The job that makes a video of the frames that exist. It depends on no job, as it follows one that has failed. Pure. */
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

/** Tags show a render's share on the account's bill, and IAM limits the farm's Lambdas to jobs with the farm's tag. */
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
