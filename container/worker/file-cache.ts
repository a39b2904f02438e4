import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../core/errors';
import { type Claim, FolderClock, livingClaims, putClaim, refreshClaim } from '../../core/processes/claim';
import { fileError } from '../../core/storage/file-writes';
import { hasContentOf } from '../../core/storage/s3-reads';
import { type Storage, StorageError } from '../../core/storage/storage';
import { takeCopy, UNSAFE_FILE } from './frames/saved-files';

/** One version of a project's file. */
export interface SceneFile {
  readonly url: URL;
  readonly etag?: string;
  /** Bytes. */
  readonly size: number;
}

/** Bytes of the disk that stay free for frames and Blender's own files. */
const KEPT_FREE = 1024 * 1024 * 1024;

/** Whether so many bytes fit on the disk that holds `directory`. */
type Fits = (directory: string, bytes: number) => Promise<boolean>;

/** A child that finds a changed entry more often than this downloads the file for itself. */
const MOST_CHANGED = 2;

/**
 * Files that the children of one machine share in a folder: each is downloaded once, also if children start together. An
 * entry is named by URL and ETag and holds a whole file or none. The least recently used contents make room for new ones.
 *
 * Other containers may write to the folder at any time, so each child copies the file and checks the copy against the ETag.
 * If the ETag does not depend on the bytes (see `hasContentOf`), each child downloads the file itself.
 */
export class FileCache {
  constructor(
    private readonly directory: string,
    private readonly storage: Storage,
    private readonly fits: Fits = fitsOnDisk,
  ) {}

  /**
   * Puts the file at `target`, in a folder that only this worker can write to. If the cache fails, it downloads the file.
   * Throws storage's errors.
   */
  async take(file: SceneFile, target: string): Promise<void> {
    const { etag } = file;
    const isShared =
      etag !== undefined &&
      (await this.takeShared(file, etag, target).catch((error: unknown) => {
        if (error instanceof StorageError) throw error;
        return false;
      }));
    if (!isShared) await downloadTo(file, target, this.storage);
  }

  /** `false` if the file cannot be shared. */
  private async takeShared(file: SceneFile, etag: string, target: string): Promise<boolean> {
    const entry = this.entryOf(file, etag);
    if (await isLink(entry)) return false;
    for (let changed = 0; changed <= MOST_CHANGED;) {
      const taken = await takeContent(entry, file, etag, target);
      if (taken === 'whole') return true;
      if (taken === 'changed') {
        changed += 1;
        await rm(contentOf(entry), { force: true });
      }
      if (await exists(unsharedMark(entry))) return false;
      const claim = await claimFolder(join(entry, 'claims'), () => isEntrySettled(entry));
      try {
        // The previous holder of the claim may have brought the file.
        if (claim && !(await isEntrySettled(entry))) {
          await this.bring(file, etag, entry, target);
          return true;
        }
      } finally {
        await claim?.release();
      }
    }
    return false;
  }

  private entryOf({ url }: SceneFile, etag: string): string {
    const name = createHash('sha256').update(`${url.href}\0${etag}`).digest('hex').slice(0, 32);
    return join(this.directory, name);
  }

  /** Removes contents, the least recently used first, until `bytes` more fit on the disk. */
  private async makeRoom(bytes: number): Promise<void> {
    if (await this.fits(this.directory, bytes)) return;
    const entries = await Promise.all(
      (await namesIn(this.directory)).map(async (name) => {
        const entry = join(this.directory, name);
        return { entry, usedAt: await lastUsed(entry) };
      }),
    );
    for (const { entry } of entries.toSorted((a, b) => a.usedAt - b.usedAt)) {
      await rm(contentOf(entry), { force: true });
      if (await this.fits(this.directory, bytes)) return;
    }
  }

  /** Downloads to `target`, and copies it from there to the entry if possible. */
  private async bring(file: SceneFile, etag: string, entry: string, target: string): Promise<void> {
    await downloadTo(file, target, this.storage);
    if (await hasContentOf(target, etag)) await this.share(file, entry, target).catch(ignoreSystemError);
    else await writeFile(unsharedMark(entry), '', { flag: 'wx' }).catch(ignoreSystemError);
  }

  private async share({ size }: SceneFile, entry: string, source: string): Promise<void> {
    await removeLeftovers(entry);
    await this.makeRoom(size);
    const incoming = join(entry, `incoming-${randomUUID()}`);
    try {
      await copyFile(source, incoming, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      await rename(incoming, contentOf(entry));
    } finally {
      await rm(incoming, { force: true });
    }
  }
}

/** Makes the cache's folder, which other users of the machine cannot read. */
export async function openFileCache(directory: string, storage: Storage): Promise<FileCache> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return new FileCache(directory, storage);
}

/**
 * The folder below `directory` in which the Blenders of one render keep compiled GPU kernels. Only renders with the same
 * `plan` share a folder (ADR 35). `undefined` if it cannot be made, or if something else is in its place.
 */
export async function openKernelCache(directory: string, plan: object): Promise<string | undefined> {
  const name = createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 32);
  const folder = join(directory, name);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // The sandbox would follow a link.
    const { uid, isFolder } = await lstat(folder).then((stats) => ({
      uid: stats.uid,
      isFolder: stats.isDirectory(),
    }));
    return isFolder && uid === process.getuid?.() ? folder : undefined;
  } catch {
    return undefined;
  }
}

