import { mapConcurrently } from '../concurrency';
import { type Batch, countSlices, isEnded, type JobDetail } from '../jobs/batch';
import type { Machines } from '../render/options';
import { capReason, type CostCap } from '../render/records';
import { Render } from '../render/render';
import type { Storage } from '../storage/storage';
import { renderCost, tableRenderPrices } from './receipt';
import { SliceDigests } from './slice-digests';

export interface CapServices {
  readonly output: URL;
  readonly storage: Storage;
  readonly batch: Batch;
  readonly machines: Machines;
  /** The queue of machines with GPUs, if the farm has some. */
  readonly gpuJobQueue?: string;
  readonly region: string;
  /** What earlier looks read of each render, so that only changes are read again. */
  readonly digests: Map<string, SliceDigests>;
  readonly now: () => Date;
}

/** The result of one look at a cap. */
export interface CapOutcome {
  readonly renderId: string;
  /**
   * - `kept`: not reached. `waiting`: its jobs are unknown so far.
   * - `stopped`: reached, and the render job is stopped now. `stopping`: it was stopped before and has not ended yet.
   * - `removed`: its render has ended. `unreadable`: the file is not a valid cap.
   */
  readonly outcome: 'kept' | 'waiting' | 'stopped' | 'stopping' | 'removed' | 'unreadable' | 'failed';
  readonly usd?: number;
  readonly maxUsd?: number;
  readonly error?: unknown;
}

/** Renders at a time, and slice reports of each. 10,000 reports take some seconds. */
const AT_ONCE = 2;
const REPORTS_AT_ONCE = 64;

/** For so long another job may follow one that ended, on On-Demand machines. */
const FOLLOWING_SECONDS = 600;

/** A cap is written before its render's jobs. After so long no jobs will follow. */
const SUBMITTING_SECONDS = 3600;

/**
 * Looks at every render with a cost cap and stops those that have reached it. The cost is the time up to now at the
 * highest possible price. A failed look stops no other. Without caps this is one listing.
 */
export async function watchCaps(services: CapServices): Promise<CapOutcome[]> {
  const { output, storage, digests } = services;
  const renders: Render[] = [];
  for await (const render of Render.allWithCap(output, storage)) renders.push(render);
  const renderIds = new Set(renders.map(({ renderId }) => renderId));
  for (const known of digests.keys()) if (!renderIds.has(known)) digests.delete(known);
  return mapConcurrently(renders, AT_ONCE, async (render): Promise<CapOutcome> => {
    const { renderId } = render;
    try {
      return { renderId, ...(await watchCap(render, services)) };
    } catch (error) {
      return { renderId, outcome: 'failed', error };
    }
  });
}

async function watchCap(render: Render, services: CapServices): Promise<Omit<CapOutcome, 'renderId'>> {
  const { batch, now } = services;
  const { value: cap, modifiedAt, replace } = await render.cap.version();
  if (!modifiedAt) return { outcome: 'removed' };
  if (!cap) return { outcome: 'unreadable' };
  const jobs = await render.jobs.readIfValid();
  const [job] = jobs ? await batch.describeJobs([jobs.render.jobId]) : [];
  if (isOver(cap, job, now())) {
    await render.cap.delete();
    return { outcome: 'removed' };
  }
  if (!job || isEnded(job.status)) return { outcome: 'waiting' };
  const { maxUsd } = cap;
  const usd = await spentUsd(cap, render, job, services);
  if (usd <= maxUsd) return { outcome: 'kept', usd, maxUsd };
  const isKnown = cap.stopped?.jobId === job.jobId;
  const stopped = { jobId: job.jobId, usd, at: now().toISOString() };
  // The cap was raised a moment ago. The next look checks the new one.
  if (!isKnown && !(await replace({ ...cap, stopped }))) return { outcome: 'kept', usd, maxUsd };
  // Stop it again: the process that noted the end may have died before it stopped the job.
  await batch.terminateJob(job.jobId, capReason(maxUsd, usd));
  return { outcome: isKnown ? 'stopping' : 'stopped', usd, maxUsd };
}

/**
 * Whether no more will be spent under a cap: its render job has ended, or another job has followed the stopped one. A
 * cap newer than the job waits for the next job, and so does the cap of a job that has just ended. Pure.
 */
function isOver({ at, stopped }: CostCap, job: JobDetail | undefined, now: Date): boolean {
  const isLate = now.getTime() - Date.parse(at) > SUBMITTING_SECONDS * 1000;
  if (!job) return isLate;
  if (stopped && stopped.jobId !== job.jobId) return true;
  const { createdAt = 0, stoppedAt = 0 } = job;
  if (!isEnded(job.status) || now.getTime() - stoppedAt < FOLLOWING_SECONDS * 1000) return false;
  return isLate || stopped !== undefined || Date.parse(at) <= createdAt;
}

/** The most that can have been spent, in US dollars. */
async function spentUsd(
  cap: CostCap,
  render: Render,
  job: JobDetail,
  services: CapServices,
): Promise<number> {
  const { machines, gpuJobQueue, region, digests, now } = services;
  const known = digests.get(render.renderId) ?? new SliceDigests(REPORTS_AT_ONCE);
  digests.set(render.renderId, known);
  await known.read(render);
  const held = known.held(countSlices(job).running, now().getTime());
  const table = tableRenderPrices(machines, job.jobQueue === gpuJobQueue, region);
  const prices = cap.prices ? { ...table, render: { ...cap.prices, notes: [] } } : table;
  return renderCost({ ...held, stitchSeconds: 0 }, machines, prices).usd.high;
}
