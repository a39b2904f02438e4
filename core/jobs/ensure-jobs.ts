import * as z from 'zod/mini';
import { messageOf, SpotreelError } from '../errors';
import { claimUrl, jobsUrl } from '../render/keys';
import type { Manifest } from '../render/manifest';
import { readRecord } from '../render/read-files';
import { jobsSchema, type RenderJobs } from '../render/records';
import { formatLocation, type ObjectHead, type Storage, StorageError } from '../storage/storage';
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

/** How runners that may submit the same render at once keep out of each other's way. */
export interface ClaimPolicy {
  /** Unique to this attempt: two with the same owner would take each other for themselves. */
  readonly owner: string;
  /**
   * After so long this runner's claim counts as left behind by one that is gone. Longer than the runner can run, with
   * a margin for clocks that differ and for AWS Batch's listing, which may not show a job at once.
   */
  readonly staleAfterSeconds: number;
}

/** The right to submit a render's jobs, held for a while. */
export interface SubmitClaim {
  /** Throws `claim-lost` (passing) when it has been held so long that another may have taken it over. */
  check(): void;
  /** Gives it up. What goes wrong with that is nothing to fail for: it goes stale. */
  release(): Promise<void>;
}

/** `submitting.json`. */
const claimSchema = z.lazy(() =>
  z.object({ owner: z.string(), claimedAt: z.iso.datetime(), staleAt: z.iso.datetime() }),
);

/** The claim of who is alone, as the holder of an exclusive lock is. */
const NO_CLAIM: SubmitClaim = { check: () => undefined, release: async () => undefined };

interface ClaimServices {
  readonly storage: Storage;
  readonly now: () => Date;
  /** Absent where nobody else can be submitting. */
  readonly claim?: ClaimPolicy | undefined;
}

/** Does what may be done by one runner at a time. Throws what `takeClaim` and `work` do. */
export async function underClaim<T>(
  url: URL,
  services: ClaimServices,
  work: (claim: SubmitClaim) => Promise<T>,
): Promise<T> {
  const claim = services.claim ? await takeClaim(url, services.claim, services) : NO_CLAIM;
  try {
    const result = await work(claim);
    await claim.release();
    return result;
  } catch (error) {
    // A job may have been submitted that AWS Batch does not list yet: whoever comes next waits until the claim is stale.
    if (isForGood(error)) await claim.release();
    throw error;
  }
}

/** AWS Batch said no: the same again would be refused again, and nothing was submitted by it. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof SpotreelError) || error instanceof StorageError) return false;
  return error.kind === 'usage' || error.kind === 'scene';
}

/**
 * Takes the claim at `url` by a conditional write, over one that is stale where need be. Throws `being-submitted`
 * (passing) while another runner holds it.
 */
async function takeClaim(
  url: URL,
  { owner, staleAfterSeconds }: ClaimPolicy,
  { storage, now }: { readonly storage: Storage; readonly now: () => Date },
): Promise<SubmitClaim> {
  const claimedAt = now();
  const staleAt = new Date(claimedAt.getTime() + staleAfterSeconds * 1000);
  const claim: z.infer<typeof claimSchema> = {
    owner,
    claimedAt: claimedAt.toISOString(),
    staleAt: staleAt.toISOString(),
  };
  const body = JSON.stringify(claim);
  const contentType = 'application/json';
  try {
    await storage.put(url, body, { ifAbsent: true, contentType });
  } catch (error) {
    if (!hasCode(error, 'exists')) throw error;
    // The ETag before the content: a claim that changes between the two fails the conditional write.
    const head = await storage.head(url);
    const held = head && (await contentOf(url, storage));
    if (!head || !held || now() <= staleTime(held, head, staleAfterSeconds)) throw beingSubmitted(url, error);
    await storage.put(url, body, { ifMatch: head.etag, contentType }).catch((lost: unknown) => {
      throw hasCode(lost, 'changed') ? beingSubmitted(url, lost) : lost;
    });
  }
  return {
    check: () => {
      if (now() > staleAt) throw claimLost(url);
    },
    release: async () => {
      // Once it is stale, another may hold it.
      if (now() <= staleAt) await storage.delete(url).catch(() => undefined);
    },
  };
}

/** `undefined` where it is gone meanwhile. */
async function contentOf(url: URL, storage: Storage): Promise<Uint8Array | undefined> {
  try {
    return await storage.get(url);
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined;
    throw error;
  }
}

