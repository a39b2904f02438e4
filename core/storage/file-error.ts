import { stat } from 'node:fs/promises';
import { codeOf, messageOf } from '../errors';
import { fileUrl } from './location';
import { StorageError, type StorageErrorCode } from './storage';

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
