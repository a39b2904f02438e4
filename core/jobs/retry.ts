import { codeOf, SpotreelError } from '../errors';
import { compressFrames, countFrames } from '../render/frames';
import { claimUrl, retryUrl } from '../render/keys';
import type { Manifest } from '../render/manifest';
import { lastRetry, readRetryPlan } from '../render/read-files';
import type { JobsRetry, RenderJobs, RetryPlan } from '../render/records';
import { type Storage, StorageError } from '../storage/storage';
import type { Batch } from './batch';
import {
  beingSubmitted,
  type ClaimPolicy,
  readJobs,
  type SubmitClaim,
  submitPair,
  underClaim,
  writeJobs,
} from './ensure-jobs';
import type { ChosenTargets } from './farm';
import { findPair, type FoundPair, isLiving, jobRequests, type JobRequests, namedPair } from './pair';

/** What is to be rendered once more, and how; what stands in its plan (see `RetryPlan`). */
export interface RetryWish extends Pick<RetryPlan, 'why' | 'jobQueue'> {
  readonly partial?: boolean | undefined;
  readonly samples?: number | undefined;
  readonly memoryMib?: number | undefined;
  readonly vcpus?: number | undefined;
  readonly onDemand?: boolean | undefined;
  /** Array indexes of the slices that lack frames, ascending; none where only the video is made. */
  readonly slices: readonly number[];
  /** Ascending. */
  readonly frames: readonly number[];
  /** The newest pair of jobs when this was decided; it has ended. */
  readonly after: RenderJobs | undefined;
}

export interface RetryServices {
  readonly storage: Storage;
  readonly batch: Batch;
  readonly now: () => Date;
  readonly targets: ChosenTargets;
  /** Absent where nobody else can be submitting, as under the local farm's lock. */
  readonly claim?: ClaimPolicy | undefined;
}

export interface SubmittedRetry {
  readonly plan: RetryPlan;
  readonly jobs: RenderJobs;
  /** Whether they are the jobs of a retry that was cut off while it was submitted, whatever was wished for now. */
  readonly resumed: boolean;
}

/**
 * Submits a pair of jobs that renders what is missing of a render that has ended, and notes it down as the newest: the one use
 * case behind `spotreel retry` and the rescue by On-Demand machines. Its plan is written first, so that every child finds it. Exactly
 * one pair comes of it, however many runners do this at once and wherever they die: it stands under the claim of `ensureJobs`, and
 * each retry's jobs have names of their own, by which they are found again.
 *
 * Throws `running` (usage) where the render was submitted again after `after`, `being-submitted` (passing) while somebody does, and
 * what AWS Batch refuses.
 */
export async function retryRender(
  manifest: Manifest,
  folder: URL,
  wish: RetryWish,
  services: RetryServices,
): Promise<SubmittedRetry> {
  return underClaim(claimUrl(folder), services, async (claim) => {
    const { storage, batch } = services;
    const jobs = await readJobs(folder, storage);
    if (!isSamePair(jobs, wish.after)) return sameRetry(manifest.renderId, jobs, folder, wish, storage);
    const last = await lastRetry(folder, storage);
    const pending = last === jobs?.retry?.number ? undefined : await readPending(folder, last, storage);
    const requestsOf = (plan: RetryPlan) => jobRequests(manifest, folder, services.targets, plan);
    const found = pending && (await findLiving(pending, requestsOf(pending), batch));
    const again = pending && (found || isAskedFor(pending, wish)) ? pending : undefined;
    const plan = again ?? (await writePlan(planOf(last + 1, wish, services.now()), folder, storage));
    const pair = await submit(plan, requestsOf(plan), found ?? {}, wish.after, { batch, claim });
    const noted = { ...pair, retry: inShort(plan) };
    await writeJobs(noted, folder, storage);
    return { plan, jobs: noted, resumed: found !== undefined };
  });
}

function isSamePair(a: RenderJobs | undefined, b: RenderJobs | undefined): boolean {
  return a?.render.jobId === b?.render.jobId && a?.stitch.jobId === b?.stitch.jobId;
}

