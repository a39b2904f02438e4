import { isAbsolute, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type FaultKind, messageOf, SpotreelError } from '../errors';

/**
 * Random access to the bytes of one version of one object. Reads past the end are short, never an error. If the object changes, `read`
 * throws a `StorageError` with code `changed`, or, on a disk, continues to read the opened file.
 */
export interface ByteSource {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  /** Of the opened version; absent on disks, where it must be computed from all bytes. */
  readonly etag?: string;
  /**
   * `length` bytes from `offset`, fewer at the end of the object. `room`, of at least that length, may hold them; then the result is a
   * part of it. Callers that read often save memory by it.
   */
  read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What a listing contains of an object. */
export interface ObjectInfo {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /** As in `head`; absent on disks, where it must be computed from all bytes. */
  readonly etag?: string;
}

/** An entry of a folder: an object, or, without `object`, a folder. */
export interface FolderEntry {
  /** Within the folder, without a slash. */
  readonly name: string;
  readonly object?: ObjectInfo;
  /** On a disk, why the entry is neither a readable file nor a folder, such as `is a link that leads nowhere`. */
  readonly fault?: string;
}

/** The result of `head`. */
export interface ObjectHead extends ObjectInfo {
  /**
   * Changes when the bytes change; without quotes. MD5 of the bytes for disks and small S3 objects. On S3 the same
   * bytes get another one when they come in other parts (above 8 MiB) or are encrypted with a KMS key.
   */
  readonly etag: string;
  /** Metadata of its writer, keys in lower case. Disks keep none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** How an object is written. `ifAbsent` and `ifMatch` exclude each other. */
export interface PutOptions {
  /** Write only if there is no object yet; otherwise throw `exists`. */
  readonly ifAbsent?: boolean;
  /**
   * Write only over the version with this ETag; otherwise, or without an object, throw `changed`. Of several such writers exactly one
   * wins, and the others may get `changed` a moment early.
   */
  readonly ifMatch?: string;
  /** On a disk: sync before returning, so that the object survives a power cut. S3 always does so. */
  readonly durable?: boolean;
  readonly contentType?: string;
  /** S3 allows 2 KB of US-ASCII in all. Disks do not keep it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** How a file is uploaded. */
export interface UploadOptions extends PutOptions {
  /**
   * Called with the number of uploaded bytes; at the end, with the size. `resumed`: how many of them an earlier upload
   * sent.
   */
  readonly onProgress?: (bytes: number, resumed?: number) => void;
  /**
   * Identifies the content of the file, such as its MD5. A storage that resumes uploads then skips the parts that an
   * interrupted upload of this content to this URL sent.
   */
  readonly content?: string;
}

/**
 * Objects addressed by URL. An object appears whole or not at all, even if its writer dies. Every failure is a `StorageError` that names
 * the URL, or the local file if that failed.
 *
 * A key that is empty or ends in `/` names a folder. Only `list` and `listFolder` accept it; the others throw `bad-url`.
 */
export interface Storage {
  /** `undefined` if the object is missing. */
  head(url: URL): Promise<ObjectHead | undefined>;
  /** The whole object, for small ones. Throws `not-found`. */
  get(url: URL): Promise<Uint8Array>;
  put(url: URL, body: Uint8Array | string, options?: PutOptions): Promise<void>;
  /** Random access, for large ones. Throws `not-found`. */
  open(url: URL): Promise<ByteSource>;
  /**
   * All objects whose key starts with the key of `prefix` (a "folder" ends in `/`), in the order of their keys' UTF-8
   * bytes; none if the folder is missing.
   */
  list(prefix: URL): AsyncIterable<ObjectInfo>;
  /**
   * The objects and folders directly in the folder (which ends in `/`), in no order. In buckets, folders are those with an object below
   * them. Empty if the folder is missing. `start`: only names that start with it.
   */
  listFolder(folder: URL, start?: string): AsyncIterable<FolderEntry>;
  /** No error if the object is missing. */
  delete(url: URL): Promise<void>;
  /** Writes a local file to `url`, in bounded memory. Throws `not-found` if the file is missing. */
  upload(path: string, url: URL, options?: UploadOptions): Promise<void>;
  /**
   * A path for programs that read the object: the file itself if it is on this machine, or a copy in `directory` with the object's base
   * name. Throws `changed` if `etag` is given and differs.
   */
  fetch(url: URL, directory: string, etag?: string): Promise<string>;
}

/** `code` of `StorageError`. */
export type StorageErrorCode =
  'not-found' | 'exists' | 'changed' | 'denied' | 'no-space' | 'unavailable' | 'bad-url';

const KIND: Record<StorageErrorCode, FaultKind> = {
  'not-found': 'scene',
  exists: 'usage',
  changed: 'scene',
  denied: 'usage',
  'no-space': 'passing',
  unavailable: 'passing',
  'bad-url': 'usage',
};

/** Any failure of storage. */
export class StorageError extends SpotreelError {
  readonly url: URL;
  declare readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, url: URL, message: string, options?: { cause?: unknown }) {
    super(code, KIND[code], message, options);
    this.url = url;
  }
}

/**
 * A bucket's name in a URL: today's names (3 to 63 of `a-z 0-9 . -`) and those that us-east-1
 * allowed until March 2018 (up to 255, with capitals and underscores).
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/;

/** `scheme://rest`; the `s` flag because a key may hold line breaks. */
const WITH_SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*:)\/\/(.*)$/s;

/** The protocols whose URLs are `protocol//bucket/key`. */
export type BucketProtocol = 's3:' | 'memory:';

/** An object of a bucket; `key` is decoded, and empty for the bucket itself. */
export interface BucketAndKey {
  readonly bucket: string;
  readonly key: string;
}

/**
 * Reads a location as users and container commands write it: `s3://bucket/key` with the plain key, not percent-encoded (as in the AWS
 * command line), `file://…` as a true URL, or a path relative to `cwd`. Keeps a trailing `/` (a folder). Throws `StorageError` with code `bad-url`.
 */
export function parseLocation(text: string, cwd: string): URL {
  const [, scheme, rest = ''] = WITH_SCHEME.exec(text) ?? [];
  if (scheme === 's3:' || scheme === 'memory:') {
    const slash = rest.indexOf('/');
    const bucket = slash < 0 ? rest : rest.slice(0, slash);
    return keyUrl(scheme, bucket, slash < 0 ? '' : rest.slice(slash + 1));
  }
  if (scheme === 'file:') return fileUrl(filePath(parseFileUrl(text, cwd)));
  if (scheme !== undefined) {
    throw badUrl(pathToFileURL(cwd), `"${text}" is not a supported location; give s3://bucket/key or a path`);
  }
  if (text === '') throw badUrl(pathToFileURL(cwd), 'the location is empty; give s3://bucket/key or a path');
  return fileUrl(resolve(cwd, text) + (/[^/]\/$/.test(text) ? sep : ''));
}

/** The opposite of `parseLocation`: `s3://bucket/key` with the plain key, or a path for `file:`. */
export function formatLocation(url: URL): string {
  if (url.protocol === 'file:') return filePath(url);
  const { bucket, key } = bucketAndKey(url);
  return `${url.protocol}//${bucket}/${key}`;
}

/**
 * The URL below the folder `base` (with or without its trailing `/`) at the key parts `segments`, joined by `/`. They may contain `/`. A
 * last segment that ends in `/` names a folder. Throws `bad-url` for `.` and `..`, so that names in a scene cannot leave the folder.
 */
export function childUrl(base: URL, ...segments: string[]): URL {
  const key = segments.join('/');
  if (base.protocol === 'file:') {
    refuseDots(key, base);
    return fileUrl(join(filePath(base), key));
  }
  const parent = bucketAndKey(base);
  const folder = parent.key === '' || parent.key.endsWith('/') ? parent.key : `${parent.key}/`;
  return keyUrl(base.protocol === 's3:' ? 's3:' : 'memory:', parent.bucket, folder + key);
}

/** Splits a bucket's URL and decodes the key, once. Throws `bad-url`. */
export function bucketAndKey(url: URL): BucketAndKey {
  // A bare `?` or `#` would cut the key short and select another object.
  if (url.search !== '' || url.hash !== '') {
    throw badUrl(url, `${url.href} contains a bare "?" or "#"; write %3F or %23 if it is part of the key`);
  }
  try {
    return { bucket: url.host, key: decodeURIComponent(url.pathname.slice(1)) };
  } catch (error) {
    throw badUrl(url, `${url.href} is not encoded as a URL; write %25 for a percent sign`, error);
  }
}

/** The one way to make the URL of a key, so that equal keys have equal `href`. Throws `bad-url`. */
export function keyUrl(protocol: BucketProtocol, bucket: string, key: string): URL {
  const empty = () => new URL(`${protocol}//bucket/`);
  if (!BUCKET.test(bucket)) throw badUrl(empty(), `"${bucket}" is not a bucket name; give s3://bucket/key`);
  if (hasDots(key)) refuseDots(key, empty());
  try {
    return new URL(`${protocol}//${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`);
  } catch (error) {
    throw badUrl(empty(), `the key "${key}" is not valid Unicode; rename the file`, error);
  }
}

/** The path of a `file:` URL, decoded; a trailing `/` is kept. Throws `bad-url`. */
export function filePath(url: URL): string {
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (error) {
    throw badUrl(url, `${url.href} is not a path on this machine; write file:/// with three slashes`, error);
  }
  if (path.includes('\0')) throw badUrl(url, `${url.href} contains a zero byte; remove it from the path`);
  return path;
}

/** The one way to make the URL of a path, so that equal paths have equal `href`. */
export function fileUrl(path: string): URL {
  if (!isAbsolute(path)) throw new TypeError(`the path ${path} is not absolute`);
  if (path.charCodeAt(path.length - 1) > 0x1f) return pathToFileURL(path);
  // Node 20 drops control characters from the end of a path, and the URL would be another file's.
  const url = pathToFileURL(`${path}/`);
  url.pathname = url.pathname.slice(0, -1);
  return url;
}

/** Returns `url`, or throws `bad-url` if it is a folder or a bucket. */
export function requireObject(url: URL): URL {
  if (url.pathname === '' || url.pathname.endsWith('/')) {
    throw badUrl(url, `${formatLocation(url)} is a folder, not an object; add the file's name`);
  }
  return url;
}

/** Sorts as S3 lists: by the bytes of the key in UTF-8, which differs from JavaScript's order beyond U+FFFF. */
export function sortByKey<T>(items: Iterable<T>, keyOf: (item: T) => string): T[] {
  return Array.from(items, (item) => ({ item, bytes: Buffer.from(keyOf(item)) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ item }) => item);
}

/** `URL` removes `.` and `..` even if they are encoded, so no URL can address such a key. */
function refuseDots(key: string, url: URL): void {
  if (hasDots(key)) {
    throw badUrl(url, `"${key}" contains the folder "." or ".."; remove it from the key`);
  }
}

const hasDots = (key: string): boolean => /(?:^|\/)\.\.?(?:\/|$)/.test(key);

function parseFileUrl(text: string, cwd: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw badUrl(pathToFileURL(cwd), `"${text}" is not a URL: ${messageOf(error)}; give a plain path`, error);
  }
}

function badUrl(url: URL, message: string, cause?: unknown): StorageError {
  return new StorageError('bad-url', url, message, { cause });
}

/** For a write with `ifMatch` that found another version or no object. */
export function changedMeanwhile(url: URL, cause?: unknown): StorageError {
  const message = `${formatLocation(url)} was changed by another writer; read it again`;
  return new StorageError('changed', url, message, { cause });
}
