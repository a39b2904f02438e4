import { mapConcurrently } from '../concurrency';
import { type Batch, countSlices, isEnded, type JobDetail } from '../jobs/batch';
import type { Machines } from '../render/options';
import { capReason, type CostCap } from '../render/records';
import { Render } from '../render/render';
import type { Storage } from '../storage/storage';
import { renderCost, tableRenderPrices } from './receipt';
import { SliceDigests } from './slice-digests';

export interface CapServices {
  /** The folder under which each render has its own. */
  readonly output: URL;
  readonly storage: Storage;
  readonly batch: Batch;
  readonly machines: Machines;
  /** Of the machines with GPUs, where there are any. */
  readonly gpuJobQueue?: string;
  readonly region: string;
  /** By render: what was read of it before, so that only what has changed is read again. */
  readonly digests: Map<string, SliceDigests>;
  readonly now: () => Date;
}

/** What became of a cap. */
export interface CapOutcome {
  readonly renderId: string;
  /**
   * - `kept`: below it; `waiting`: of its jobs nothing is known yet.
   * - `stopped`: reached, and the render job is stopped; `stopping`: it was before, and has not ended yet.
   * - `removed`: its render has ended. `unreadable`: it is no cap.
   */
  readonly outcome: 'kept' | 'waiting' | 'stopped' | 'stopping' | 'removed' | 'unreadable' | 'failed';
  readonly usd?: number;
  readonly maxUsd?: number;
  /** For `failed`. */
  readonly error?: unknown;
}

/** Renders that are looked at at a time, and reports of slices of each: 10,000 of them take some seconds so. */
const AT_ONCE = 2;
const REPORTS_AT_ONCE = 64;

/** A job that has just ended may be followed by another one that goes on at once, on On-Demand machines. */
const FOLLOWING_SECONDS = 600;

/** A cap is written before its render's jobs; after so long nobody will come to submit them. */
const SUBMITTING_SECONDS = 3600;

/**
 * Looks at every render that may cost so much and no more, and stops those that have come to it: what a render costs is reckoned
 * by the highest price that a machine of it may have, up to now for what runs. That one of them fails keeps none of the others
 * from being looked at. Where there are no caps this is one listing.
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
  // Raised a moment ago: the next look sees by how much.
  if (!isKnown && !(await replace({ ...cap, stopped }))) return { outcome: 'kept', usd, maxUsd };
  // Once more where it is known: whoever noted it may have been cut off.
  await batch.terminateJob(job.jobId, capReason(maxUsd, usd));
  return { outcome: isKnown ? 'stopping' : 'stopped', usd, maxUsd };
}

/**
 * Whether nothing more will be spent under a cap: its render job has ended, or another has come after the one that was stopped
 * for it. One that is newer than the job waits for the next one, for a while, and so does any of a job that ended just now. Pure.
 */
function isOver({ at, stopped }: CostCap, job: JobDetail | undefined, now: Date): boolean {
  const isLate = now.getTime() - Date.parse(at) > SUBMITTING_SECONDS * 1000;
  if (!job) return isLate;
  if (stopped && stopped.jobId !== job.jobId) return true;
  const { createdAt = 0, stoppedAt = 0 } = job;
  if (!isEnded(job.status) || now.getTime() - stoppedAt < FOLLOWING_SECONDS * 1000) return false;
  return isLate || stopped !== undefined || Date.parse(at) <= createdAt;
}

/** In US dollars, at most: at the highest price that a machine of it may have. */
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
