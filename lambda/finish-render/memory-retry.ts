import { mapConcurrently } from '../../core/concurrency';
import type { JobDetail } from '../../core/jobs/batch';
import { chooseTargets, type ChosenTargets, type RenderDefinition } from '../../core/jobs/farm';
import type { LargerSize } from '../../core/jobs/machine-types';
import { retryRender, type SubmittedRetry } from '../../core/jobs/retry';
import { MEMORY_REASON } from '../../core/jobs/worker';
import { framesOf } from '../../core/render/frames';
import type { CostCap, RetryPlan } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { childrenOfFrames } from '../../core/render/slices';
import type { EndedJob } from './ended-job';
import { describeChildren, type RetryPlace, type RetryServices, slicesOfJob, wasReclaimed } from './rescue';

/** A queue of the farm, and the sizes of slices with twice the memory that it can run; the better first. */
export interface MemoryQueue {
  /** Name or ARN. */
  readonly jobQueue: string;
  readonly sizes: readonly LargerSize[];
}

/** Services, queues and job definitions (names or ARNs) to render slices again with more memory. */
export interface MemoryServices extends RetryServices {
  readonly spot: MemoryQueue;
  /** Both only if the farm has such machines. */
  readonly gpu?: MemoryQueue;
  readonly onDemand?: MemoryQueue;
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitchDefinition: string;
  readonly farmName?: string;
}

/** Failures and reports that are read at a time. 10,000 take some seconds. */
const AT_ONCE = 64;

/**
 * Submits a retry with twice the memory and vCPUs for slices that ran out of memory, and for slices of the same job whose
 * machines were reclaimed. It does so once for a render, and not after a retry whose memory a person chose. `undefined` if
 * no slice ran out of memory, or if no machine of the queue surely has twice the memory. Without a cost cap, the vCPUs stay
 * if twice as many fit no machine; a cap counts vCPUs. Throws the errors of `retryRender`.
 */
export async function ensureMemoryRetry(
  { render, change }: EndedJob,
  { manifest, jobs, now }: RetryPlace,
  services: MemoryServices,
): Promise<SubmittedRetry | undefined> {
  const { batch, claim } = services;
  if (jobs.retry?.why === 'memory') return undefined;
  const plan = jobs.retry && (await render.retry(jobs.retry.number).readIfValid());
  // Without its plan, the slices of the retry are unknown.
  if ((jobs.retry && !plan) || plan?.memoryMib !== undefined) return undefined;
  const targets = targetsOf(manifest, services);
  const jobQueue = plan?.jobQueue ?? targets.render.jobQueue;
  const size = sizeIn(jobQueue, services, await render.cap.readIfValid());
  if (!size) return undefined;

  const missing = await missingOf(render, manifest, plan);
  const sliceOf = childrenOfFrames(missing.frames, manifest);
  const slices = slicesOfJob(manifest, jobs, plan).map((slice, child) => ({ slice, child }));
  const wanted = new Set(sliceOf.values());
  const children = await describeChildren(change.jobId, wanted, slices, batch);
  const full = new Set([...missing.outOfMemory].map((frame) => sliceOf.get(frame)!));
  for (const slice of await killedSlices(render, children)) full.add(slice);
  if (full.size === 0 || (await hadMemoryRetry(render, jobs))) return undefined;
  const again = new Set([
    ...full,
    ...children.filter(({ job }) => wasReclaimed(job)).map(({ slice }) => slice),
  ]);
  const frames = [...missing.frames].filter(
    (frame) =>
      again.has(sliceOf.get(frame)!) && (!missing.failed.has(frame) || missing.outOfMemory.has(frame)),
  );
  if (frames.length === 0) return undefined;
  const chosen: ChosenTargets = { ...targets, render: { ...targets.render, jobQueue } };
  return retryRender(
    render,
    manifest,
    {
      why: 'memory',
      slices: [...new Set(frames.map((frame) => sliceOf.get(frame)!))].toSorted((a, b) => a - b),
      frames,
      partial: frames.length < missing.all,
      samples: plan?.samples,
      ...size,
      jobQueue,
      onDemand: plan?.onDemand,
      after: jobs,
    },
    { batch, now, claim, targets: chosen },
  );
}

/** Whether a readable older plan is a memory retry. */
async function hadMemoryRetry(render: Render, { retry }: RetryPlace['jobs']): Promise<boolean> {
  const numbers = Array.from({ length: (retry?.number ?? 1) - 1 }, (_, i) => i + 1);
  const older = await mapConcurrently(numbers, AT_ONCE, (number) => render.retry(number).readIfValid());
  return older.some((plan) => plan?.why === 'memory');
}

function targetsOf(manifest: RetryPlace['manifest'], services: MemoryServices): ChosenTargets {
  const { spot, gpu, renderDefinitions, stitchDefinition, farmName } = services;
  // The number of slices at a time decides nothing here.
  const queueOf = ({ jobQueue }: MemoryQueue) => ({ jobQueue, parallel: 1 });
  return chooseTargets(manifest, {
    ...queueOf(spot),
    ...(gpu && { gpu: queueOf(gpu) }),
    renderDefinitions,
    stitchDefinition,
    farmName,
  });
}

/** The size of a slice in this queue; none in a queue that is not of the farm, to which it may submit nothing. */
function sizeIn(jobQueue: string, { spot, gpu, onDemand }: MemoryServices, cap: CostCap | undefined) {
  if (cap?.stopped) return undefined;
  const queue = [spot, gpu, onDemand].find((one) => one?.jobQueue === jobQueue);
  return queue?.sizes.find(({ vcpus }) => !cap || vcpus !== undefined);
}

/** Missing frames of this job, those that failed, and those of them that ran out of memory. */
interface MissingOfJob {
  readonly frames: ReadonlySet<number>;
  readonly failed: ReadonlySet<number>;
  readonly outOfMemory: ReadonlySet<number>;
  /** The number of missing frames of the render. */
  readonly all: number;
}

async function missingOf(
  render: Render,
  manifest: RetryPlace['manifest'],
  plan: RetryPlan | undefined,
): Promise<MissingOfJob> {
  const { missing, failed } = await render.missingFrames(manifest);
  const planned = plan && new Set(framesOf(plan.frames));
  const frames = new Set([...missing].filter((frame) => planned?.has(frame) ?? true));
  const failedNow = [...failed].filter((frame) => frames.has(frame));
  const full = await mapConcurrently(failedNow, AT_ONCE, async (frame) => {
    const failure = await render.failure(frame).readIfValid();
    return failure?.reason.includes(MEMORY_REASON) ? [frame] : [];
  });
  return { frames, failed: new Set(failedNow), outOfMemory: new Set(full.flat()), all: missing.size };
}

/** Slices that ended as a whole: Docker killed the container, or Blender could not open the scene. */
async function killedSlices(
  render: Render,
  children: ReadonlyArray<{ readonly slice: number; readonly job: JobDetail }>,
): Promise<number[]> {
  const found = await mapConcurrently(children, AT_ONCE, async ({ slice, job }) => {
    if (job.status !== 'FAILED') return [];
    const last = job.attempts?.at(-1)?.container;
    if (/OutOfMemory/i.test(last?.reason ?? '')) return [slice];
    const report = await render.slice(slice).readIfValid();
    return report?.attempts.at(-1)?.reason?.includes(MEMORY_REASON) ? [slice] : [];
  });
  return found.flat();
}
