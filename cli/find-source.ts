import { formatLocation, parseLocation } from '../core/storage/location';
import { StorageError, type ObjectHead, type Storage } from '../core/storage/storage';

/** The scene that a user names, a file or `s3://bucket/key`. Throws `not-found`. */
export async function findSource(text: string, storage: Storage): Promise<ObjectHead> {
  const url = parseLocation(text, process.cwd());
  const head = await storage.head(url);
  if (head) return head;
  throw new StorageError('not-found', url, `there is no file ${formatLocation(url)}; check the path`);
}
