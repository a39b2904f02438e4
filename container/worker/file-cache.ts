import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors';
import { hasContentOf } from '../../core/content-etag';
import { StorageError, type Storage } from '../../core/storage/storage';
import { claimFolder } from './folder-claim';
import { download, downloadTo, duplicate, moveTo, type WantedFile } from './place-file';

/** Bytes of the disk that stay free: frames and Blender's own files need room, too. */
const KEPT_FREE = 1024 * 1024 * 1024;

/** Whether so many bytes fit on the disk on which `directory` lies. */
type Fits = (directory: string, bytes: number) => Promise<boolean>;

/**
 * Files that the children of one machine share, in a folder of that machine: each is downloaded once, also by children that
 * start at the same moment. An entry is named by URL and ETag, holds a whole file or none, and is given away only while its bytes are
 * those that the ETag stands for, since another container may have written to the folder. Where an ETag says nothing about
 * the bytes (see `hasContentOf`) each child downloads its own. What was not used for longest makes room for what is new.
 */
export class FileCache {
  constructor(
    private readonly directory: string,
    private readonly storage: Storage,
    private readonly fits: Fits = fitsOnDisk,
  ) {}

  /** Puts the file at `target`. Throws storage's errors. */
  async take(file: WantedFile, target: string): Promise<void> {
    const { etag } = file;
    if (etag === undefined) return downloadTo(file, target, this.storage);
    const entry = this.entryOf(file, etag);
    for (;;) {
      if (await takeContent(entry, etag, target)) return undefined;
      if (await exists(unsharedMark(entry))) return downloadTo(file, target, this.storage);
      const claim = await claimFolder(join(entry, 'claims'), () => isSettled(entry));
      try {
        // Whoever held the claim until now may have brought it.
        if (claim && !(await isSettled(entry)) && (await this.bring(file, etag, entry, target)))
          return undefined;
      } finally {
        await claim?.release();
      }
    }
  }

  private entryOf({ url }: WantedFile, etag: string): string {
    const name = createHash('sha256').update(`${url.href}\0${etag}`).digest('hex').slice(0, 32);
    return join(this.directory, name);
  }

  /** Takes away contents, the longest unused first, until `bytes` more fit on the disk. */
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

  /** Downloads into the entry; `true` when the file is at `target`, too. */
  private async bring(file: WantedFile, etag: string, entry: string, target: string): Promise<boolean> {
    await removeLeftovers(entry);
    await this.makeRoom(file.size);
    const incoming = join(entry, `incoming-${randomUUID()}`);
    try {
      const path = await download(file, incoming, this.storage);
      if (await hasContentOf(path, etag)) {
        await moveTo(path, contentOf(entry));
        return await takeWhole(entry, target);
      }
      await writeFile(unsharedMark(entry), '');
      await moveTo(path, target);
      return true;
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  }
}

const contentOf = (entry: string): string => join(entry, 'content');

/** Says that the file's ETag is none of its bytes, so that nobody need try again to share it. */
const unsharedMark = (entry: string): string => join(entry, 'unshared');

/** Whether there is nothing to be brought into the entry. */
async function isSettled(entry: string): Promise<boolean> {
  return (await exists(contentOf(entry))) || exists(unsharedMark(entry));
}

/** `false` where the entry has no content, or had one that is not what it should be. */
async function takeContent(entry: string, etag: string, target: string): Promise<boolean> {
  if (!(await takeWhole(entry, target))) return false;
  // The copy is judged, not the entry, which may change meanwhile.
  if (await hasContentOf(target, etag)) return true;
  await rm(target, { force: true });
  await rm(contentOf(entry), { force: true });
  return false;
}

async function takeWhole(entry: string, target: string): Promise<boolean> {
  try {
    await duplicate(contentOf(entry), target);
    const now = new Date();
    await utimes(entry, now, now);
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return false;
    throw error;
  }
}

/** Half downloads of processes that were killed: the claim is held, so no other is at it. */
async function removeLeftovers(entry: string): Promise<void> {
  const names = (await readdir(entry)).filter((name) => name.startsWith('incoming-'));
  await Promise.all(names.map((name) => rm(join(entry, name), { recursive: true, force: true })));
}

async function fitsOnDisk(directory: string, bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize >= bytes + KEPT_FREE;
}

/** None where the folder is not to be listed: then whoever may list it makes room. */
async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === 'EACCES') return [];
    throw error;
  });
}

/** Milliseconds; 0 for an entry that is gone. */
function lastUsed(entry: string): Promise<number> {
  return stat(entry).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Makes the cache's folder; whoever may use the machine's temporary folder need not read it. */
export async function openFileCache(directory: string, storage: Storage): Promise<FileCache> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return new FileCache(directory, storage);
}
