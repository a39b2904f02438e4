import { realpath, stat } from 'node:fs/promises';
import { filePath, fileUrl } from './location';

/** Where `url` leads when all links are followed; `undefined` where that cannot be found out. Buckets hold no links. */
export async function realPlace(url: URL): Promise<URL | undefined> {
  if (url.protocol !== 'file:') return url;
  return realpath(filePath(url)).then(fileUrl, () => undefined);
}

/** Whether something lies at `url` that is no file: a folder, pipe, socket or device. It is never opened. */
export async function isNoFile(url: URL): Promise<boolean> {
  if (url.protocol !== 'file:') return false;
  return stat(filePath(url)).then(
    (found) => !found.isFile(),
    () => false,
  );
}