const contentOf = (entry: string): string => join(entry, 'content');

/** A file that marks an entry as not shareable, because the ETag does not depend on the bytes. */
const unsharedMark = (entry: string): string => join(entry, 'unshared');

/** Whether the entry needs no download. */
async function isEntrySettled(entry: string): Promise<boolean> {
  return (await exists(contentOf(entry))) || exists(unsharedMark(entry));
}

/** Copies the entry's content to `target` and checks the copy, because the entry may change meanwhile. */
async function takeContent(
  entry: string,
  { size }: SceneFile,
  etag: string,
  target: string,
): Promise<'whole' | 'changed' | 'missing'> {
  if (!(await exists(contentOf(entry)))) return 'missing';
  await mkdir(dirname(target), { recursive: true });
  const shared = { path: contentOf(entry), writer: 'Another worker', name: 'a file of the cache' };
  try {
    await takeCopy({ ...shared, mostBytes: size }, target);
  } catch (error) {
    if (codeOf(error) === UNSAFE_FILE) return 'changed';
    throw error;
  }
  if (await hasContentOf(target, etag)) {
    await chmod(target, READ_ONLY);
    const now = new Date();
    await utimes(entry, now, now).catch(ignoreSystemError);
    return 'whole';
  }
  await rm(target, { force: true });
  return 'changed';
}

/** For errors of the cache's folder, which must not fail the file. */
const ignoreSystemError = (): undefined => undefined;

/** Removes partial copies of killed processes. The caller holds the claim, so no other process writes one. */
async function removeLeftovers(entry: string): Promise<void> {
  const names = (await readdir(entry)).filter((name) => name.startsWith('incoming-'));
  await Promise.all(names.map((name) => rm(join(entry, name), { force: true })));
}

async function fitsOnDisk(directory: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize >= bytes + KEPT_FREE;
}

/** Empty if this process may not list the folder; one that may makes room. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === 'EACCES') return [];
    throw error;
  });
}

/** Milliseconds since 1970; 0 for a missing entry. */
function lastUsed(entry: string): Promise<number> {
  return stat(entry).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

/** `true` also for a broken link. */
function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}

/** Mode of fetched files: Blender must not change its inputs. */
const READ_ONLY = 0o444;

/** Downloads the file to a new path below `folder`, and returns the path. */
async function download({ url, etag }: SceneFile, folder: string, storage: Storage): Promise<string> {
  const path = await storage.fetch(url, folder, etag);
  await chmod(path, READ_ONLY);
  return path;
}

/** Downloads the file to `target` and makes missing folders. Throws storage's errors. */
export async function downloadTo(file: SceneFile, target: string, storage: Storage): Promise<void> {
  // The object's name may differ from the target's.
  const folder = join(dirname(target), `.${randomUUID()}.download`);
  try {
    await moveTo(await download(file, folder, storage), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function moveTo(path: string, target: string): Promise<void> {
  try {
    await mkdir(dirname(target), { recursive: true });
    await rename(path, target);
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw fileError(error, target, 'write');
    await copyFile(path, target);
    await rm(path, { force: true });
  }
}

/** How often a holder refreshes its claim, and when others consider it stale. */
const BEAT_SECONDS = 2;
const LOOK = { staleSeconds: 20, remove: true };

const POLL_MS = 50;

/** An exclusive claim on a folder. */
export interface FolderClaim {
  release(): Promise<void>;
}

/**
 * Waits for an exclusive claim on `directory`, also among processes of other containers that see the folder. Returns
 * `undefined` as soon as `isSettled` says that no claim is needed. The claim of a killed process ends at once in the same
 * container, else after 20 seconds without a refresh.
 *
 * Each process writes its own claim and then looks for others, so of two at least one sees the other. A process that sees an
 * earlier claim removes its own and waits. One that sees only later claims keeps its own until those are gone.
 */
export async function claimFolder(
  directory: string,
  isSettled: () => Promise<boolean>,
): Promise<FolderClaim | undefined> {
  await mkdir(directory, { recursive: true });
  const clock = new FolderClock(directory);
  for (;;) {
    const own = putClaim(directory);
    const beat = setInterval(() => refresh(join(directory, own.name)), BEAT_SECONDS * 1000);
    const release = async (): Promise<void> => {
      clearInterval(beat);
      await rm(join(directory, own.name), { force: true });
    };
    try {
      if (await isOnlyClaim(directory, clock, own, isSettled)) return { release };
    } catch (error) {
      await release();
      throw error;
    }
    await release();
    do {
      if (await isSettled()) return undefined;
      await sleep(POLL_MS);
    } while (livingClaims(directory, clock, LOOK).length > 0);
  }
}

/**
 * Waits while all other claims are later. Returns `false` once an earlier one exists or no claim is needed: a claim of the
 * same millisecond may count as later and already hold the folder.
 */
async function isOnlyClaim(
  directory: string,
  clock: FolderClock,
  own: Claim,
  isSettled: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const others = livingClaims(directory, clock, LOOK).filter(({ name }) => name !== own.name);
    if (others.length === 0) return true;
    if (others.some(({ name }) => name < own.name) || (await isSettled())) return false;
    await sleep(POLL_MS);
  }
}

function refresh(path: string): void {
  try {
    refreshClaim(path);
  } catch {
    // A claim that cannot be refreshed becomes stale.
  }
}
