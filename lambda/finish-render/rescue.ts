import type { Batch, JobDetail } from '../../core/jobs/batch';
import type { ClaimPolicy } from '../../core/jobs/ensure-jobs';
import { chooseDefinition, isOnGpu, type RenderDefinition } from '../../core/jobs/farm';
import type { LargerSize } from '../../core/jobs/machine-types';
import { retryRender, type SubmittedRetry } from '../../core/jobs/retry';
import { EXIT } from '../../core/jobs/worker';
import { framesOf } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import type { CostCap, RenderJobs, RetryPlan } from '../../core/render/records';
import { childrenOfFrames } from '../../core/render/slices';
import { type EndedJob, isTimeout } from './ended-job';

/** Services to submit a retry. */
export interface RetryServices {
  readonly batch: Batch;
  readonly claim: ClaimPolicy;
}

/** Services, queues and job definitions (names or ARNs) to render on On-Demand machines. */
export interface RescueServices extends RetryServices {
  /** Queue of the On-Demand machines. */
  readonly jobQueue: string;
  /** Sizes of slices with twice the memory that this queue can run; the better first. */
  readonly sizes: readonly LargerSize[];
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitch: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly farmName?: string;
}

/** The render that a retry continues. */
export interface RetryPlace {
  readonly manifest: Manifest;
  /** The newest pair, which the failed render job is part of. */
  readonly jobs: RenderJobs;
  readonly now: () => Date;
}

/**
 * Submits a retry on On-Demand machines for missing frames of slices whose last attempt lost its machine. Does so only
 * once, not after a retry on On-Demand machines, not for failed frames, not for renders that need a GPU, and not for slices that
 * are too large for the queue. `undefined` if there is nothing to rescue. Throws the errors of `retryRender`.
 */
export async function ensureRescue(
  { render, change }: EndedJob,
  { manifest, jobs, now }: RetryPlace,
  { batch, jobQueue, sizes, renderDefinitions, stitch, farmName, claim }: RescueServices,
): Promise<SubmittedRetry | undefined> {
  if (jobs.retry?.onDemand || isOnGpu(manifest.options)) return undefined;
  const { missing, failed } = await render.missingFrames(manifest);
  const open = new Set([...missing].filter((frame) => !failed.has(frame)));
  const sliceOf = childrenOfFrames(open, manifest);
  const before = jobs.retry && (await render.retry(jobs.retry.number).readIfValid());
  const slices = slicesOfJob(manifest, jobs, before).map((slice, child) => ({ slice, child }));
  const children = await describeChildren(change.jobId, new Set(sliceOf.values()), slices, batch);
  const taken = new Set(children.filter(({ job }) => wasReclaimed(job)).map(({ slice }) => slice));
  const frames = [...open].filter((frame) => taken.has(sliceOf.get(frame)!));
  if (frames.length === 0) return undefined;
  const size = sizeIn(sizes, before ?? {}, await render.cap.readIfValid());
  if (!size) return undefined;
  const { jobDefinition } = chooseDefinition(manifest, { renderDefinitions });
  return retryRender(
    render,
    manifest,
    {
      why: 'reclaimed',
      slices: [...taken].toSorted((a, b) => a - b),
      frames,
      partial: frames.length < missing.size,
      samples: before?.samples,
      ...size,
      jobQueue,
      onDemand: true,
      after: jobs,
    },
    { batch, now, claim, targets: { render: { jobQueue, jobDefinition }, stitch, farmName } },
  );
}

type SliceSize = Pick<RetryPlan, 'memoryMib' | 'vcpus'>;

/**
 * The size of a slice of the retry before, with at most the vCPUs that the queue surely has; `undefined` if the queue may
 * lack its memory. With a cost cap, which counts vCPUs, a slice with more memory needs its own number of them.
 */
function sizeIn(
  sizes: readonly LargerSize[],
  { memoryMib, vcpus }: SliceSize,
  cap: CostCap | undefined,
): SliceSize | undefined {
  if (memoryMib === undefined && vcpus === undefined) return {};
  const known = sizes.find(
    (size) => size.memoryMib >= (memoryMib ?? 0) && (!cap || size.vcpus !== undefined),
  );
  // Slices of the usual size fit the queue.
  if (!known) return memoryMib === undefined ? {} : undefined;
  const most = known.vcpus;
  if (most === undefined || (vcpus === undefined && !cap)) return { memoryMib };
  return { memoryMib, vcpus: Math.min(vcpus ?? most, most) };
}

/** The newest pair if it is the rescue or the memory retry of this job, whose event came twice. */
export async function rescuedBefore(
  { render, change }: EndedJob,
  jobs: RenderJobs,
): Promise<RenderJobs | undefined> {
  if (!jobs.retry || jobs.retry.why === 'asked') return undefined;
  const plan = await render.retry(jobs.retry.number).readIfValid();
  return plan?.after?.render === change.jobId ? jobs : undefined;
}

/** The children of this job that have one of the wanted slices. Child i has the i-th slice of the job. */
export async function describeChildren(
  jobId: string,
  wanted: ReadonlySet<number>,
  slices: ReadonlyArray<{ readonly slice: number; readonly child: number }>,
  batch: Batch,
): Promise<Array<{ readonly slice: number; readonly job: JobDetail }>> {
  const idOf = (child: number) => (slices.length === 1 ? jobId : `${jobId}:${child}`);
  const sliceOf = new Map(
    slices.filter(({ slice }) => wanted.has(slice)).map(({ slice, child }) => [idOf(child), slice]),
  );
  const details = await batch.describeJobs([...sliceOf.keys()]);
  return details.map((job) => ({ slice: sliceOf.get(job.jobId)!, job }));
}

/** The slice of each child of the newest render job; none if it is a retry whose plan is unreadable. */
export function slicesOfJob(
  { sliceCount }: Manifest,
  { retry }: RenderJobs,
  plan: RetryPlan | undefined,
): number[] {
  if (!retry) return Array.from({ length: sliceCount }, (_, slice) => slice);
  return plan ? [...framesOf(plan.slices)] : [];
}

/**
 * Whether the job lost its machine: by its status reason, or because the worker got the Spot notice and stopped in time.
 * https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html
 */
export function wasReclaimed({ status, statusReason, attempts = [] }: JobDetail): boolean {
  if (status !== 'FAILED') return false;
  const last = attempts.at(-1);
  const reason = last?.statusReason ?? statusReason ?? '';
  if (isTimeout(reason) || isTimeout(statusReason ?? '')) return false;
  return /^Host EC2/i.test(reason) || last?.container?.exitCode === EXIT.stopped.code;
}
