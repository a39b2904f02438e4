import { randomUUID } from 'node:crypto';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../../core/errors';
import { fileError } from '../../core/storage/file-error';
import type { Storage } from '../../core/storage/storage';

/** A file of a project, and which version of it. */
export interface WantedFile {
  readonly url: URL;
  readonly etag?: string | undefined;
  /** Bytes. */
  readonly size: number;
}

/** For reading only: Blender has no business in changing what it was given. */
export const READ_ONLY = 0o444;

/** Downloads the file into a folder of its own beneath `folder`, and gives its path there. */
async function download({ url, etag }: WantedFile, folder: string, storage: Storage): Promise<string> {
  const path = await storage.fetch(url, folder, etag);
  await chmod(path, READ_ONLY);
  return path;
}

/** Downloads the file to `target` itself, with missing folders. Throws storage's errors. */
export async function downloadTo(file: WantedFile, target: string, storage: Storage): Promise<void> {
  // The object's own name may be another than the one that it is to have.
  const folder = join(dirname(target), `.${randomUUID()}.download`);
  try {
    await moveTo(await download(file, folder, storage), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function moveTo(path: string, target: string): Promise<void> {
  try {
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw fileError(error, target, 'write');
    await copyFile(path, target);
    await rm(path, { force: true });
  }
}
