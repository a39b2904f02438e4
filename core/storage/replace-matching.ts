import { open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../errors';
import { changedMeanwhile } from './changed-meanwhile';
import { fileUrl } from './location';

/** A writer that has held its lock for so long was killed: what it does under it takes milliseconds. */
const STALE_LOCK_SECONDS = 10;

/**
 * Gives the file `partial` the name `path` if `isWanted` says so of what lies there, and throws `changed` otherwise.
 * No file system compares and swaps, so a lock beside the file keeps other writers with a condition out; who finds
 * it taken is told `changed`, because that is what is about to happen. Writers without a condition do not look.
 */
export async function replaceMatching(
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
