import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, realpath, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf } from '../errors';
import { changedMeanwhile, filePath, fileUrl, StorageError, type StorageErrorCode } from './storage';

/** What was being done to the path when it failed: decides the wording, and what a missing folder means. */
export type FileAction = 'read' | 'write';

/** Codes of `errno(3)`; anything else is taken for a passing fault. */
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
 * The `StorageError` for a failed system call on `path`; one that already is a `StorageError` is handed back.
 * `url` is what the caller asked for, where that is another place than `path`.
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

/** Why a file can't be used, where that is no passing fault: `permission denied`, `it is a symbolic link`. */
export function denialReason({ cause }: StorageError): string {
  return REASONS[codeOf(cause) ?? ''] ?? 'permission denied';
}

/** The size in bytes of a local file to be uploaded. Throws `not-found` for a folder and for nothing. */
export async function localFileSize(path: string): Promise<number> {
  const stats = await stat(path).catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  if (stats.isFile()) return stats.size;
  throw new StorageError('not-found', fileUrl(path), `${path} is not a file: give the path of a file`);
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
      return `there is no file ${path}: check the path`;
    case 'exists':
      return `${path} exists already: choose another name or remove it`;
    case 'no-space':
      return `can't write ${path}: the disk is full (${errno}); free space or choose another output folder`;
    case 'bad-url':
      return `can't ${action} ${path}: its name is longer than the disk allows; shorten it`;
    case 'denied':
      return `can't ${action} ${path}: ${REASONS[errno] ?? 'permission denied'}; ${remedy(errno, action)}`;
    default:
      return `can't ${action} ${path}: ${messageOf(error)}; see whether the disk is in order and try again`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link',
  ENXIO: 'it is no regular file',
  EFBIG: 'it is too large',
  ERR_FS_FILE_TOO_LARGE: 'it is too large',
};

/** Something else is in the place of a file. */
const WRONG_KIND = new Set(['ELOOP', 'ENXIO', 'EFBIG', 'ERR_FS_FILE_TOO_LARGE']);

function remedy(errno: string, action: FileAction): string {
  if (action === 'read' && errno === 'EISDIR') return 'give the path of a file';
  if (WRONG_KIND.has(errno)) return 'remove it';
  if (action === 'read') return 'mend its permissions';
  return errno === 'EACCES' || errno === 'EPERM'
    ? 'choose another output folder or mend the permissions'
    : 'choose another output folder';
}

/** Makes a folder and those above it; gives the first that was made. Throws a `StorageError` that names `path`. */
export async function makeFolder(folder: string, path = folder): Promise<string | undefined> {
  try {
    return await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(await trueCause(error), path, 'write');
  }
}

/** What a failed recursive `mkdir` hides. */
async function trueCause(error: unknown): Promise<unknown> {
  // A file in the folder's place, not an object that is there already.
  if (codeOf(error) === 'EEXIST') return Object.assign(new Error(messageOf(error)), { code: 'ENOTDIR' });
  // Node answers ENOENT for a parent that can't be written to; a plain `mkdir` of the same folder tells why.
  if (codeOf(error) !== 'ENOENT' || !(error instanceof Error) || !('path' in error)) return error;
  return mkdir(String(error.path)).then(
    () => error,
    (cause: unknown) => cause,
  );
}

/** A writer that has held its lock for so long was killed: what it does under it takes milliseconds. */
const STALE_LOCK_SECONDS = 10;

/**
 * Gives the file `partial` the name `path` if `isWanted` says so of what lies there, and throws `changed` otherwise.
 * No file system compares and swaps, so a lock beside the file keeps other writers with a condition out; who finds
 * it taken is told `changed`, because that is what is about to happen. Writers without a condition do not look.
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

/** Named as a temporary file of `partial-file.ts`, so that no listing shows it and a sweep removes it. */
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

/** The folder of a new file, and, where `made` is the first folder that was made for it, all folders up to the one that holds that. */
async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  await syncPath(folder);
  if (made === undefined) return;
  for (let above = folder; above !== dirname(made);) {
    above = dirname(above);
    await syncPath(above);
  }
}

/** So strict that neither a listing nor a sweep takes a user's own file for one of these. */
const PARTIAL = /^\..+\.[0-9a-f]{12}\.part$/s;

/** The condition under which a file is written. */
export interface WriteCondition {
  readonly ifAbsent?: boolean | undefined;
  /** Asked of what lies at the path, once no other writer with a condition can change it. */
  readonly isWanted?: (() => Promise<boolean>) | undefined;
}

/** What file systems without hard links (exFAT, some network shares) answer to `link`. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Whether `name` is that of a file still being written, or left by a writer that was killed. */
export function isPartial(name: string): boolean {
  return PARTIAL.test(name);
}

/**
 * Makes the file `path` appear whole or not at all: `write` fills a temporary file beside it, which then takes its
 * name. Missing folders are made. With `ifAbsent`, exactly one of several writers succeeds and the others throw
 * `exists`; with `isWanted`, it must say yes to what lies there, or `changed` is thrown. Errors are `StorageError`s that name `path`.
 * With `durable` both the bytes and the name are on the disk when this ends.
 */
export async function writeWhole(
  path: string,
  write: (partialPath: string) => Promise<void>,
  { durable, ...condition }: WriteCondition & { readonly durable?: boolean | undefined } = {},
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
    // The first fault is the one to report; a temporary file that can't be removed is left to `sweepPartials`.
    await rm(partial, { force: true }).catch(() => undefined);
    throw fileError(error, path, 'write');
  }
}

/**
 * Removes the temporary files that killed writers left in `directory` and below, and returns how many. Call it only
 * while no writer can be alive. Links are not followed, and a missing folder counts as empty.
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

/** Gives `partial` the name `path` unless something has it. */
async function claim(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
    await unlink(partial);
  } catch (error) {
    if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
    // Second best: an exclusive create decides the winner, and a reader may see the empty file for a moment.
    await (await open(path, 'wx')).close();
    await rename(partial, path);
  }
}

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
