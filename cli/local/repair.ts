import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { NEWER_FORMAT, type Schema } from '../../core/json';
import { peekJobs } from '../../core/local-batch/journal';
import { inUse } from '../../core/local-batch/lock';
import { manifestUrl } from '../../core/render/keys';
import type { Finding, Manifest } from '../../core/render/manifest';
import { findRecord } from '../../core/render/read-files';
import {
  failureSchema,
  gapsSchema,
  jobsSchema,
  retryPlanSchema,
  sliceReportSchema,
  stitchRecordSchema,
} from '../../core/render/records';
import { localBatchFolder, localHolder } from '../../core/status/seen-jobs';
import { fileError } from '../../core/storage/file-writes';
import { childUrl, filePath, type Storage } from '../../core/storage/storage';

/** What a damaged file or folder is named then, beside its place. */
const DAMAGED_ENDING = '.damaged';

/** Renames a damaged file or folder, in place of one that was set aside before. */
export async function setAside(path: string): Promise<void> {
  try {
    await rm(path + DAMAGED_ENDING, { recursive: true, force: true });
    await rename(path, path + DAMAGED_ENDING);
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}

/** The same of a render's plan. Throws `locked` while a process has the render. */
export async function setAsidePlan(folder: URL): Promise<void> {
  const holder = localHolder(folder);
  if (holder) throw inUse(localBatchFolder(folder), holder);
  await setAside(filePath(manifestUrl(folder)));
}

/** Records by their places in a render's folder. */
const FILES: Readonly<Record<string, Schema<unknown>>> = {
  'jobs.json': jobsSchema,
  'stitch.json': stitchRecordSchema,
  'gaps.json': gapsSchema,
  'receipt.json': z.looseObject({}),
};
const FOLDERS: Readonly<Record<string, Schema<unknown>>> = {
  slices: sliceReportSchema,
  failures: failureSchema,
  retries: retryPlanSchema,
};

/**
 * Sets aside what is damaged in a render's folder, after which it is made again or done without: the frames decide what is missing.
 * Journals are set aside all together, also those of a plan before this one. Call it only while nothing else uses the folder.
 * Gives what was done, for people.
 */
export async function repairRender(folder: URL, manifest: Manifest, storage: Storage): Promise<Finding[]> {
  const damaged: string[] = [];
  for (const [name, schema] of await recordsIn(folder))
    if (await isDamaged(childUrl(folder, name), schema, storage)) damaged.push(name);
  const journals = join(localBatchFolder(folder), 'jobs');
  const { jobs, damage } = peekJobs(journals);
  const plannedAt = Date.parse(manifest.createdAt);
  const forgetsJobs =
    damage.length > 0 ||
    damaged.some((name) => name.startsWith('retries/')) ||
    jobs.some(({ createdAt }) => createdAt < plannedAt);
  const more = forgetsJobs ? ['jobs.json', '.batch/jobs'].filter((name) => !damaged.includes(name)) : [];
  const aside: string[] = [];
  for (const name of [...damaged, ...more]) {
    const path = filePath(childUrl(folder, name));
    if (!(await exists(path))) continue;
    await setAside(path);
    aside.push(name);
  }
  if (aside.length === 0) return [];
  const message = `damaged or outdated files were set aside as *${DAMAGED_ENDING} and are made again: ${aside.join(', ')}`;
  return [{ code: 'repaired', severity: 'note', message }];
}

async function recordsIn(folder: URL): Promise<Array<[string, Schema<unknown>]>> {
  const found = Object.entries(FILES);
  for (const [name, schema] of Object.entries(FOLDERS)) {
    const files = await readdir(filePath(childUrl(folder, name))).catch(() => []);
    for (const file of files) if (file.endsWith('.json')) found.push([`${name}/${file}`, schema]);
  }
  return found;
}

async function isDamaged(url: URL, schema: Schema<unknown>, storage: Storage): Promise<boolean> {
  const stats = await lstat(filePath(url)).catch(() => undefined);
  if (stats?.isDirectory()) return true;
  const { damage } = await findRecord(schema, url, storage);
  return damage !== undefined && damage !== NEWER_FORMAT;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
