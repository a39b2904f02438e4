import * as z from 'zod/mini';
import { readRecord } from '../storage/read-record';
import type { Storage } from '../storage/storage';
import type { Upload } from './find-uploads';
import { queueUrl } from './queue-files';

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
export const uploadQueueSchema = z.lazy(() =>
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
    private readonly output: URL,
    private readonly storage: Storage,
    /** By key, in the order of arrival. */
    private uploads: ReadonlyMap<string, QueuedUpload>,
  ) {}

  static async open(output: URL, storage: Storage): Promise<UploadQueue> {
    const { uploads = [] } = (await readRecord(uploadQueueSchema, queueUrl(output), storage)) ?? {};
    return new UploadQueue(output, storage, new Map(uploads.map((upload) => [upload.key, upload])));
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
    const body = JSON.stringify({ version: 1, uploads: [...uploads.values()] }, null, 1);
    await this.storage.put(queueUrl(this.output), body, { durable: true });
    this.uploads = uploads;
  }
}
