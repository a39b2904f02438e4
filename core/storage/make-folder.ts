import { mkdir } from 'node:fs/promises';
import { codeOf, messageOf } from '../errors';
import { fileError } from './file-error';

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
