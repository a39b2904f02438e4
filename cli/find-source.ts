import { stat } from 'node:fs/promises';
import { codeOf } from '../core/errors';
import { filePath, formatLocation, parseLocation } from '../core/storage/location';
import { StorageError, type ObjectHead, type Storage } from '../core/storage/storage';

/** The scene that a user names, a file or `s3://bucket/key`. Throws `not-found`. */
export async function findSource(text: string, storage: Storage): Promise<ObjectHead> {
  const url = parseLocation(text, process.cwd());
  const head = await storage.head(url);
  if (head) return head;
  throw new StorageError('not-found', url, await absence(url));
}

async function absence(url: URL): Promise<string> {
  const place = formatLocation(url);
  if (url.protocol !== 'file:') return `there is no object ${place}: check the bucket and the key`;
  const stats = await stat(filePath(url)).catch((error: unknown) => codeOf(error));
  if (typeof stats !== 'object')
    return `there is no file ${place}: check the path, and that the drive is mounted`;
  if (stats.isDirectory()) return `${place} is a folder: give the .blend in it`;
  return `${place} is a pipe or a device: give a .blend`;
}
