import { messageOf, SpotreelError } from '../errors';
import type { Manifest } from '../render/manifest';
import type { RenderJobs } from '../render/records';
import type { Render } from '../render/render';
import type { SubmitClaim } from '../render/render-folder';
import { formatLocation, StorageError } from '../storage/storage';
import type { Batch, SubmitJobRequest, SubmitJobResponse } from './batch';
import { chooseTargets, type JobTargets } from './farm';
import {
  findPair,
  type FoundPair,
  isReusable,
  type JobRequests,
  jobRequests,
  namedPair,
  type Reuse,
} from './pair';

/** How runners that may submit the same render at once exclude each other. */
export interface ClaimPolicy {
  /** Unique to this attempt: runners with the same owner would share one claim. */
  readonly owner: string;
  /**
   * Seconds until this runner's claim counts as abandoned. Longer than the runner can run, with a margin for clock
   * differences and for AWS Batch's listing, which may lag.
   */
  readonly staleAfterSeconds: number;
}

/** The right to submit a render's jobs, held for a while. */
export interface HeldClaim {
  /** Throws `claim-lost` (passing) once another runner may have taken the claim over. */
  check(): void;
  /** Gives the claim up. Errors are ignored, because the claim becomes stale by itself. */
  release(): Promise<void>;
}

/** No-op claim for callers that hold an exclusive lock. */
const NO_CLAIM: HeldClaim = { check: () => undefined, release: async () => undefined };

interface ClaimServices {
  readonly now: () => Date;
  /** Absent if no other runner can submit. */
  readonly claim?: ClaimPolicy;
}

/** Does work that one runner at a time may do for a render. Throws what `takeClaim` and `work` do. */
export async function underClaim<T>(
  render: Render,
  { now, claim: policy }: ClaimServices,
  work: (claim: HeldClaim) => Promise<T>,
): Promise<T> {
  const claim = policy ? await takeClaim(render, policy, now) : NO_CLAIM;
  try {
    const result = await work(claim);
    await claim.release();
    return result;
  } catch (error) {
    // AWS Batch may not list a submitted job yet, so the next runner waits until the claim is stale.
    if (isForGood(error)) await claim.release();
    throw error;
  }
}

/** Whether AWS Batch refused the request for good, so that nothing was submitted. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof SpotreelError) || error instanceof StorageError) return false;
  return error.kind === 'usage' || error.kind === 'scene';
}

/** Takes the render's claim, or replaces a stale one. Throws `being-submitted` (passing) while another runner holds it. */
async function takeClaim(
  render: Render,
  { owner, staleAfterSeconds }: ClaimPolicy,
  now: () => Date,
): Promise<HeldClaim> {
  const claimedAt = now();
  const staleAt = new Date(claimedAt.getTime() + staleAfterSeconds * 1000);
  const claim: SubmitClaim = {
    owner,
    claimedAt: claimedAt.toISOString(),
    staleAt: staleAt.toISOString(),
  };
  if (!(await render.claim.createNew(claim))) {
    const { value, modifiedAt, replace } = await render.claim.version();
    // An unreadable claim counts for as long as this runner's own.
    const heldUntil = value
      ? Date.parse(value.staleAt)
      : (modifiedAt?.getTime() ?? Infinity) + staleAfterSeconds * 1000;
    if (now().getTime() <= heldUntil || !(await replace(claim))) throw beingSubmitted(render);
  }
  return {
    check: () => {
      if (now() > staleAt) throw claimLost(render);
    },
    release: async () => {
      // Another runner may hold a stale claim.
      if (now() <= staleAt) await render.claim.delete().catch(() => undefined);
    },
  };
}

export function beingSubmitted(render: Render): SpotreelError {
  const message = `another runner is submitting this render (${formatLocation(render.claim.url)}); try again in a moment`;
  return new SpotreelError('being-submitted', 'passing', message);
}

function claimLost(render: Render): SpotreelError {
  const message = `submitting took so long that another runner may have taken over (${formatLocation(render.claim.url)}); try again`;
  return new SpotreelError('claim-lost', 'passing', message);
}

/** The status reason of a render job that was taken back because no stitch job could follow it. */
export const TAKEN_BACK = 'the stitch job could not be submitted';

/** Submits the missing jobs of a pair. Throws what AWS Batch refuses, and `claim-lost`. */
export async function submitPair(
  { render: renderRequest, stitch: stitchRequest }: JobRequests,
  found: FoundPair,
  { batch, claim }: { readonly batch: Batch; readonly claim: HeldClaim },
): Promise<Pick<RenderJobs, 'render' | 'stitch'>> {
  const submit = (request: SubmitJobRequest): Promise<SubmitJobResponse> => {
    claim.check();
    return batch.submitJob(request);
  };
  const render = found.render ?? (await submit(renderRequest));
  if (found.stitch) return { render, stitch: found.stitch };
  try {
    return { render, stitch: await submit(stitchRequest(render.jobId)) };
  } catch (error) {
    // After a passing fault the next attempt finds the render job and adds the stitch job.
    if (isForGood(error)) await takeBack(render, error, batch);
    throw error;
  }
}

/** Terminates a render job without a stitch job: its frames would cost money without a video. */
async function takeBack({ jobId }: SubmitJobResponse, reason: unknown, batch: Batch): Promise<void> {
  await batch.terminateJob(jobId, TAKEN_BACK).catch((error: unknown) => {
    const message = `${messageOf(reason)}; and job ${jobId}, which has no stitch job, could not be terminated (${messageOf(error)}); try again or terminate it`;
    throw new SpotreelError('not-taken-back', 'passing', message, { cause: reason });
  });
}

export interface JobServices extends JobTargets {
  readonly batch: Batch;
  readonly now: () => Date;
  /** Absent if no other runner can submit, such as under the local farm's lock. */
  readonly claim?: ClaimPolicy;
}

/**
 * The render's pair of jobs: the one in `jobs.json` if `reuse` accepts it, else the pair that AWS Batch has under the
 * render's names, else a new one. Several runners submit one pair only, even if some are killed: SubmitJob has no
 * idempotency token, so they look jobs up by name while they hold the claim.
 *
 * Throws `being-submitted` (passing) while another runner holds the claim, and what AWS Batch refuses.
 */
export async function ensureJobs(
  render: Render,
  manifest: Manifest,
  reuse: Reuse,
  services: JobServices,
): Promise<RenderJobs> {
  const { batch } = services;
  const recorded = await render.jobs.readIfValid();
  if (recorded && (await isReusable(recorded, reuse, batch))) return recorded;
  return underClaim(render, services, async (claim) => {
    // The previous holder of the claim may have submitted them.
    const meanwhile = services.claim && (await render.jobs.readIfValid());
    if (meanwhile && (await isReusable(meanwhile, reuse, batch))) return meanwhile;
    const requests = jobRequests(render, manifest, chooseTargets(manifest, services));
    const found = await findPair(namedPair(requests), reuse, batch);
    const jobs = await submitPair(requests, found, { batch, claim });
    await render.jobs.write(jobs);
    return jobs;
  });
}
