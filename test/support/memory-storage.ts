import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileError, localFileSize, writeWhole } from '../../core/storage/file-writes';
import {
  bucketAndKey,
  type ByteSource,
  changedMeanwhile,
  type FolderEntry,
  formatLocation,
  keyUrl,
  type ObjectHead,
  type ObjectInfo,
  type PutOptions,
  requireObject,
  sortByKey,
  type Storage,
  StorageError,
  type UploadOptions,
} from '../../core/storage/storage';

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly lastModified: Date;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Objects in this process's memory, at `memory://bucket/key`: for tests. Every bucket exists from the start. */
export class MemoryStorage implements Storage {
  /** By bucket, then by key. */
  private readonly buckets = new Map<string, Map<string, StoredObject>>();

  async head(url: URL): Promise<ObjectHead | undefined> {
    const object = this.find(url);
    if (!object) return undefined;
    const { bytes, lastModified, etag, metadata } = object;
    return { url, size: bytes.length, lastModified, etag, metadata };
  }

  async get(url: URL): Promise<Uint8Array> {
    return this.require(url).bytes.slice();
  }

  async put(url: URL, body: Uint8Array | string, options: PutOptions = {}): Promise<void> {
    const { bucket, key } = bucketAndKey(requireObject(url));
    const objects = this.buckets.get(bucket) ?? new Map<string, StoredObject>();
    if (options.ifAbsent && objects.has(key)) {
      throw new StorageError('exists', url, `${formatLocation(url)} exists already: choose another name`);
    }
    if (options.ifMatch !== undefined && objects.get(key)?.etag !== options.ifMatch)
      throw changedMeanwhile(url);
    const bytes = typeof body === 'string' ? Buffer.from(body) : Uint8Array.from(body);
    const etag = createHash('md5').update(bytes).digest('hex');
    objects.set(key, { bytes, etag, lastModified: new Date(), metadata: { ...options.metadata } });
    this.buckets.set(bucket, objects);
  }

  async open(url: URL): Promise<ByteSource> {
    const { bytes, etag } = this.require(url);
    return {
      url,
      size: bytes.length,
      etag,
      read: async (offset, length) => bytes.slice(offset, offset + Math.max(0, length)),
      close: async () => undefined,
    };
  }

  async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    const { bucket, key: start } = bucketAndKey(prefix);
    const objects = this.buckets.get(bucket) ?? new Map<string, StoredObject>();
    for (const [key, { bytes, lastModified, etag }] of sortByKey(objects, ([name]) => name)) {
      if (!key.startsWith(start)) continue;
      yield { url: keyUrl('memory:', bucket, key), size: bytes.length, lastModified, etag };
    }
  }

  async *listFolder(folder: URL, nameStart = ''): AsyncGenerator<FolderEntry> {
    const { key: start } = bucketAndKey(folder);
    const folders = new Set<string>();
    for await (const object of this.list(folder)) {
      const name = bucketAndKey(object.url).key.slice(start.length);
      if (!name.startsWith(nameStart)) continue;
      const slash = name.indexOf('/');
      if (slash < 0) yield { name, object };
      else folders.add(name.slice(0, slash));
    }
    for (const name of folders) yield { name };
  }

  async delete(url: URL): Promise<void> {
    const { bucket, key } = bucketAndKey(requireObject(url));
    this.buckets.get(bucket)?.delete(key);
  }

  async upload(path: string, url: URL, options: UploadOptions = {}): Promise<void> {
    requireObject(url);
    await localFileSize(path);
    const bytes = await readFile(path).catch((error: unknown) => {
      throw fileError(error, path, 'read');
    });
    await this.put(url, bytes, options);
    options.onProgress?.(bytes.byteLength);
  }

  async fetch(url: URL, directory: string, etag?: string): Promise<string> {
    const object = this.require(url);
    if (etag !== undefined && etag !== object.etag) {
      const message = `${formatLocation(url)} was changed since the render was submitted: submit it again`;
      throw new StorageError('changed', url, message);
    }
    const path = join(directory, basename(bucketAndKey(url).key));
    await writeWhole(path, (partial) => writeFile(partial, object.bytes));
    return path;
  }

  private find(url: URL): StoredObject | undefined {
    const { bucket, key } = bucketAndKey(requireObject(url));
    return this.buckets.get(bucket)?.get(key);
  }

  private require(url: URL): StoredObject {
    const object = this.find(url);
    if (object) return object;
    throw new StorageError(
      'not-found',
      url,
      `there is no object ${formatLocation(url)}: check the bucket and the key`,
    );
  }
}
