import { codeOf, SpotreelError } from '../errors';
import { compressFrames, countFrames } from '../render/frames';
import type { Manifest } from '../render/manifest';
import type { JobsRetry, RenderJobs, RetryPlan } from '../render/records';
import type { Render } from '../render/render';
import { type Batch, isEnded } from './batch';
import { beingSubmitted, type ClaimPolicy, type HeldClaim, submitPair, underClaim } from './ensure-jobs';
import type { ChosenTargets } from './farm';
import { findPair, type FoundPair, jobRequests, type JobRequests, namedPair } from './pair';

/** The wanted retry, as its plan records it (see `RetryPlan`). */
export interface RetryWish extends Pick<RetryPlan, 'why' | 'jobQueue'> {
  readonly partial?: boolean;
  readonly samples?: number;
  readonly memoryMib?: number;
  readonly vcpus?: number;
  readonly onDemand?: boolean;
  /** Array indexes of the slices that lack frames, ascending; empty for a retry of the video alone. */
  readonly slices: readonly number[];
  /** Ascending. */
  readonly frames: readonly number[];
  /** The newest pair of jobs at the time of the decision; it has ended. */
  readonly after: RenderJobs | undefined;
}

export interface RetryServices {
  readonly batch: Batch;
  readonly now: () => Date;
  readonly targets: ChosenTargets;
  /** Absent if no other runner can submit, such as under the local farm's lock. */
  readonly claim?: ClaimPolicy;
}

export interface SubmittedRetry {
  readonly plan: RetryPlan;
  readonly jobs: RenderJobs;
  /** Whether the jobs belong to an earlier retry whose submission was interrupted. The wish is ignored then. */
  readonly resumed: boolean;
}

/**
 * Submits a pair of jobs that renders the missing frames of an ended render, and notes it as the newest. The command
 * `retry` and the rescue on On-Demand machines use it. It writes the plan first, so that every child finds it. Several
 * runners submit only one pair, even if some are killed: they hold the claim of `ensureJobs`, and the jobs of each
 * retry have their own names.
 * Throws `running` (usage) if the render was submitted again after `after`, `being-submitted` (passing) while another
 * runner submits it, and what AWS Batch refuses.
 */
export function retryRender(
  render: Render,
  manifest: Manifest,
  wish: RetryWish,
  services: RetryServices,
): Promise<SubmittedRetry> {
  return underClaim(render, services, async (claim) => {
    const { batch } = services;
    const jobs = await render.jobs.readIfValid();
    if (!isSamePair(jobs, wish.after)) return sameRetry(render, jobs, wish);
    const last = await render.lastRetry();
    const isPending = last > 0 && last !== jobs?.retry?.number;
    // An unreadable plan was never submitted.
    const pending = isPending ? await render.retry(last).readIfValid() : undefined;
    const requestsOf = (plan: RetryPlan) => jobRequests(render, manifest, services.targets, plan);
    const found = pending && (await findLiving(pending, requestsOf(pending), batch));
    const again = pending && (found || isAskedFor(pending, wish)) ? pending : undefined;
    const plan = again ?? planOf(last + 1, wish, services.now());
    if (!again && !(await render.retry(plan.number).createNew(plan))) throw beingSubmitted(render);
    const pair = await submit(plan, requestsOf(plan), found ?? {}, wish.after, { batch, claim });
    const noted = { ...pair, retry: inShort(plan) };
    await render.jobs.write(noted);
    return { plan, jobs: noted, resumed: found !== undefined };
  });
}

function isSamePair(a: RenderJobs | undefined, b: RenderJobs | undefined): boolean {
  return a?.render.jobId === b?.render.jobId && a?.stitch.jobId === b?.stitch.jobId;
}

/** Another pair is the newest now: this retry if another runner submitted it, else an error. */
async function sameRetry(
  render: Render,
  jobs: RenderJobs | undefined,
  wish: RetryWish,
): Promise<SubmittedRetry> {
  const plan = jobs?.retry && (await render.retry(jobs.retry.number).require());
  if (jobs && plan && isAskedFor(plan, wish)) return { plan, jobs, resumed: false };
  const { renderId } = render;
  const message = `${renderId} was submitted again a moment ago; run "spotreel status ${renderId}" to see its state`;
  throw new SpotreelError('running', 'usage', message);
}

/** Jobs of a planned retry that have not failed. */
async function findLiving(
  { kind }: RetryPlan,
  requests: JobRequests,
  batch: Batch,
): Promise<FoundPair | undefined> {
  const names = namedPair(requests);
  const wanted = kind === 'video' ? { ...names, render: undefined } : names;
  const found = await findPair(wanted, 'unfailed', batch).catch((error: unknown): FoundPair => {
    // A new deployment may have removed its queue with all its jobs.
    if (codeOf(error) === 'client-exception') return {};
    throw error;
  });
  const ids = [found.render, found.stitch].flatMap((job) => (job ? [job.jobId] : []));
  if (ids.length === 0) return undefined;
  return (await batch.describeJobs(ids)).some(({ status }) => !isEnded(status)) ? found : undefined;
}

/** Whether a plan is for the same retry. */
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
    kind: slices.length > 0 ? 'frames' : 'video',
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

/** Submits the jobs. A retry of the video alone keeps the render job of the pair before. */
async function submit(
  plan: RetryPlan,
  requests: JobRequests,
  found: FoundPair,
  after: RenderJobs | undefined,
  services: { readonly batch: Batch; readonly claim: HeldClaim },
): Promise<Pick<RenderJobs, 'render' | 'stitch'>> {
  if (plan.kind === 'frames') return submitPair(requests, found, services);
  if (!after)
    throw new SpotreelError('internal', 'internal', 'a retry of the video alone follows no pair of jobs');
  services.claim.check();
  return {
    render: after.render,
    stitch: found.stitch ?? (await services.batch.submitJob(requests.stitch())),
  };
}

function inShort(plan: RetryPlan): JobsRetry {
  const { kind, number, why, slices, frames, partial, onDemand, memoryMib } = plan;
  return {
    kind,
    number,
    why,
    slices: countFrames(slices),
    frames: countFrames(frames),
    ...(partial && { partial }),
    ...(onDemand && { onDemand }),
    ...(memoryMib !== undefined && { memoryMib }),
  };
}
