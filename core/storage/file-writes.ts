import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { codeOf, messageOf } from '../errors';
import { changedMeanwhile, filePath, fileUrl, StorageError, type StorageErrorCode } from './storage';

/** What failed on the path. */
export type FileAction = 'read' | 'write';

/** Codes of `errno(3)`; anything else counts as a passing fault. */
const CODES: Readonly<Record<string, StorageErrorCode>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOTDIR: 'denied',
  EISDIR: 'denied',
  ELOOP: 'denied',
  ENXIO: 'denied',
  EFBIG: 'denied',
  ERR_FS_FILE_TOO_LARGE: 'denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  ENAMETOOLONG: 'bad-url',
};

/**
 * The `StorageError` for a failed system call on `path`; returns a `StorageError` as it is. `url` is what the caller asked for, if it
 * is not at `path`.
 */
export function fileError(
  error: unknown,
  path: string,
  action: FileAction,
  url = fileUrl(path),
): StorageError {
  if (error instanceof StorageError) return error;
  const errno = codeOf(error) ?? '';
  // A writer makes its folders, so one that is missing was removed under it, which may not happen again.
  const code = action === 'write' && errno === 'ENOENT' ? 'unavailable' : (CODES[errno] ?? 'unavailable');
  return new StorageError(code, url, wording(code, errno, path, action, error), { cause: error });
}

/** Why a file cannot be used, such as `permission denied` or `it is a symbolic link`. */
export function denialReason({ cause }: StorageError): string {
  return REASONS[codeOf(cause) ?? ''] ?? 'permission denied';
}

/** Size of a local file in bytes. Throws `not-found` for a folder or a missing file. */
export async function localFileSize(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  if (stats.isFile()) return stats.size;
  throw new StorageError('not-found', fileUrl(path), `${path} is not a file; give the path of a file`);
}

