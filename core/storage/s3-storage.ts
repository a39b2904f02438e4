import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  paginateListObjectsV2,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import { awsFault } from '../aws-error';
import { fileError, localFileSize, writeWhole } from './file-writes';
import { downloadBody, type GetPart, readBody, s3Error, s3Exists } from './s3-reads';
import {
  bucketAndKey,
  type ByteSource,
  changedMeanwhile,
  type FolderEntry,
  keyUrl,
  type ObjectHead,
  type ObjectInfo,
  type PutOptions,
  requireObject,
  type Storage,
  type UploadOptions,
} from './storage';

/**
 * Bytes; S3 allows parts of 5 MiB to 5 GiB. With `PARTS_AT_ONCE`, 32 MiB of an upload are under way at once.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const PART_SIZE = 8 * 1024 * 1024;
export const PARTS_AT_ONCE = 4;

/** S3's limit. Files over 78 GiB need parts larger than `PART_SIZE`. */
export const MAX_PARTS = 10_000;

/** Most retries of a write after conflicts with another write (409). */
const MAX_CONFLICTS = 5;

/** User metadata that identifies our own conditional write; see `writeConditionally`. */
const WRITE_ID = 'spotreel-write';

/** The object that a request writes. */
export type Target = Pick<
  PutObjectCommandInput,
  'Bucket' | 'Key' | 'ContentType' | 'IfNoneMatch' | 'IfMatch' | 'Metadata'
>;

type Send = (target: Target) => Promise<void>;

/**
 * Objects in S3 at `s3://bucket/key`. The client has the region, credentials, time limits and retries; this class retries only what the
 * client cannot. Listing needs `s3:ListBucket`. Without it, S3 answers 403 (`denied`) for a missing object.
 */
export class S3Storage implements Storage {
  constructor(protected readonly client: S3Client) {}

  async head(url: URL): Promise<ObjectHead | undefined> {
    try {
      const answer = await this.sendHead(url);
      return {
        url,
        size: answer.ContentLength ?? 0,
        lastModified: answer.LastModified ?? new Date(0),
        etag: bare(answer.ETag),
        metadata: answer.Metadata ?? {},
      };
    } catch (error) {
      if (awsFault(error).status === 404) return undefined;
      throw s3Error(error, url);
    }
  }

  async get(url: URL): Promise<Uint8Array> {
    return readBody(url, this.getPart(url), {});
  }

  async put(url: URL, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    await this.write(url, options, async (target) => {
      await this.client.send(new PutObjectCommand({ ...target, Body: body }));
    });
  }

  async open(url: URL): Promise<ByteSource> {
    const head = await this.sendHead(url).catch((error: unknown) => {
      throw s3Error(error, url);
    });
    const size = head.ContentLength ?? 0;
    return {
      url,
      size,
      etag: bare(head.ETag),
      read: async (offset, length, room) => {
        const end = Math.min(offset + length, size);
        // S3 answers 416 to a range that starts after the end.
        if (offset >= end) return new Uint8Array();
        const part = { Range: `bytes=${offset}-${end - 1}`, IfMatch: head.ETag };
        return readBody(url, this.getPart(url), part, room?.subarray(0, end - offset));
      },
      close: async () => undefined,
    };
  }

