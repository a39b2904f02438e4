import { rename, rm } from 'node:fs/promises';
import { inUse } from '../../core/batch/local/lock';
import { manifestUrl } from '../../core/contract/keys';
import { localBatchFolder, localHolder } from '../../core/render-state/local-holder';
import { fileError } from '../../core/storage/file-error';
import { filePath } from '../../core/storage/location';

/** What a damaged file or folder is named then, beside its place. */
export const DAMAGED_ENDING = '.damaged';

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
