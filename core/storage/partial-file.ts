import { randomBytes } from 'node:crypto';
import { link, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../errors';
import { fileError } from './file-error';
import { makeFolder } from './make-folder';
import { replaceMatching } from './replace-matching';
import { StorageError } from './storage';
import { syncFolders, syncPath } from './sync-disk';

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
