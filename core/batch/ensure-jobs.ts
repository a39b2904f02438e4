import { messageOf, SpotreelError } from '../errors';
import { jobsSchema, type RenderJobs } from '../contract/jobs';
import { claimUrl, jobsUrl } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { parseJson } from '../contract/parse-json';
import { StorageError, type Storage } from '../storage/storage';
import type { Batch, SubmitJobRequest, SubmitJobResponse } from './batch';
import { chooseTargets, type JobTargets } from './choose-targets';
import { findPair, isReusable, type Reuse } from './find-pair';
import { jobRequests } from './job-requests';
import { NO_CLAIM, takeClaim, type Claim, type ClaimPolicy } from './submit-claim';

export interface JobServices extends JobTargets {
  readonly storage: Storage;
  readonly batch: Batch;
  readonly now: () => Date;
  /** Absent where nobody else can be submitting, as under the local farm's lock. */
  readonly claim?: ClaimPolicy | undefined;
}

/** The status reason of a render job that was taken back because no stitch job could follow it. */
export const TAKEN_BACK = 'the stitch job could not be submitted';

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
  const claim = services.claim ? await takeClaim(claimUrl(folder), services.claim, services) : NO_CLAIM;
  try {
    // Who held the claim until now may have come to the end.
    const meanwhile = services.claim && (await readJobs(folder, storage));
    if (meanwhile && (await isReusable(meanwhile, reuse, batch))) {
      await claim.release();
      return meanwhile;
    }
    const jobs = await findOrSubmit(manifest, folder, reuse, services, claim);
    const body = JSON.stringify(jobsSchema.parse(jobs), null, 2);
    await storage.put(jobsUrl(folder), body, { contentType: 'application/json' });
    await claim.release();
    return jobs;
  } catch (error) {
    // A job may have been submitted that AWS Batch does not list yet: whoever comes next waits until the claim is stale.
    if (isForGood(error)) await claim.release();
    throw error;
  }
}

/** The pair that was submitted last and noted down; `undefined` where nothing (or nothing readable) is. */
export async function readJobs(folder: URL, storage: Storage): Promise<RenderJobs | undefined> {
  try {
    return parseJson(jobsSchema, await storage.get(jobsUrl(folder)), (reason) => new Unreadable(reason));
  } catch (error) {
    // A power cut can tear a file on a disk; the jobs are then found by name.
    if (error instanceof Unreadable) return undefined;
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

class Unreadable extends Error {}

async function findOrSubmit(
  manifest: Manifest,
  folder: URL,
  reuse: Reuse,
  services: JobServices,
  claim: Claim,
): Promise<RenderJobs> {
  const { batch } = services;
  const requests = jobRequests(manifest, folder, chooseTargets(manifest, services));
  const pair = { render: requests.render, stitch: requests.stitch(''), output: requests.output };
  const found = await findPair(pair, reuse, batch);
  const submit = (request: SubmitJobRequest): Promise<SubmitJobResponse> => {
    claim.check();
    return batch.submitJob(request);
  };
  const render = found.render ?? (await submit(requests.render));
  if (found.stitch) return { render, stitch: found.stitch };
  try {
    return { render, stitch: await submit(requests.stitch(render.jobId)) };
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

/** AWS Batch said no: the same again would be refused again, and nothing was submitted by it. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof SpotreelError) || error instanceof StorageError) return false;
  return error.kind === 'usage' || error.kind === 'scene';
}
