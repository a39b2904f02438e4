import * as z from 'zod/mini';
import { codeOf } from '../errors';
import { parseJson } from '../json';
import { findLockHolder, type LockHolder } from '../local-batch/lock';
import { Document } from '../render/document';
import type { Render } from '../render/render';
import { readRegularFile } from '../storage/file-storage';
import { childUrl, filePath, type Storage } from '../storage/storage';
import type { Upload } from './uploads';

/** Where whoever watches a folder keeps what is its own: below the folder of renders, hidden. */
export const queueFolder = (output: URL): URL => childUrl(output, '.farm/');
/** Every upload that was seen, in the order of arrival. */
export const queueUrl = (output: URL): URL => childUrl(output, '.farm/uploads.json');
/** Marks of renders that are to be cancelled. */
export const cancelFolder = (output: URL): URL => childUrl(output, '.farm/cancel/');
/** The mark of one; `renderId` checked to be a render's name. */
export const cancelUrl = (output: URL, renderId: string): URL => childUrl(output, `.farm/cancel/${renderId}`);

const queuedUploadSchema = z.lazy(() =>
  z.object({
    key: z.string(),
    /** As `Upload` has it. */
    version: z.string(),
    renderId: z.string(),
    /** Renders of further cameras, each of which takes the place of the one before it. */
    more: z.optional(z.array(z.string())),
    /** `waiting` until its render has ended, was cancelled or deleted; `ended` from the start for what was refused. */
    state: z.enum(['waiting', 'ended']),
  }),
);

/** `uploads.json`. */
const uploadQueueSchema = z.lazy(() =>
  z.object({ version: z.literal(1), uploads: z.array(queuedUploadSchema) }),
);

/** An upload that was seen, and the render that it is. */
export type QueuedUpload = z.infer<typeof queuedUploadSchema>;

/**
 * The uploads of a watch folder in the order of arrival, each version of one seen once: what was rendered, refused, cancelled or
 * deleted does not start again by itself. Written whole after each change. A file that can't be read counts as empty: then every
 * upload is looked at anew, and what is complete is found to be so.
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

  /** Those whose renders have not ended, the earliest first. */
  waiting(): QueuedUpload[] {
    return [...this.uploads.values()].filter(({ state }) => state === 'waiting');
  }

  /** Whether this render waits, now or after those of other cameras. */
  holds(renderId: string): boolean {
    return this.waiting().some((upload) => upload.renderId === renderId || upload.more?.includes(renderId));
  }

  knows({ key, version }: Pick<Upload, 'key' | 'version'>): boolean {
    return this.uploads.get(key)?.version === version;
  }

  /** A new version takes the place of the one before it, at the end of the queue; one that is the same render keeps its turn. */
  async add(upload: QueuedUpload): Promise<void> {
    const uploads = new Map(this.uploads);
    const before = uploads.get(upload.key);
    if (before?.state !== 'waiting' || before.renderId !== upload.renderId) uploads.delete(upload.key);
    await this.save(uploads.set(upload.key, upload));
  }

  /** Has the upload looked at again as if it were new. */
  async forget(key: string): Promise<void> {
    const uploads = new Map(this.uploads);
    uploads.delete(key);
    await this.save(uploads);
  }

  /** Its render has ended. Where the upload has further ones, the next waits in its place. */
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

  /** Forgets uploads that no longer exist, so that one that comes back is a new one. */
  async keepOnly(exists: (key: string) => boolean): Promise<void> {
    const kept = new Map([...this.uploads].filter(([key]) => exists(key)));
    if (kept.size < this.uploads.size) await this.save(kept);
  }

  private async save(uploads: ReadonlyMap<string, QueuedUpload>): Promise<void> {
    await this.document.write({ version: 1, uploads: [...uploads.values()] });
    this.uploads = uploads;
  }
}

/** The queue of a watch folder, as anybody may see it. */
export interface QueueLook {
  /** The process that works on it; absent where none does. */
  readonly holder?: LockHolder;
  /** Ids of renders that have not ended, the earliest first; the first may be running. */
  readonly waiting: readonly string[];
}

/** `undefined` where nobody ever watched; only looks. */
export function lookAtQueue(output: URL): QueueLook | undefined {
  if (output.protocol !== 'file:') return undefined;
  const waiting = readWaiting(output);
  // After the queue: who lets go of it has written all of it.
  const holder = findLockHolder(filePath(queueFolder(output)));
  return holder || waiting ? { holder, waiting: waiting ?? [] } : undefined;
}

/** How many renders are to come before this one; `undefined` where it is in no queue, or nobody works on that. Pure. */
export function turnOf(renderId: string, queue: QueueLook | undefined): number | undefined {
  const turn = queue?.holder ? queue.waiting.indexOf(renderId) : -1;
  return turn < 0 ? undefined : turn;
}

/** The queue that may hold a render; `undefined` if nobody ever watched, and in a bucket. */
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
    // As the watch folder itself does, a queue that cannot be read counts as none.
    if (error instanceof SyntaxError || codeOf(error) !== undefined) return undefined;
    throw error;
  }
}
