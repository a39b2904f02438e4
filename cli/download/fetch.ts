import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, SpotreelError } from '../../core/errors';
import { fileError } from '../../core/storage/file-writes';
import { hasContentOf } from '../../core/storage/s3-reads';
import { formatLocation, type ObjectInfo, type Storage, StorageError } from '../../core/storage/storage';

/** Folder within the directory for incomplete files and the lock, which allows one download at a time. */
export const UNFINISHED = '.download';

/** The folders of a download within its directory. */
const FOLDERS = [UNFINISHED, join(UNFINISHED, 'lock'), 'frames', 'masters', 'outputs'];

/**
 * Creates the directory. It may be a link; links within it are refused, since writes would leave it. Throws
 * `bad-directory`.
 */
export async function prepareDirectory(directory: string): Promise<void> {
  await makeTargetFolder(directory);
  for (const name of FOLDERS) await refuseOther(join(directory, name));
  await makeTargetFolder(join(directory, UNFINISHED));
}

/**
 * Creates the folder of a file below the directory and returns the file's path. Throws `bad-directory` if a link or a
 * file is in its place.
 */
export async function makeFolderOf(directory: string, name: string): Promise<string> {
  const parts = name.split('/');
  for (let depth = 1; depth < parts.length; depth += 1)
    await refuseOther(join(directory, ...parts.slice(0, depth)));
  const path = join(directory, ...parts);
  await makeTargetFolder(dirname(path));
  return path;
}

async function refuseOther(path: string): Promise<void> {
  const stats = await lstatOf(path);
  if (stats === undefined || stats.isDirectory()) return;
  const what = stats.isSymbolicLink() ? 'a link' : 'not a folder';
  const message = `${path} is ${what}, but the download needs a folder there: remove it or choose another directory`;
  throw new SpotreelError('bad-directory', 'usage', message);
}

/** Throws `bad-directory` if a render would be downloaded into itself. */
export async function refuseSameFolder(directory: string, render: string): Promise<void> {
  const [target, source] = await Promise.all([directory, render].map((path) => realpath(path)));
  if (target !== source) return;
  const message = `${directory} is the folder of the render itself: choose another directory`;
  throw new SpotreelError('bad-directory', 'usage', message);
}

export async function makeTargetFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw fileError(error, path, 'write');
  });
}

/**
 * Whether `path` is a complete copy, by size and checksum. If the ETag is no checksum (disks, KMS), the time stamp
 * that `fetchObject` set decides. A link is no copy.
 */
export async function isWhole({ size, etag, lastModified }: ObjectInfo, path: string): Promise<boolean> {
  const stats = await lstatOf(path);
  if (!stats?.isFile() || stats.size !== size) return false;
  if (etag !== undefined && (await contentIs(path, etag))) return true;
  return Math.abs(stats.mtimeMs - lastModified.getTime()) <= 1;
}

