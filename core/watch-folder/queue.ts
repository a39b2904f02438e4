import * as z from 'zod/mini';
import { codeOf } from '../errors';
import { parseJson } from '../json';
import { findLockHolder, type LockHolder } from '../local-batch/lock';
import { Document } from '../render/document';
import type { Render } from '../render/render';
import { readRegularFile } from '../storage/file-storage';
import { childUrl, filePath, type Storage } from '../storage/storage';

/** The hidden folder of the watch folder's own files, below the folder of renders. */
export const queueFolder = (output: URL): URL => childUrl(output, '.farm/');
/** Every upload that `serve` has seen, in the order of arrival. */
export const queueUrl = (output: URL): URL => childUrl(output, '.farm/uploads.json');
/** Requests to cancel renders. */
export const cancelFolder = (output: URL): URL => childUrl(output, '.farm/cancel/');
/** The request for one render. The caller must check that `renderId` is a render's name. */
export const cancelUrl = (output: URL, renderId: string): URL => childUrl(output, `.farm/cancel/${renderId}`);

const queuedUploadSchema = z.lazy(() =>
  z.object({
    key: z.string(),
    /** As in `Upload` of `uploads.ts`. */
    version: z.string(),
    renderId: z.string(),
    /** Renders of more cameras. Each takes the place of the previous one in the queue. */
    more: z.optional(z.array(z.string())),
    /** `waiting` until its renders have ended or were cancelled or deleted; `ended` from the start for a rejected upload. */
    state: z.enum(['waiting', 'ended']),
  }),
);

/** `uploads.json`. */
const uploadQueueSchema = z.lazy(() =>
  z.object({ version: z.literal(1), uploads: z.array(queuedUploadSchema) }),
);

/** An upload and its render. */
export type QueuedUpload = z.infer<typeof queuedUploadSchema>;

/**
 * The uploads of a watch folder in the order of arrival. Each version counts once, so a finished, rejected, cancelled or deleted render does
 * not start again. Written whole after each change. An unreadable file counts as empty: then Spotreel takes every upload again and skips
 * complete renders.
 */
export class UploadQueue {
  private constructor(
    private readonly document: Document<z.infer<typeof uploadQueueSchema>>,
    /** By key, in the order of arrival. */
    private uploads: ReadonlyMap<string, QueuedUpload>,
  ) {}

  static async open(output: URL, storage: Storage): Promise<UploadQueue> {
    const kind = { name: 'upload-queue', schema: uploadQueueSchema, isDurable: true };
    const document = new Document(queueUrl(output), kind, storage);
    const { uploads = [] } = (await document.readIfValid()) ?? {};
    return new UploadQueue(document, new Map(uploads.map((upload) => [upload.key, upload])));
  }

  /** Uploads whose renders have not ended, the earliest first. */
  waiting(): QueuedUpload[] {
    return [...this.uploads.values()].filter(({ state }) => state === 'waiting');
  }

  /** Whether this render waits, now or after the renders of other cameras. */
  holds(renderId: string): boolean {
    return this.waiting().some((upload) => upload.renderId === renderId || upload.more?.includes(renderId));
  }

  knows({ key, version }: Pick<QueuedUpload, 'key' | 'version'>): boolean {
    return this.uploads.get(key)?.version === version;
  }

  /** A new version replaces the previous one and goes to the end of the queue, unless it is the same render. */
  async add(upload: QueuedUpload): Promise<void> {
    const uploads = new Map(this.uploads);
    const before = uploads.get(upload.key);
    if (before?.state !== 'waiting' || before.renderId !== upload.renderId) uploads.delete(upload.key);
    await this.save(uploads.set(upload.key, upload));
  }

  /** Makes the upload count as new. */
  async forget(key: string): Promise<void> {
    const uploads = new Map(this.uploads);
    uploads.delete(key);
    await this.save(uploads);
  }

  /** Records that a render has ended. The next camera of its upload, if any, takes its place. */
  async end(renderId: string): Promise<void> {
    const uploads = new Map(this.uploads);
    for (const [key, upload] of uploads) {
      const more = upload.more?.filter((id) => id !== renderId);
      if (upload.renderId !== renderId) uploads.set(key, { ...upload, ...(more && { more }) });
      else if (more?.[0] !== undefined)
        uploads.set(key, { ...upload, renderId: more[0], more: more.slice(1) });
      else uploads.set(key, { ...upload, state: 'ended' });
    }
    await this.save(uploads);
  }

  /** Forgets deleted uploads, so that they count as new if they return. */
  async keepOnly(exists: (key: string) => boolean): Promise<void> {
    const kept = new Map([...this.uploads].filter(([key]) => exists(key)));
    if (kept.size < this.uploads.size) await this.save(kept);
  }

  private async save(uploads: ReadonlyMap<string, QueuedUpload>): Promise<void> {
    await this.document.write({ version: 1, uploads: [...uploads.values()] });
    this.uploads = uploads;
  }
}

/** The public state of a watch folder's queue. */
export interface QueueLook {
  /** The process that watches the folder, if one does. */
  readonly holder?: LockHolder;
  /** Ids of renders that have not ended, the earliest first; the first may be running. */
  readonly waiting: readonly string[];
}

/** Reads the queue without changes. `undefined` if no process ever watched the folder. */
export function lookAtQueue(output: URL): QueueLook | undefined {
  if (output.protocol !== 'file:') return undefined;
  const waiting = readWaiting(output);
  // Read after the queue: a process releases its lock after it has written the queue.
  const holder = findLockHolder(filePath(queueFolder(output)));
  return holder || waiting ? { holder, waiting: waiting ?? [] } : undefined;
}

/** How many renders come before this one; `undefined` if it is not in the queue or no process watches the folder. Pure. */
export function turnOf(renderId: string, queue: QueueLook | undefined): number | undefined {
  const turn = queue?.holder ? queue.waiting.indexOf(renderId) : -1;
  return turn < 0 ? undefined : turn;
}

/** The queue that may contain a render; `undefined` in a bucket, or if no process ever watched the folder. */
export function queueAround({ output }: Render): QueueLook | undefined {
  return lookAtQueue(output);
}

function readWaiting(output: URL): string[] | undefined {
  try {
    const bytes = readRegularFile(filePath(queueUrl(output)));
    const { uploads } = parseJson(uploadQueueSchema, bytes, (reason) => new SyntaxError(reason));
    return uploads
      .filter(({ state }) => state === 'waiting')
      .flatMap(({ renderId, more = [] }) => [renderId, ...more]);
  } catch (error) {
    // As in `UploadQueue`, an unreadable queue counts as missing.
    if (error instanceof SyntaxError || codeOf(error) !== undefined) return undefined;
    throw error;
  }
}
