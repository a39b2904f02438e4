import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestUrl } from '../../core/contract/keys';
import { forEachConcurrently } from '../../core/map-concurrently';
import { fileError } from '../../core/storage/file-error';
import { filePath } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';

/** Objects that are deleted at a time, one request each. */
const AT_ONCE = 16;

/**
 * Deletes everything below the render's folder, and on a disk the folder, too; links in it are removed, not followed. The plan
 * goes last: a delete that broke off finds the render again. `onDeleted` is told how many are gone.
 */
export async function deleteRender(
  folder: URL,
  storage: Storage,
  onDeleted: (count: number) => void,
): Promise<number> {
  if (folder.protocol === 'file:') return deleteFolder(filePath(folder));
  const plan = manifestUrl(folder);
  let count = 0;
  await forEachConcurrently(storage.list(folder), AT_ONCE, async ({ url }) => {
    if (url.href === plan.href) return;
    await storage.delete(url);
    onDeleted((count += 1));
  });
  await storage.delete(plan);
  return count + 1;
}

async function deleteFolder(path: string): Promise<number> {
  try {
    const names = await readdir(path, { recursive: true, withFileTypes: true });
    const count = names.filter((entry) => !entry.isDirectory()).length;
    for (const name of await readdir(path)) {
      if (name !== 'manifest.json') await rm(join(path, name), { recursive: true, force: true });
    }
    await rm(path, { recursive: true, force: true });
    return count;
  } catch (error) {
    throw fileError(error, path, 'write');
  }
}
