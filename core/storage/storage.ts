import { SpotreelError, type FaultKind } from '../errors';

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