/** Another pair has become the newest: the one that was wished for, or somebody else's. */
async function sameRetry(
  renderId: string,
  jobs: RenderJobs | undefined,
  folder: URL,
  wish: RetryWish,
  storage: Storage,
): Promise<SubmittedRetry> {
  const plan = jobs?.retry && (await readRetryPlan(folder, jobs.retry.number, storage));
  if (jobs && plan && isAskedFor(plan, wish)) return { plan, jobs, resumed: false };
  const message = `${renderId} was submitted again a moment ago: "spotreel status ${renderId}" tells how it does`;
  throw new SpotreelError('running', 'usage', message);
}

/** The last plan, whose jobs nobody has noted; one that can't be read was never submitted. */
async function readPending(folder: URL, last: number, storage: Storage): Promise<RetryPlan | undefined> {
  if (last === 0) return undefined;
  try {
    return await readRetryPlan(folder, last, storage);
  } catch (error) {
    if (codeOf(error) === 'bad-retry') return undefined;
    throw error;
  }
}

/** Jobs of a retry that may yet come to something. */
async function findLiving(
  { slices }: RetryPlan,
  requests: JobRequests,
  batch: Batch,
): Promise<FoundPair | undefined> {
  const names = namedPair(requests);
  const wanted = slices.length === 0 ? { ...names, render: undefined } : names;
  const found = await findPair(wanted, 'unfailed', batch).catch((error: unknown): FoundPair => {
    // Its queue may be gone with an earlier deployment, and all its jobs with it.
    if (codeOf(error) === 'client-exception') return {};
    throw error;
  });
  const ids = [found.render, found.stitch].flatMap((job) => (job ? [job.jobId] : []));
  if (ids.length === 0) return undefined;
  return (await batch.describeJobs(ids)).some(isLiving) ? found : undefined;
}

/** Whether a plan says what is wished for now. */
function isAskedFor({ number, createdAt, ...plan }: RetryPlan, wish: RetryWish): boolean {
  const { number: _, createdAt: __, ...wished } = planOf(number, wish, new Date(createdAt));
  return JSON.stringify(inOrder(plan)) === JSON.stringify(inOrder(wished));
}

function inOrder(plan: object): unknown[] {
  return Object.entries(plan).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function planOf(number: number, wish: RetryWish, now: Date): RetryPlan {
  const { slices, frames, after, partial, samples, memoryMib, vcpus, onDemand, ...rest } = wish;
  return {
    version: 1,
    number,
    createdAt: now.toISOString(),
    ...rest,
    ...(after && { after: { render: after.render.jobId, stitch: after.stitch.jobId } }),
    slices: [...compressFrames(slices)],
    frames: [...compressFrames(frames)],
    ...(partial && { partial: true as const }),
    ...(samples !== undefined && { samples }),
    ...(memoryMib !== undefined && { memoryMib }),
    ...(vcpus !== undefined && { vcpus }),
    ...(onDemand && { onDemand: true as const }),
  };
}

async function writePlan(plan: RetryPlan, folder: URL, storage: Storage): Promise<RetryPlan> {
  const url = retryUrl(folder, plan.number);
  try {
    await storage.put(url, JSON.stringify(plan, null, 2), {
      ifAbsent: true,
      durable: true,
      contentType: 'application/json',
    });
    return plan;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'exists') throw beingSubmitted(url, error);
    throw error;
  }
}

/** Where there is nothing to render, the render job is that of the pair before. */
async function submit(
  plan: RetryPlan,
  requests: JobRequests,
  found: FoundPair,
  after: RenderJobs | undefined,
  services: { readonly batch: Batch; readonly claim: SubmitClaim },
): Promise<Pick<RenderJobs, 'render' | 'stitch'>> {
  if (plan.slices.length > 0) return submitPair(requests, found, services);
  if (!after)
    throw new SpotreelError('internal', 'internal', 'a retry of the video alone follows no pair of jobs');
  services.claim.check();
  return {
    render: after.render,
    stitch: found.stitch ?? (await services.batch.submitJob(requests.stitch())),
  };
}

function inShort({ number, why, slices, frames, partial, onDemand }: RetryPlan): JobsRetry {
  return {
    number,
    why,
    slices: countFrames(slices),
    frames: countFrames(frames),
    ...(partial && { partial }),
    ...(onDemand && { onDemand }),
  };
}
