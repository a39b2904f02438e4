import { createHash } from 'node:crypto';
import { lstat, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { codeOf } from '../../core/errors';
import { parseJson } from '../../core/json';
import { readRegularFile } from '../../core/storage/file-storage';
import { writeWhole } from '../../core/storage/file-writes';
import type { ObjectHead } from '../../core/storage/storage';

const recordSchema = z.object({
  version: z.literal(1),
  files: z.array(z.tuple([z.string(), z.string(), z.string()])),
  objects: z.array(z.tuple([z.string(), z.string(), z.string()])),
});

/** The folder of unfinished uploads in the cache's folder. */
export const PARTS_FOLDER = 'parts';

/** Days after which an unused file of the cache is deleted. */
const KEPT_DAYS = 90;
const DAY_MS = 86_400_000;

type Notes = Map<string, readonly [first: string, second: string]>;

/**
 * What the last upload of a scene learned of its files and their objects, so that unchanged files are not read again.
 * It is only a cache: a missing or damaged record, or one that another process replaced, costs time alone.
 */
export class UploadRecord {
  /** By path: stamp and MD5. */
  private readonly files: Notes = new Map();
  /** By URL: MD5 of the content and the ETag of the object that has it. Only where the two differ. */
  private readonly objects: Notes = new Map();
  private hasChanged = false;

  private constructor(
    private readonly path: string | undefined,
    private readonly known: Record<'files' | 'objects', Notes>,
  ) {}

  /** The record of the scene at `scene`, in the cache's folder. Without that, it is empty and never saved. */
  static open(cache: string | undefined, scene: string): UploadRecord {
    const name = createHash('sha256').update(scene).digest('hex').slice(0, 32);
    const path = cache === undefined ? undefined : join(cache, 'uploads', `${name}.json`);
    return new UploadRecord(path, readRecord(path));
  }

  /** Paths of the files of the last upload, with their MD5 then. */
  get lastFiles(): Array<readonly [path: string, md5: string]> {
    return Array.from(this.known.files, ([path, [, md5]]) => [path, md5]);
  }

  /** MD5 of the file at `path`, if it was noted for this stamp. */
  md5Of(path: string, stamp: string): string | undefined {
    const known = this.files.get(path) ?? this.known.files.get(path);
    if (known?.[0] !== stamp) return undefined;
    this.files.set(path, known);
    return known[1];
  }

  noteFile(path: string, stamp: string, md5: string): void {
    this.note(this.files, path, [stamp, md5]);
  }

  /** Whether this version of the object was noted to have the content with this MD5. */
  hasContent({ url, etag }: Pick<ObjectHead, 'url' | 'etag'>, md5: string): boolean {
    const known = this.objects.get(url.href) ?? this.known.objects.get(url.href);
    if (known?.[0] !== md5 || known[1] !== etag) return false;
    this.objects.set(url.href, known);
    return true;
  }

  noteObject({ url, etag }: Pick<ObjectHead, 'url' | 'etag'>, md5: string): void {
    // Then the ETag itself proves the content.
    if (etag !== md5) this.note(this.objects, url.href, [md5, etag]);
  }

  private note(notes: Notes, key: string, note: readonly [string, string]): void {
    notes.set(key, note);
    this.hasChanged = true;
  }

  /**
   * Saves what this upload used or noted. Before it compared all objects (`isEarly`), it also keeps those of the last
   * upload. Returns why that failed, if it did.
   */
  async save({ isEarly = false } = {}): Promise<string | undefined> {
    if (this.path === undefined) return undefined;
    try {
      if (this.hasChanged) {
        const objects = isEarly ? new Map([...this.known.objects, ...this.objects]) : this.objects;
        const text = formatRecord(this.files, objects);
        await writeWhole(this.path, (partial) => writeFile(partial, text, { mode: 0o600 }));
      } else if (this.files.size > 0) await touch(this.path);
      // The last save leaves out the objects that this upload does not use.
      this.hasChanged &&= isEarly;
      for (const folder of ['uploads', PARTS_FOLDER]) await sweep(join(this.path, '../..', folder));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function readRecord(path: string | undefined): Record<'files' | 'objects', Notes> {
  const empty = { files: new Map(), objects: new Map() };
  if (path === undefined) return empty;
  try {
    const { files, objects } = parseJson(recordSchema, readRegularFile(path), (reason) => new Error(reason));
    const notes = (rows: typeof files): Notes => new Map(rows.map(([key, ...note]) => [key, note]));
    return { files: notes(files), objects: notes(objects) };
  } catch {
    return empty;
  }
}

function formatRecord(files: Notes, objects: Notes): string {
  const rows = (notes: Notes) => Array.from(notes, ([key, note]) => [key, ...note]);
  return JSON.stringify({ version: 1, files: rows(files), objects: rows(objects) });
}

/** A used record is kept. */
async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
}

/**
 * Deletes what was not used for long in a folder, which may be missing: records of deleted projects, unfinished uploads,
 * and files and locks of killed processes.
 */
async function sweep(folder: string): Promise<void> {
  const oldest = Date.now() - KEPT_DAYS * DAY_MS;
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats && stats.mtimeMs < oldest) await rm(path, { force: true, recursive: true });
  }
}
