import { lstat, mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasContentOf } from '../../core/content-etag';
import { codeOf, SpotreelError } from '../../core/errors';
import { fileError } from '../../core/storage/file-error';
import type { ObjectInfo } from '../../core/storage/storage';

/** Where, within the directory, files lie that are not whole yet, and the lock by which one download at a time has it. */
export const UNFINISHED = '.download';

/** The folders of a download within its directory. */
const FOLDERS = [UNFINISHED, join(UNFINISHED, 'lock'), 'frames', 'masters', 'outputs'];

/**
 * Makes the directory. It may be a link itself, where the user put it; a link within it is refused, since whatever is
 * written through one lands elsewhere. Throws `bad-directory`.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await makeFolder(directory);
  for (const name of FOLDERS) await refuseOther(join(directory, name));
  await makeFolder(join(directory, UNFINISHED));
}

/**
 * Makes the folder of a file below the directory, and gives the file's path. Throws `bad-directory` if a link or a file is in its place,
 * as `prepareDirectory` does.
 */
export async function makeFolderOf(directory: string, name: string): Promise<string> {
  const parts = name.split('/');
  for (let depth = 1; depth < parts.length; depth += 1)
    await refuseOther(join(directory, ...parts.slice(0, depth)));
  const path = join(directory, ...parts);
  await makeFolder(dirname(path));
  return path;
}

async function refuseOther(path: string): Promise<void> {
  const stats = await lstatOf(path);
  if (stats === undefined || stats.isDirectory()) return;
  const what = stats.isSymbolicLink() ? 'a link' : 'no folder';
  const message = `${path} is ${what}, where the download has a folder of its own: remove it or choose another directory`;
  throw new SpotreelError('bad-directory', 'usage', message);
}

/** Throws `bad-directory` where a render would be downloaded into itself. */
export async function refuseSameFolder(directory: string, render: string): Promise<void> {
  const [target, source] = await Promise.all([directory, render].map((path) => realpath(path)));
  if (target !== source) return;
  const message = `${directory} is where the render lies already: choose another directory`;
  throw new SpotreelError('bad-directory', 'usage', message);
}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, path, 'write');
  });
}

/**
 * Whether `path` holds the object whole: of its size, and by its checksum. Where the ETag is no checksum of the bytes (on
 * disks, and of what a KMS key encrypted), by the time stamp that `fetchObject` gave it. A link is no copy.
 */
export async function isWhole({ size, etag, lastModified }: ObjectInfo, path: string): Promise<boolean> {
  const stats = await lstatOf(path);
  if (!stats?.isFile() || stats.size !== size) return false;
  if (etag !== undefined && (await contentIs(path, etag))) return true;
  return Math.abs(stats.mtimeMs - lastModified.getTime()) <= 1;
}

export async function contentIs(path: string, etag: string): Promise<boolean> {
  return hasContentOf(path, etag).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
}

async function lstatOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw fileError(error, path, 'read');
  }
}
