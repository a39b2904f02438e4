import type { Batch, JobDetail } from '../../core/jobs/batch';
import type { ClaimPolicy } from '../../core/jobs/ensure-jobs';
import { chooseDefinition, isOnGpu, type RenderDefinition } from '../../core/jobs/farm';
import { retryRender, type SubmittedRetry } from '../../core/jobs/retry';
import { EXIT } from '../../core/jobs/worker';
import { framesOf } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import type { RenderJobs } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { childrenOfFrames } from '../../core/render/slices';
import { type EndedJob, isTimeout } from './ended-job';

/** Services, queues and job definitions (names or ARNs) to render on On-Demand machines. */
export interface RescueServices {
  readonly batch: Batch;
  /** Queue of the On-Demand machines. */
  readonly jobQueue: string;
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitch: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly farmName?: string;
  readonly claim: ClaimPolicy;
}

interface Place {
  readonly manifest: Manifest;
  /** The newest pair, which the failed render job is part of. */
  readonly jobs: RenderJobs;
  readonly now: () => Date;
}

/**
 * Submits a retry on On-Demand machines for missing frames of slices whose last attempt lost its machine. Does so only
 * once, not after a retry on On-Demand machines, not for failed frames, and not for renders that need a GPU. `undefined` if
 * there is nothing to rescue. Throws the errors of `retryRender`.
 */
export async function ensureRescue(
  { render, change }: EndedJob,
  { manifest, jobs, now }: Place,
  { batch, jobQueue, renderDefinitions, stitch, farmName, claim }: RescueServices,
): Promise<SubmittedRetry | undefined> {
  if (jobs.retry?.onDemand || isOnGpu(manifest.options)) return undefined;
  const { missing, failed } = await render.missingFrames(manifest);
  const open = new Set([...missing].filter((frame) => !failed.has(frame)));
  const sliceOf = childrenOfFrames(open, manifest);
  const slices = await slicesOfJob(render, manifest, jobs);
  const taken = await reclaimedSlices(change.jobId, new Set(sliceOf.values()), slices, batch);
  const frames = [...open].filter((frame) => taken.has(sliceOf.get(frame)!));
  if (frames.length === 0) return undefined;
  const { jobDefinition } = chooseDefinition(manifest, { renderDefinitions });
  const samples = jobs.retry && (await render.retry(jobs.retry.number).require()).samples;
  return retryRender(
    render,
    manifest,
    {
      why: 'reclaimed',
      slices: [...taken].toSorted((a, b) => a - b),
      frames,
      partial: frames.length < missing.size,
      samples,
      jobQueue,
      onDemand: true,
      after: jobs,
    },
    { batch, now, claim, targets: { render: { jobQueue, jobDefinition }, stitch, farmName } },
  );
}

/** The newest pair if it is the rescue of this job, whose event came twice. */
export async function rescuedBefore(
  { render, change }: EndedJob,
  jobs: RenderJobs,
): Promise<RenderJobs | undefined> {
  if (jobs.retry?.why !== 'reclaimed') return undefined;
  const { after } = await render.retry(jobs.retry.number).require();
  return after?.render === change.jobId ? jobs : undefined;
}

/** The wanted slices whose child of this job ended because its machine was taken away. Child i has the i-th of `slices`. */
async function reclaimedSlices(
  jobId: string,
  wanted: ReadonlySet<number>,
  slices: readonly number[],
  batch: Batch,
): Promise<Set<number>> {
  const idOf = (child: number) => (slices.length === 1 ? jobId : `${jobId}:${child}`);
  const children = slices.flatMap((slice, child) => (wanted.has(slice) ? [{ slice, id: idOf(child) }] : []));
  const details = await batch.describeJobs(children.map(({ id }) => id));
  const reclaimed = new Set(details.filter(wasReclaimed).map((detail) => detail.jobId));
  return new Set(children.filter(({ id }) => reclaimed.has(id)).map(({ slice }) => slice));
}

/** The slice of each child of the newest render job. */
async function slicesOfJob(
  render: Render,
  { sliceCount }: Manifest,
  { retry }: RenderJobs,
): Promise<number[]> {
  if (!retry) return Array.from({ length: sliceCount }, (_, slice) => slice);
  return [...framesOf((await render.retry(retry.number).require()).slices)];
}

/**
 * Whether the job lost its machine: by its status reason, or because the worker got the Spot notice and stopped in time.
 * https://docs.aws.amazon.com/batch/latest/userguide/best-practices.html
 */
function wasReclaimed({ status, statusReason, attempts = [] }: JobDetail): boolean {
  if (status !== 'FAILED') return false;
  const last = attempts.at(-1);
  const reason = last?.statusReason ?? statusReason ?? '';
  if (isTimeout(reason) || isTimeout(statusReason ?? '')) return false;
  return /^Host EC2/i.test(reason) || last?.container?.exitCode === EXIT.stopped.code;
}
