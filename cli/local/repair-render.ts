import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { peekJobs } from '../../core/batch/local/recover-jobs';
import { failureSchema } from '../../core/contract/failure';
import type { Finding } from '../../core/contract/finding';
import { gapsSchema } from '../../core/contract/gaps';
import { jobsSchema } from '../../core/contract/jobs';
import type { Manifest } from '../../core/contract/manifest';
import { NEWER_FORMAT, type Schema } from '../../core/contract/parse-json';
import { retryPlanSchema } from '../../core/contract/retry-plan';
import { sliceReportSchema } from '../../core/contract/slice-report';
import { stitchRecordSchema } from '../../core/contract/stitch-record';
import { localBatchFolder } from '../../core/render-state/local-holder';
import { childUrl, filePath } from '../../core/storage/location';
import { findRecord } from '../../core/storage/read-record';
import type { Storage } from '../../core/storage/storage';
import { DAMAGED_ENDING, setAside } from './set-aside';

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
