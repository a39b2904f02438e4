import { isAbsolute, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type FaultKind, messageOf, SpotreelError } from '../errors';

/**
 * Random access to the bytes of one version of one object. Reads past the end are short, never an error.
 * The source is pinned to the version that was opened: when the object changes meanwhile, `read` throws a
 * `StorageError` with code `changed` (or, on a disk, goes on reading the opened file).
 */
export interface ByteSource {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  /** Of the version that was opened; absent where it would have to be computed from all bytes (disks). */
  readonly etag?: string | undefined;
  /**
   * `length` bytes from `offset`, fewer at the end of the object. `room`, of that length at least, is where they may be
   * put, and then what is answered is a part of it: who reads again and again so takes no memory for each time.
   */
  read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What a listing tells of an object. */
export interface ObjectInfo {
  readonly url: URL;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /** As `head` gives it, where the listing tells it: not on a disk, which would have to read all bytes for it. */
  readonly etag?: string | undefined;
}

/** An entry of a folder: an object, or, without one, a folder. */
export interface FolderEntry {
  /** Within the folder, without a slash. */
  readonly name: string;
  readonly object?: ObjectInfo;
  /** On a disk, why it is neither a readable file nor a folder, such as `is a link that leads nowhere`. */
  readonly fault?: string;
}

/** What `head` tells of an object. */
export interface ObjectHead extends ObjectInfo {
  /**
   * Changes when the bytes change; without quotes. MD5 of the bytes for disks and small S3 objects. On S3 the same
   * bytes get another one when they come in other parts (above 8 MiB) or are encrypted with a KMS key.
   */
  readonly etag: string;
  /** What its writer noted about it, keys in lower case. Disks keep none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** How an object is written. `ifAbsent` and `ifMatch` exclude each other. */
export interface PutOptions {
  /** Write only if nothing is there yet; otherwise `StorageError` with code `exists`. */
  readonly ifAbsent?: boolean;
  /**
   * Write only over the version with this ETag. Otherwise, and where there is nothing, `StorageError` with code
   * `changed`. Of several such writers exactly one wins, and the others may be told `changed` a moment early.
   */
  readonly ifMatch?: string;
  /** On a disk: written through to it before this ends, so that it survives a power cut. S3 does so in any case. */
  readonly durable?: boolean;
  readonly contentType?: string;
  /** S3 allows 2 KB of US-ASCII in all. Disks do not keep it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** How a file is uploaded. */
export interface UploadOptions extends PutOptions {
  /** Told how many bytes have arrived so far; at the end, of all of them. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Objects addressed by URL. An object appears whole or not at all, whatever dies while it is written.
 * Every failure is a `StorageError` that names the URL, or the local file where that is what failed.
 *
 * A key that is empty or ends in `/` names a folder: only `list` takes it, the others throw `bad-url`.
 */
export interface Storage {
  /** `undefined` when there is no such object. */
  head(url: URL): Promise<ObjectHead | undefined>;
  /** The whole object, for small ones. Throws `not-found`. */
  get(url: URL): Promise<Uint8Array>;
  put(url: URL, body: Uint8Array | string, options?: PutOptions): Promise<void>;
  /** Random access, for large ones. Throws `not-found`. */
  open(url: URL): Promise<ByteSource>;
  /**
   * All objects whose key starts with the key of `prefix` (a "folder" ends in `/`), in the order of their keys' UTF-8
   * bytes; none where there is no such folder.
   */
  list(prefix: URL): AsyncIterable<ObjectInfo>;
  /**
   * What lies in the folder (which ends in `/`) itself, in no order: its objects, and the folders in it, in buckets those
   * with an object below them. Nothing where there is no such folder.
   */
  listFolder(folder: URL): AsyncIterable<FolderEntry>;
  /** No error when there is nothing to delete. */
  delete(url: URL): Promise<void>;
  /** Writes a local file to `url`, in bounded memory. Throws `not-found` when there is no such file. */
  upload(path: string, url: URL, options?: UploadOptions): Promise<void>;
  /**
   * A path at which programs can read the object: the file itself where it already lies on this machine,
   * else a copy in `directory` under the object's own base name. `etag` asks for that version; another one
   * throws `changed`.
   */
  fetch(url: URL, directory: string, etag?: string): Promise<string>;
}

/** Reasons for which storage fails; `code` of `StorageError`. */
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
 * A bucket's name as it may stand in a URL: today's names (3 to 63 of `a-z 0-9 . -`) and those that us-east-1
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
 * Reads a location as a person or a container command writes it: `s3://bucket/key` with the key as it is, never
 * percent-encoded (as the AWS command line takes it), `file://…` as a true URL, or a plain path, relative to `cwd`.
 * A trailing `/` (a folder) is kept. Throws `StorageError` with code `bad-url`.
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
    throw badUrl(
      pathToFileURL(cwd),
      `"${text}" is no location that can be used: give s3://bucket/key or a path`,
    );
  }
  if (text === '') throw badUrl(pathToFileURL(cwd), 'the location is empty: give s3://bucket/key or a path');
  return fileUrl(resolve(cwd, text) + (/[^/]\/$/.test(text) ? sep : ''));
}

/** The opposite of `parseLocation`: `s3://bucket/key` with the key as it is, or a plain path for `file:`. */
export function formatLocation(url: URL): string {
  if (url.protocol === 'file:') return filePath(url);
  const { bucket, key } = bucketAndKey(url);
  return `${url.protocol}//${bucket}/${key}`;
}

/**
 * The URL below the folder `base` (with or without its trailing `/`) at the key parts `segments`, which are joined
 * by `/` and may hold `/` themselves. A last segment that ends in `/` names a folder. Throws `bad-url` for `.` and
 * `..`, so that what a scene names can't lead out of the folder.
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

/** Takes an `s3:` or `memory:` URL apart and decodes the key, once. Throws `bad-url`. */
export function bucketAndKey(url: URL): BucketAndKey {
  // A key with a bare `?` or `#` would be cut short here, and another object be read or written.
  if (url.search !== '' || url.hash !== '') {
    throw badUrl(
      url,
      `${url.href} holds a bare "?" or "#": write %3F or %23 for one that is part of the key`,
    );
  }
  try {
    return { bucket: url.host, key: decodeURIComponent(url.pathname.slice(1)) };
  } catch (error) {
    throw badUrl(url, `${url.href} is not encoded as a URL: write %25 for a percent sign`, error);
  }
}

/** The one way to make the URL of a key, so that equal keys have equal `href`. Throws `bad-url`. */
export function keyUrl(protocol: BucketProtocol, bucket: string, key: string): URL {
  const empty = new URL(`${protocol}//bucket/`);
  if (!BUCKET.test(bucket))
    throw badUrl(empty, `"${bucket}" is no bucket name: give ${protocol}//bucket/key`);
  refuseDots(key, empty);
  try {
    return new URL(`${protocol}//${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`);
  } catch (error) {
    throw badUrl(empty, `the key "${key}" is no valid Unicode text: rename the file`, error);
  }
}

/** The path of a `file:` URL, decoded; a trailing `/` is kept. Throws `bad-url`. */
export function filePath(url: URL): string {
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (error) {
    throw badUrl(url, `${url.href} is no path on this machine: write file:/// with three slashes`, error);
  }
  if (path.includes('\0'))
    throw badUrl(url, `${url.href} holds a zero byte, which no path may: mend the path`);
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

/** Hands `url` back if it can name an object, and throws `bad-url` if it names a folder or a bucket. */
export function requireObject(url: URL): URL {
  if (url.pathname === '' || url.pathname.endsWith('/')) {
    throw badUrl(url, `${formatLocation(url)} names a folder where an object is wanted: add the file's name`);
  }
  return url;
}

/** Sorts as S3 lists: by the bytes of the key in UTF-8, which differs from JavaScript's order beyond U+FFFF. */
export function sortByKey<T>(items: Iterable<T>, keyOf: (item: T) => string): T[] {
  return Array.from(items, (item) => ({ item, bytes: Buffer.from(keyOf(item)) }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ item }) => item);
}

/** `URL` folds `.` and `..` away even when encoded, so a key that holds them can't be addressed at all. */
function refuseDots(key: string, url: URL): void {
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw badUrl(url, `"${key}" holds a "." or ".." as a folder: give the key without it`);
  }
}

function parseFileUrl(text: string, cwd: string): URL {
  try {
    return new URL(text);
  } catch (error) {
    throw badUrl(pathToFileURL(cwd), `"${text}" is no URL (${messageOf(error)}): give a plain path`, error);
  }
}

function badUrl(url: URL, message: string, cause?: unknown): StorageError {
  return new StorageError('bad-url', url, message, { cause });
}

/** A write with `ifMatch` that found another version than the wanted one, or none. */
export function changedMeanwhile(url: URL, cause?: unknown): StorageError {
  const message = `${formatLocation(url)} was changed by another writer meanwhile: read it again`;
  return new StorageError('changed', url, message, { cause });
}