async function contentIs(path: string, etag: string): Promise<boolean> {
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

/** Bytes. Larger objects are downloaded in parts of this size, which survive an interruption. */
const PART_SIZE = 8 * 1024 * 1024;

/** Versions that are tried while an object changes during its download. */
const MOST_VERSIONS = 3;

export interface FetchServices {
  readonly storage: Storage;
  /** Folder for incomplete files, on the same disk. */
  readonly unfinished: string;
  /** Ends the download between two parts, with `stopped`. */
  readonly signal: AbortSignal;
  /** Gets the number of new bytes. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Downloads an object to `path`, which is replaced only by the complete file; a link there is never followed. Resumes
 * large objects of the same version. `false` if the object no longer exists. Throws `stopped`, and faults of storage
 * and disk.
 */
export async function fetchObject(
  object: ObjectInfo,
  path: string,
  services: FetchServices,
): Promise<boolean> {
  let version: ObjectInfo | undefined = object;
  for (let tried = 1; version; tried += 1) {
    try {
      await fetchVersion(version, path, services);
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'not-found') return false;
      if (error.code !== 'changed' || tried === MOST_VERSIONS) throw error;
    }
    version = await services.storage.head(object.url);
  }
  return false;
}

async function fetchVersion(object: ObjectInfo, path: string, services: FetchServices): Promise<void> {
  const partial = join(services.unfinished, partialName(object));
  const begun = await fill(partial, object, path, services);
  const hasContent = object.etag !== undefined && (await contentIs(partial, object.etag));
  if (!hasContent && begun > 0 && object.etag !== undefined) {
    // The partial file may be damaged by a power cut: download it again.
    await rm(partial, { force: true });
    return fetchVersion(object, path, services);
  }
  try {
    if (!hasContent) {
      await requireSameVersion(object, services.storage);
      // Its ETag is no checksum, so `isWhole` needs the time stamp.
      await utimes(partial, object.lastModified, object.lastModified);
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileError(error, path, 'write');
  }
}

/** The same name for the same version in every process. */
function partialName({ url, size, etag, lastModified }: ObjectInfo): string {
  const version = [url.href, size, etag ?? lastModified.toISOString()];
  return `${createHash('sha256').update(JSON.stringify(version)).digest('hex').slice(0, 32)}.part`;
}

/** Completes the partial file; returns the bytes that it had before. */
async function fill(
  partial: string,
  object: ObjectInfo,
  path: string,
  services: FetchServices,
): Promise<number> {
  const isLarge = object.size > PART_SIZE;
  const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  const file = await open(partial, flags).catch((error: unknown) => {
    throw fileError(error, path, 'write');
  });
  let isOver = false;
  try {
    const { size } = await file.stat();
    const begun = isLarge && size <= object.size ? size : 0;
    await file.truncate(begun);
    if (isLarge) await fetchParts(file, begun, object, services);
    else await fetchAtOnce(file, object, services);
    isOver = true;
    return begun;
  } catch (error) {
    throw fileError(error, path, 'write');
  } finally {
    await file.close();
    // The next call can resume a large one.
    if (!isOver && !isLarge) await rm(partial, { force: true }).catch(() => undefined);
  }
}

async function fetchAtOnce(
  file: FileHandle,
  object: ObjectInfo,
  { storage, onBytes, signal }: FetchServices,
): Promise<void> {
  refuseStopped(signal);
  const bytes = await storage.get(object.url);
  if (bytes.length !== object.size) throw changed(object.url);
  await file.writeFile(bytes);
  onBytes(bytes.length);
}

async function fetchParts(
  file: FileHandle,
  begun: number,
  object: ObjectInfo,
  { storage, onBytes, signal }: FetchServices,
): Promise<void> {
  refuseStopped(signal);
  const source = await storage.open(object.url);
  try {
    const isSame = object.etag === undefined || source.etag === undefined || source.etag === object.etag;
    if (source.size !== object.size || !isSame) throw changed(object.url);
    const room = Buffer.allocUnsafe(PART_SIZE);
    for (let offset = begun; offset < object.size;) {
      refuseStopped(signal);
      const bytes = await source.read(offset, PART_SIZE, room);
      if (bytes.length === 0) throw changed(object.url);
      await writeAll(file, bytes, offset);
      offset += bytes.length;
      onBytes(bytes.length);
    }
  } finally {
    await source.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await file.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

/** Throws `changed` if another version was downloaded. */
async function requireSameVersion({ url, etag }: ObjectInfo, storage: Storage): Promise<void> {
  if (etag === undefined) return;
  const head = await storage.head(url);
  if (head?.etag !== etag) throw changed(url);
}

function refuseStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new SpotreelError('stopped', 'stopped', 'stopped before everything was fetched');
}

function changed(url: URL): StorageError {
  const message = `${formatLocation(url)} changed during the download: run the same command again`;
  return new StorageError('changed', url, message);
}
