import { jobsSchema, type RenderJobs } from '../contract/jobs';
import { claimUrl, jobsUrl } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { readRecord } from '../storage/read-record';
import type { Storage } from '../storage/storage';
import type { Batch } from './batch';
import { chooseTargets, type JobTargets } from './choose-targets';
import { findPair, isReusable, type Reuse } from './find-pair';
import { jobRequests, namedPair } from './job-requests';
import { underClaim, type Claim, type ClaimPolicy } from './submit-claim';
import { submitPair } from './submit-pair';

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
  claim: Claim,
): Promise<RenderJobs> {
  const { batch } = services;
  const requests = jobRequests(manifest, folder, chooseTargets(manifest, services));
  const found = await findPair(namedPair(requests), reuse, batch);
  return submitPair(requests, found, { batch, claim });
}
