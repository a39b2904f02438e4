import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../errors';

/** What file systems answer that cannot sync such a thing, or do not let us open it. Nothing is lost then that could be kept. */
const NOT_POSSIBLE = new Set([
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EISDIR',
  'EPERM',
  'EACCES',
  'EBADF',
]);

/** Whether a failed sync means only that this file system has none. */
export function isSyncUnsupported(error: unknown): boolean {
  return NOT_POSSIBLE.has(codeOf(error) ?? '');
}

/**
 * Writes a file or the names in a folder through to the disk (fsync), so that they survive a power cut. A new name needs both: its
 * file before the rename, its folder after it.
 */
export async function syncPath(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isSyncUnsupported(error)) throw error;
  }
}

/** The folder of a new file, and, where `made` is the first folder that was made for it, all folders up to the one that holds that. */
export async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  await syncPath(folder);
  if (made === undefined) return;
  for (let above = folder; above !== dirname(made);) {
    above = dirname(above);
    await syncPath(above);
  }
}
