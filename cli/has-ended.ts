import { join } from 'node:path';
import type * as z from 'zod/mini';
import { readJobs } from '../core/batch/ensure-jobs';
import { findLockHolder } from '../core/batch/local/lock';
import { salvageUrl, statusUrl } from '../core/contract/keys';
import { SALVAGE_SECONDS, salvageSchema } from '../core/contract/salvage';
import { parseStatus } from '../core/contract/status';
import { filePath, formatLocation } from '../core/storage/location';
import { StorageError, type Storage } from '../core/storage/storage';

/**
 * Whether nothing more will come of a render. On this machine: nobody is at it. In a bucket: its `status.json` is that of its
 * newest jobs, and no job is at work on a video of what there is.
 */
export async function hasEnded(folder: URL, storage: Storage, now: () => number): Promise<boolean> {
  if (folder.protocol === 'file:') return localHolder(folder) === undefined;
  const bytes = await readIfThere(statusUrl(folder), storage);
  if (!bytes) return false;
  const status = parseStatus(bytes, formatLocation(statusUrl(folder)));
  const render = (await readJobs(folder, storage))?.render.jobId;
  const salvage = await salvageJob(folder, storage);
  const ofRender = salvage?.renderJob === render ? salvage : undefined;
  if (ofRender?.jobId !== undefined && ofRender.jobId === status.endedJob) return true;
  if (render !== undefined && status.jobs?.render !== render) return false;
  if (status.state !== 'failed') return true;
  return !ofRender && now() - Date.parse(status.at) > SALVAGE_SECONDS * 1000;
}

/** The process that renders into a folder of this machine. */
export function localHolder(folder: URL) {
  return findLockHolder(join(filePath(folder), '.batch'));
}

/** What `salvage.json` tells of the job that makes a video of what there is. */
export function salvageJob(folder: URL, storage: Storage) {
  return readJsonIfThere(salvageSchema, salvageUrl(folder), storage);
}

/** `undefined` where there is nothing, and for what can't be read. */
export async function readJsonIfThere<T>(
  schema: z.ZodMiniType<T>,
  url: URL,
  storage: Storage,
): Promise<T | undefined> {
  const bytes = await readIfThere(url, storage);
  try {
    return bytes && schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    return undefined;
  }
}

async function readIfThere(url: URL, storage: Storage): Promise<Uint8Array | undefined> {
  try {
    return await storage.get(url);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}