  async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    for await (const page of this.pages(prefix)) yield* objectsOf(page, prefix);
  }

  async *listFolder(folder: URL, nameStart = ''): AsyncGenerator<FolderEntry> {
    const { key: start } = bucketAndKey(folder);
    for await (const page of this.pages(folder, '/', nameStart)) {
      for (const object of objectsOf(page, folder)) {
        yield { name: bucketAndKey(object.url).key.slice(start.length), object };
      }
      for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
        const name = decodeKey(Prefix).slice(start.length, -1);
        if (name !== '' && !hasDots(name)) yield { name };
      }
    }
  }

  private async *pages(
    prefix: URL,
    Delimiter?: string,
    nameStart = '',
  ): AsyncGenerator<ListObjectsV2CommandOutput> {
    const { bucket, key: start } = bucketAndKey(prefix);
    // Encoded, because XML cannot contain every character of a key.
    const input = { Bucket: bucket, Prefix: start + nameStart, Delimiter, EncodingType: 'url' } as const;
    try {
      yield* paginateListObjectsV2({ client: this.client }, input);
    } catch (error) {
      throw s3Error(error, prefix);
    }
  }

  async delete(url: URL): Promise<void> {
    await this.client.send(new DeleteObjectCommand(address(url))).catch((error: unknown) => {
      throw s3Error(error, url);
    });
  }

  async upload(path: string, url: URL, options: UploadOptions = {}): Promise<void> {
    requireObject(url);
    const size = await localFileSize(path);
    if (size <= PART_SIZE) {
      const body = await readFile(path).catch((error: unknown) => {
        throw fileError(error, path, 'read');
      });
      await this.put(url, body, options);
      options.onProgress?.(size);
      return;
    }
    // S3 checks the condition only after the upload of all parts.
    if (options.ifAbsent && (await this.head(url))) throw s3Exists(url);
    await this.write(url, options, (target) => this.uploadParts(path, size, target, options));
  }

  async fetch(url: URL, directory: string, etag?: string): Promise<string> {
    const path = join(directory, basename(address(url).Key));
    const part = etag === undefined ? {} : { IfMatch: `"${etag}"` };
    await writeWhole(path, (partial) => downloadBody(url, this.getPart(url), part, partial, path));
    return path;
  }

  private sendHead(url: URL): Promise<HeadObjectCommandOutput> {
    return this.client.send(new HeadObjectCommand(address(url)));
  }

  private getPart(url: URL): GetPart {
    return async (part) => {
      try {
        return await this.client.send(new GetObjectCommand({ ...address(url), ...part }));
      } catch (error) {
        throw s3Error(error, url);
      }
    };
  }

  private async write(url: URL, options: PutOptions, send: Send): Promise<void> {
    const { ifAbsent, ifMatch, contentType, metadata } = options;
    const target: Target = { ...address(url), ContentType: contentType, Metadata: metadata };
    try {
      if (ifAbsent) await this.writeConditionally(url, { ...target, IfNoneMatch: '*' }, send);
      else if (ifMatch !== undefined)
        await this.writeConditionally(url, { ...target, IfMatch: `"${ifMatch}"` }, send);
      else await send(target);
    } catch (error) {
      throw s3Error(error, url);
    }
  }

  /**
   * S3 answers 412 if an object (with `IfMatch`: another version) exists, 404 if it is missing with `IfMatch`, and 409 during another write
   * or delete; then it must be sent again. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
   *
   * If the answer to a successful write is lost, the SDK sends it again and gets 412 for its own object. The id in the metadata shows this.
   */
  private async writeConditionally(url: URL, target: Target, send: Send): Promise<void> {
    const id = randomUUID();
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        return await send({ ...target, Metadata: { ...target.Metadata, [WRITE_ID]: id } });
      } catch (error) {
        const { status, name } = awsFault(error);
        if (status === 412 || (target.IfMatch !== undefined && name === 'NoSuchKey')) {
          const there = await this.sendHead(url).catch(() => undefined);
          if (there?.Metadata?.[WRITE_ID] === id) return;
          throw target.IfMatch === undefined ? s3Exists(url, error) : changedMeanwhile(url, error);
        }
        if (status !== 409 || conflicts === MAX_CONFLICTS) throw error;
        await sleep(Math.random() * 50 * 2 ** conflicts);
      }
    }
  }

  protected async uploadParts(
    path: string,
    size: number,
    target: Target,
    { onProgress }: UploadOptions,
  ): Promise<void> {
    // Imported here, because programs that write only small objects (the Lambdas) do not need it.
    const { Upload } = await import('@aws-sdk/lib-storage');
    const upload = new Upload({
      client: this.client,
      params: { ...target, Body: createReadStream(path, { start: 0, end: size - 1 }) },
      partSize: Math.max(PART_SIZE, Math.ceil(size / MAX_PARTS)),
      queueSize: PARTS_AT_ONCE,
    });
    upload.on('httpUploadProgress', ({ loaded = 0 }) => onProgress?.(loaded));
    try {
      await upload.done();
    } catch (error) {
      // `Upload` aborts if a part fails, but not if the completion fails. Remaining parts would cost money.
      const { uploadId: UploadId } = upload;
      const { Bucket, Key } = target;
      if (UploadId !== undefined) {
        await this.client
          .send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
          .catch(() => undefined);
      }
      throw isSystemError(error) ? fileError(error, path, 'read') : error;
    }
  }
}

function address(url: URL): { Bucket: string; Key: string } {
  const { bucket, key } = bucketAndKey(requireObject(url));
  return { Bucket: bucket, Key: key };
}

function* objectsOf({ Contents = [] }: ListObjectsV2CommandOutput, prefix: URL): Generator<ObjectInfo> {
  const { bucket } = bucketAndKey(prefix);
  for (const { Key = '', Size = 0, LastModified = new Date(0), ETag } of Contents) {
    const key = decodeKey(Key);
    // Skips the empty objects of the console's "create folder", and keys that a URL cannot contain.
    if (key.endsWith('/') || hasDots(key)) continue;
    const etag = ETag === undefined ? undefined : bare(ETag);
    yield { url: keyUrl('s3:', bucket, key), size: Size, lastModified: LastModified, etag };
  }
}

/** Decodes a key of a listing with `EncodingType: 'url'`. */
function decodeKey(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '));
}

function hasDots(key: string): boolean {
  return /(^|\/)\.\.?(\/|$)/.test(key);
}

/** An ETag without its quotes. */
function bare(etag = ''): string {
  return etag.replaceAll('"', '');
}

/** Whether reading the file failed, not the network: only errors of the file system have a path. */
export function isSystemError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'path' in error;
}

/** A connection without traffic for so long is dead. By default, the SDK would wait forever. */
const IDLE_MS = 120_000;
const CONNECT_MS = 10_000;

/**
 * S3 with the SDK's default region, credentials and endpoint (environment, profile, instance role). If
 * `NODE_USE_ENV_PROXY` is 1, it uses the proxy of `HTTPS_PROXY`, which needs Node 24.5. Node itself gives the proxy only
 * to its global agent, which the SDK does not use (https://nodejs.org/api/http.html#built-in-proxy-support).
 */
export function createS3Storage(idleMs = IDLE_MS): S3Storage {
  return new S3Storage(createS3Client(idleMs));
}

/** The client of `createS3Storage`. */
export function createS3Client(idleMs = IDLE_MS): S3Client {
  const timeouts = { connectionTimeout: CONNECT_MS, socketTimeout: idleMs };
  const viaProxy = process.env.NODE_USE_ENV_PROXY === '1' && { httpsAgent: PROXY_AGENT };
  return new S3Client({ requestHandler: { ...timeouts, ...viaProxy } });
}

/** As many connections as the SDK's own agent. The types of Node 20 lack `proxyEnv`. */
const PROXY_AGENT = { keepAlive: true, maxSockets: 50, proxyEnv: process.env };