function wording(
  code: StorageErrorCode,
  errno: string,
  path: string,
  action: FileAction,
  error: unknown,
): string {
  switch (code) {
    case 'not-found':
      return `file ${path} does not exist; check the path`;
    case 'exists':
      return `${path} already exists; choose another name or delete it`;
    case 'no-space':
      return `can't write ${path}: the disk is full (${errno}); free space or choose another output folder`;
    case 'bad-url':
      return `can't ${action} ${path}: its name is longer than the disk allows; shorten it`;
    case 'denied':
      return `can't ${action} ${path}: ${REASONS[errno] ?? 'permission denied'}; ${remedy(errno, action)}`;
    default:
      return `can't ${action} ${path}: ${messageOf(error)}; check the disk and try again`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link',
  ENXIO: 'it is not a regular file',
  EFBIG: 'it is too large',
  ERR_FS_FILE_TOO_LARGE: 'it is too large',
};

/** The path exists but is not a usable file. */
const WRONG_KIND = new Set(['ELOOP', 'ENXIO', 'EFBIG', 'ERR_FS_FILE_TOO_LARGE']);

function remedy(errno: string, action: FileAction): string {
  if (action === 'read' && errno === 'EISDIR') return 'give the path of a file';
  if (WRONG_KIND.has(errno)) return 'remove it';
  if (action === 'read') return 'fix its permissions';
  return errno === 'EACCES' || errno === 'EPERM'
    ? 'choose another output folder or fix the permissions'
    : 'choose another output folder';
}

/** Creates a folder and its parents and returns the first that it created. Throws a `StorageError` that names `path`. */
export async function makeFolder(folder: string, path = folder): Promise<string | undefined> {
  try {
    return await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(await trueCause(error), path, 'write');
  }
}

/** The error that a failed recursive `mkdir` hides. */
async function trueCause(error: unknown): Promise<unknown> {
  // A file has the folder's name; this is not the `exists` of an object.
  if (codeOf(error) === 'EEXIST') return Object.assign(new Error(messageOf(error)), { code: 'ENOTDIR' });
  // Node reports ENOENT for a read-only parent; a plain `mkdir` of the same folder fails with the true reason.
  if (codeOf(error) !== 'ENOENT' || !(error instanceof Error) || !('path' in error)) return error;
  return mkdir(String(error.path)).then(
    () => error,
    (cause: unknown) => cause,
  );
}

/** A writer holds its lock for milliseconds. One that holds it for so long was killed. */
const STALE_LOCK_SECONDS = 10;

/**
 * Renames the file `partial` to `path` if `isWanted` accepts the file that is there, and throws `changed` otherwise. File systems have
 * no compare-and-swap, so a lock beside the file excludes other writers with a condition. They get `changed`, because the holder is
 * about to change the file. Writers without a condition ignore the lock.
 */
async function replaceMatching(
  partial: string,
  path: string,
  isWanted: () => Promise<boolean>,
): Promise<void> {
  const lock = lockPath(path);
  if (!(await takeLock(lock))) throw changedMeanwhile(fileUrl(path));
  try {
    if (!(await isWanted())) throw changedMeanwhile(fileUrl(path));
    await rename(partial, path);
  } finally {
    await rm(lock, { force: true });
  }
}

/** Has the name of a temporary file, so that listings skip it and a sweep deletes it. */
function lockPath(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 40)}.${'0'.repeat(12)}.part`);
}

async function takeLock(lock: string): Promise<boolean> {
  if (await create(lock)) return true;
  const ageMs = await stat(lock).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  if (ageMs < STALE_LOCK_SECONDS * 1000) return false;
  await rm(lock, { force: true });
  return create(lock);
}

async function create(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx')).close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Errors of file systems that cannot sync a file or folder, or do not let Spotreel open it. */
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

/** Whether a sync failed because the file system does not support it. */
export function isSyncUnsupported(error: unknown): boolean {
  return NOT_POSSIBLE.has(codeOf(error) ?? '');
}

/**
 * Writes a file or the names in a folder to the disk (fsync), so that they survive a power cut. A new name needs both: sync the file
 * before the rename and its folder after it.
 */
async function syncPath(path: string): Promise<void> {
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

/** Syncs the folder of a new file. If `made` is the first folder created for it, syncs all folders up to the parent of `made`. */
async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  await syncPath(folder);
  if (made === undefined) return;
  for (let above = folder; above !== dirname(made);) {
    above = dirname(above);
    await syncPath(above);
  }
}

/** So strict that listings and sweeps never mistake a user's own file for a temporary one. */
const PARTIAL = /^\..+\.[0-9a-f]{12}\.part$/s;

/** The condition under which a file is written. */
export interface WriteCondition {
  readonly ifAbsent?: boolean;
  /** Called once no other writer with a condition can change the file at the path. */
  readonly isWanted?: (() => Promise<boolean>) | undefined;
}

/** Errors of `link` on file systems without hard links (exFAT, some network shares). */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Whether `name` is a temporary file, which is being written or was left by a killed writer. */
export function isPartial(name: string): boolean {
  return PARTIAL.test(name);
}

/**
 * Writes the file `path` whole or not at all: `write` fills a temporary file beside it, which is then renamed. Creates missing folders.
 * With `ifAbsent`, exactly one of several writers succeeds and the others throw `exists`. With `isWanted`, throws `changed` unless it
 * accepts the file that is there. With `durable`, bytes and name are on the disk at the end. Throws `StorageError`s that name `path`.
 */
export async function writeWhole(
  path: string,
  write: (partialPath: string) => Promise<void>,
  { durable, ...condition }: WriteCondition & { readonly durable?: boolean } = {},
): Promise<void> {
  const partial = partialPath(path);
  try {
    const made = await makeFolder(dirname(path), path);
    await write(partial);
    if (durable) await syncPath(partial);
    if (condition.ifAbsent) await claim(partial, path);
    else if (condition.isWanted) await replaceMatching(partial, path, condition.isWanted);
    else await rename(partial, path);
    if (durable) await syncFolders(dirname(path), made);
  } catch (error) {
    // Report the first error; `sweepPartials` deletes a temporary file that remains.
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileError(error, path, 'write');
  }
}

/**
 * Deletes the temporary files of killed writers in `directory` and below, and returns their number. Call it only while no writer can
 * be alive. Follows no links. A missing folder counts as empty.
 */
export async function sweepPartials(directory: string): Promise<number> {
  let swept = 0;
  try {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        swept += await sweepPartials(path);
      } else if (entry.isFile() && isPartial(entry.name)) {
        await rm(path, { force: true });
        swept += 1;
      }
    }
  } catch (error) {
    if (error instanceof StorageError) throw error;
    if (codeOf(error) !== 'ENOENT') throw fileError(error, directory, 'write');
  }
  return swept;
}

function partialPath(path: string): string {
  // 40 UTF-16 units are at most 120 bytes: with the rest far below the 255 bytes that file systems allow a name.
  const name = basename(path).slice(0, 40);
  return join(dirname(path), `.${name}.${randomBytes(6).toString('hex')}.part`);
}

/** Renames `partial` to `path` unless that exists. */
async function claim(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
    await unlink(partial);
  } catch (error) {
    if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
    // An exclusive create decides the winner. A reader may see the empty file for a moment.
    await (await open(path, 'wx')).close();
    await rename(partial, path);
  }
}

/** The target of `url` after all links; `undefined` if it is unknown. Buckets have no links. */
export async function realPlace(url: URL): Promise<URL | undefined> {
  if (url.protocol !== 'file:') return url;
  return realpath(filePath(url)).then(fileUrl, () => undefined);
}

/** Whether `url` is a folder, pipe, socket or device. Never opens it. */
export async function isNoFile(url: URL): Promise<boolean> {
  if (url.protocol !== 'file:') return false;
  return stat(filePath(url)).then(
    (found) => !found.isFile(),
    () => false,
  );
}

/**
 * The folder where Spotreel keeps what it can compute again, always absolute. `undefined` if the user has no folder of their
 * own, as with an empty `HOME` or a user id without a name. https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const { XDG_CACHE_HOME: named = '' } = environment;
  if (isAbsolute(named)) return join(named, 'spotreel');
  const home = environment.HOME ?? systemHome();
  if (!isAbsolute(home)) return undefined;
  return join(home, platform === 'darwin' ? 'Library/Caches' : '.cache', 'spotreel');
}

function systemHome(): string {
  try {
    return homedir();
  } catch {
    return '';
  }
}
