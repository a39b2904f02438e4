import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NEWER_FORMAT } from '../../core/json';
import { peekJobs } from '../../core/local-batch/journal';
import { inUse } from '../../core/local-batch/lock';
import type { Finding, Manifest } from '../../core/render/manifest';
import type { RepairableDocument, Render } from '../../core/render/render';
import { localHolder } from '../../core/status/facts';
import { fileError } from '../../core/storage/file-writes';
import { childUrl, filePath } from '../../core/storage/storage';

/** Ending of the new name of a damaged file or folder. */
const DAMAGED_ENDING = '.damaged';

/** Renames a damaged file or folder, and replaces an earlier one of that name. */
export async function setAside(path: string): Promise<void> {
  try {
    await rm(path + DAMAGED_ENDING, { recursive: true, force: true });
    await rename(path, path + DAMAGED_ENDING);
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}

/** Renames a damaged plan. Throws `locked` while a process uses the render. */
export async function setAsidePlan(render: Render): Promise<void> {
  const holder = localHolder(render);
  if (holder) throw inUse(render.localBatchFolder, holder);
  await setAside(filePath(render.manifest.url));
}

/**
 * Renames damaged files of a render's folder, which are then made again. Renames all journals together, also those of
 * an earlier plan. Call it only while no process uses the folder. Returns the repairs, for people.
 */
export async function repairRender(render: Render, manifest: Manifest): Promise<Finding[]> {
  const damaged: string[] = [];
  for (const document of await render.repairable())
    if (await isDamaged(document)) damaged.push(decodeURIComponent(render.nameOf(document.url)));
  const journals = join(render.localBatchFolder, 'jobs');
  const { jobs, damage } = peekJobs(journals);
  const plannedAt = Date.parse(manifest.createdAt);
  const forgetsJobs =
    damage.length > 0 ||
    damaged.some((name) => name.startsWith('retries/')) ||
    jobs.some(({ createdAt }) => createdAt < plannedAt);
  const more = forgetsJobs
    ? [render.nameOf(render.jobs.url), '.batch/jobs'].filter((name) => !damaged.includes(name))
    : [];
  const aside: string[] = [];
  for (const name of [...damaged, ...more]) {
    const path = filePath(childUrl(render.folder, name));
    if (!(await exists(path))) continue;
    await setAside(path);
    aside.push(name);
  }
  if (aside.length === 0) return [];
  const message = `damaged or outdated files were set aside as *${DAMAGED_ENDING} and are made again: ${aside.join(', ')}`;
  return [{ code: 'repaired', severity: 'note', message }];
}

async function isDamaged(document: RepairableDocument): Promise<boolean> {
  const stats = await lstat(filePath(document.url)).catch(() => undefined);
  if (stats?.isDirectory()) return true;
  const { damage } = await document.find();
  return damage !== undefined && damage !== NEWER_FORMAT;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
