import { SpotreelError } from '../../core/errors';
import type { Batch, SubmitJobRequest } from '../../core/jobs/batch';
import type { ClaimPolicy } from '../../core/jobs/ensure-jobs';
import { salvageRequest } from '../../core/jobs/pair';
import { parseWorkerArgv } from '../../core/jobs/worker';
import { salvageUrl } from '../../core/render/keys';
import type { Manifest } from '../../core/render/manifest';
import { type Salvage, salvageSchema } from '../../core/render/records';
import { formatLocation, type Storage, StorageError } from '../../core/storage/storage';
import type { JobStateChange } from './ended-job';

/** Services to submit a salvage job. */
export interface SalvageServices {
  readonly batch: Batch;
  /** Names or ARNs. */
  readonly jobQueue: string;
  readonly stitchDefinition: string;
  readonly farmName?: string | undefined;
  readonly claim: ClaimPolicy;
}

interface Place {
  readonly manifest: Manifest;
  readonly folder: URL;
  readonly storage: Storage;
  readonly now: () => Date;
  /** Why the render job was stopped, if a video is wanted anyway. */
  readonly because?: string | undefined;
}

/**
 * Submits one salvage job for a failed render job, even if its event comes several times, and returns the job's id. It
 * first claims `salvage.json` with a conditional write. With a stale claim, it first searches for the job by name. Throws
 * `being-submitted` (passing) while another Lambda submits the job, and the errors of AWS Batch.
 */
export async function ensureSalvage(
  { jobId: renderJob, createdAt = 0 }: JobStateChange,
  place: Place,
  services: SalvageServices,
): Promise<string> {
  const { manifest, folder, storage, now, because } = place;
  const { batch, claim, jobQueue, stitchDefinition: jobDefinition } = services;
  const found = await findSalvage(folder, storage);
  const own = found?.salvage?.renderJob === renderJob ? found.salvage : undefined;
  if (own?.jobId !== undefined) return own.jobId;
  if (own && now() <= new Date(own.staleAt)) throw beingSubmitted(folder);
  const staleAt = new Date(now().getTime() + claim.staleAfterSeconds * 1000);
  const salvage: Salvage = {
    version: 1,
    renderJob,
    owner: claim.owner,
    staleAt: staleAt.toISOString(),
    ...(because !== undefined && { because }),
  };
  await write(salvage, found?.etag, folder, storage);
  const request = salvageRequest(manifest, folder, { jobQueue, jobDefinition }, services.farmName);
  const jobId =
    (own && (await findJob(request, createdAt, batch))) ?? (await submit(request, staleAt, place, batch));
  await storage.put(salvageUrl(folder), JSON.stringify({ ...salvage, jobId }), JSON_TYPE);
  return jobId;
}

const JSON_TYPE = { contentType: 'application/json' };

async function submit(
  request: SubmitJobRequest,
  staleAt: Date,
  { folder, now }: Place,
  batch: Batch,
): Promise<string> {
  // Another Lambda may have taken over.
  if (now() > staleAt) throw beingSubmitted(folder);
  return (await batch.submitJob(request)).jobId;
}

/** The salvage job of this folder that was submitted after the render job. */
async function findJob(
  { jobName, jobQueue, containerOverrides }: SubmitJobRequest,
  since: number,
  batch: Batch,
): Promise<string | undefined> {
  const listed = await batch.listJobs({ jobQueue, jobName });
  const newer = listed.filter((job) => (job.createdAt ?? since) >= since).map(({ jobId }) => jobId);
  if (newer.length === 0) return undefined;
  const { output } = parseWorkerArgv(containerOverrides?.command ?? []);
  const details = await batch.describeJobs(newer);
  return details.find(({ container }) => container?.command?.includes(output))?.jobId;
}

interface FoundSalvage {
  /** Absent if it cannot be read. */
  readonly salvage?: Salvage | undefined;
  readonly etag: string;
}

/** The content of `salvage.json`; `undefined` if it is missing or unreadable. */
export async function readSalvage(folder: URL, storage: Storage): Promise<Salvage | undefined> {
  return (await findSalvage(folder, storage))?.salvage;
}

async function findSalvage(folder: URL, storage: Storage): Promise<FoundSalvage | undefined> {
  const url = salvageUrl(folder);
  // Read the ETag before the content, so a change between the two makes the conditional write fail.
  const head = await storage.head(url);
  if (!head) return undefined;
  const bytes = await storage.get(url).catch((error: unknown) => {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  });
  return { etag: head.etag, salvage: bytes && parse(bytes) };
}

function parse(bytes: Uint8Array): Salvage | undefined {
  try {
    return salvageSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return undefined;
  }
}

async function write(
  salvage: Salvage,
  etag: string | undefined,
  folder: URL,
  storage: Storage,
): Promise<void> {
  const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
  try {
    await storage.put(salvageUrl(folder), JSON.stringify(salvage), { ...condition, ...JSON_TYPE });
  } catch (error) {
    if (error instanceof StorageError && (error.code === 'exists' || error.code === 'changed'))
      throw beingSubmitted(folder, error);
    throw error;
  }
}

function beingSubmitted(folder: URL, cause?: unknown): SpotreelError {
  const message = `another runner is submitting the salvage job of ${formatLocation(folder)}; try again in a moment`;
  return new SpotreelError('being-submitted', 'passing', message, { cause });
}
