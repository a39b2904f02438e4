import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { codeOf } from '../errors';

/** Pins a file without opening it: asm-generic/fcntl.h, the same on every machine that Node runs on. */
const O_PATH = 0x20_0000;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Most listings of the folder, in case another process still adds files. */
const MOST_PASSES = 10;

/** More folders than a render leaves, so that a process that adds folders cannot keep the removal going for ever. */
const MOST_FOLDERS = 1_000_000;

/**
 * Removes a folder and its content; does nothing if it is missing. On Linux it follows no link, even if another process
 * replaces a folder by a link meanwhile: each step starts at an open directory, not at a path. Only the path of the folder itself
 * must be out of reach of such a process. Throws the file system's error if something is left.
 */
export function removeFolder(path: string): void {
  if (!existsSync('/proc/self/fd')) return rmSync(path, { recursive: true, force: true });
  if (!inFolder(Buffer.from(path), empty)) return rmSync(path, { force: true });
  rmdirSync(path);
}

/** Moves each nested folder up to the top, so that only two directories are open for a tree of any depth. */
function empty(top: number): void {
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    const names = namesIn(top);
    if (names.length === 0) return;
    // Grows by the moved folders.
    for (const name of names) {
      if (isDone(() => unlinkSync(entry(top, name)))) continue;
      inFolder(entry(top, name), (folder) => {
        // One by one, because 130,000 arguments of one call would overflow the stack.
        for (const moved of moveUp(folder, top)) names.push(moved);
      });
      isDone(() => rmdirSync(entry(top, name)));
      if (names.length > MOST_FOLDERS) return;
    }
  }
}

/** Removes a folder's files, moves its folders to `top` and returns their new names. */
function moveUp(folder: number, top: number): Buffer[] {
  return namesIn(folder).flatMap((name) => {
    if (isDone(() => unlinkSync(entry(folder, name)))) return [];
    // Moving a folder needs write permission for it.
    inFolder(entry(folder, name), () => undefined);
    const moved = Buffer.from(randomUUID());
    return isDone(() => renameSync(entry(folder, name), entry(top, moved))) ? [moved] : [];
  });
}

/** Opens a folder despite its permissions and runs `work` on its descriptor. False if it is missing or not a folder. */
function inFolder(path: Buffer, work: (folder: number) => void): boolean {
  let pinned: number | undefined;
  let folder: number | undefined;
  try {
    pinned = openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    const link = `/proc/self/fd/${pinned}`;
    isDone(() => chmodSync(link, 0o700));
    folder = openSync(link, O_RDONLY | O_DIRECTORY);
    work(folder);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) return false;
    throw error;
  } finally {
    for (const descriptor of [folder, pinned]) if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Names are bytes, not always UTF-8. */
function namesIn(folder: number): Buffer[] {
  return readdirSync(`/proc/self/fd/${folder}`, { encoding: 'buffer' });
}

function entry(folder: number, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name]);
}

/** Whether `work` succeeded. The next pass, or the removal of the top folder, handles the rest. */
function isDone(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