/** When a claim goes stale, as its owner said; of one that can't be read, as this runner would have it. */
function staleTime(held: Uint8Array, { lastModified }: ObjectHead, staleAfterSeconds: number): Date {
  try {
    return new Date(claimSchema.parse(JSON.parse(Buffer.from(held).toString('utf8'))).staleAt);
  } catch {
    return new Date(lastModified.getTime() + staleAfterSeconds * 1000);
  }
}

function hasCode(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}

export function beingSubmitted(url: URL, cause: unknown): SpotreelError {
  const message = `another runner is submitting this render (${formatLocation(url)}): try again in a moment`;
  return new SpotreelError('being-submitted', 'passing', message, { cause });
}

function claimLost(url: URL): SpotreelError {
  const message = `submitting took so long that another runner may have gone on (${formatLocation(url)}): try again`;
  return new SpotreelError('claim-lost', 'passing', message);
}

/** The status reason of a render job that was taken back because no stitch job could follow it. */
export const TAKEN_BACK = 'the stitch job could not be submitted';

/** Submits what is not there yet of a pair of jobs. Throws what AWS Batch refuses, and `claim-lost`. */
export async function submitPair(
  { render: renderRequest, stitch: stitchRequest }: JobRequests,
  found: FoundPair,
  { batch, claim }: { readonly batch: Batch; readonly claim: SubmitClaim },
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

/** Frames that no video will follow are money burnt. */
async function takeBack({ jobId }: SubmitJobResponse, reason: unknown, batch: Batch): Promise<void> {
  await batch.terminateJob(jobId, TAKEN_BACK).catch((error: unknown) => {
    const message = `${messageOf(reason)}; and job ${jobId}, which no video will follow, could not be terminated (${messageOf(error)}): try again or terminate it`;
    throw new SpotreelError('not-taken-back', 'passing', message, { cause: reason });
  });
}

export interface JobServices extends JobTargets {
  readonly storage: Storage;
  readonly batch: Batch;
  readonly now: () => Date;
  /** Absent where nobody else can be submitting, as under the local farm's lock. */
  readonly claim?: ClaimPolicy | undefined;
}

/**
 * The render's pair of jobs: the one in `jobs.json` while `reuse` accepts it, or what AWS Batch has under the
 * render's names, or submitted now. Exactly one pair comes of it, however many runners do this at once and wherever
 * they die: SubmitJob knows no token, so jobs are looked up by name under a claim (see `submit-claim.ts`).
 *
 * Throws `being-submitted` (passing) while another holds the claim, and what AWS Batch refuses.
 */
export async function ensureJobs(
  manifest: Manifest,
  folder: URL,
  reuse: Reuse,
  services: JobServices,
): Promise<RenderJobs> {
  const { storage, batch } = services;
  const recorded = await readJobs(folder, storage);
  if (recorded && (await isReusable(recorded, reuse, batch))) return recorded;
  return underClaim(claimUrl(folder), services, async (claim) => {
    // Who held the claim until now may have come to the end.
    const meanwhile = services.claim && (await readJobs(folder, storage));
    if (meanwhile && (await isReusable(meanwhile, reuse, batch))) return meanwhile;
    const jobs = await findOrSubmit(manifest, folder, reuse, services, claim);
    await writeJobs(jobs, folder, storage);
    return jobs;
  });
}

/** Notes a pair down as the newest. */
export async function writeJobs(jobs: RenderJobs, folder: URL, storage: Storage): Promise<void> {
  const body = JSON.stringify(jobsSchema.parse(jobs), null, 2);
  await storage.put(jobsUrl(folder), body, { contentType: 'application/json', durable: true });
}

/** The pair that was submitted last and noted down; `undefined` where nothing usable is: the jobs are then found by name. */
export function readJobs(folder: URL, storage: Storage): Promise<RenderJobs | undefined> {
  return readRecord(jobsSchema, jobsUrl(folder), storage);
}

async function findOrSubmit(
  manifest: Manifest,
  folder: URL,
  reuse: Reuse,
  services: JobServices,
  claim: SubmitClaim,
): Promise<RenderJobs> {
  const { batch } = services;
  const requests = jobRequests(manifest, folder, chooseTargets(manifest, services));
  const found = await findPair(namedPair(requests), reuse, batch);
  return submitPair(requests, found, { batch, claim });
}
