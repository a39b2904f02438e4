import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { mapConcurrently } from '../../core/concurrency';
import { SpotreelError } from '../../core/errors';
import { SUBMITTED_FOLDER } from '../../core/render/keys';
import type { FoundFile } from '../../core/scene/project/find-files';
import { hashFiles, stampOf } from '../../core/storage/hash-files';
import { QuickDisk } from '../../core/storage/quick-files';
import { hasContentOf } from '../../core/storage/s3-reads';
import {
  childUrl,
  filePath,
  fileUrl,
  formatLocation,
  type ObjectHead,
  type Storage,
  StorageError,
} from '../../core/storage/storage';
import { formatSeconds } from '../../core/text';
import { findUploaded } from './find-uploaded';
import type { Meter, Reading } from '../output';
import { UploadRecord } from './upload-record';

/** Hex digits of a file's hash in its folder name; collisions are practically impossible. */
const HASH_DIGITS = 16;

/** Files that are uploaded at a time. Large ones use several parallel parts each. */
const SMALL_AT_ONCE = 16;
const LARGE_AT_ONCE = 4;
const LARGE_BYTES = 1024 * 1024;

/** Files whose properties are read at a time. */
const ASKED_AT_ONCE = 16;

/** Files that are compared with objects at a time. */
const HASHED_AT_ONCE = 2;

/** As many bytes as a file takes as long as its request, for the remaining time. */
const BYTES_OF_REQUEST = 64 * 1024;

/** Progress of what takes less time is not shown. */
const QUIET_SECONDS = 2;

/** Where an upload shows its progress; `now` in milliseconds. */
export interface UploadView {
  readonly say: (text: string) => void;
  readonly meter: Meter;
  readonly now: () => number;
  /**
   * The folder where this machine keeps what it knows of uploaded files; see `cacheFolder`.
   * @default - nothing is kept: each file is read again
   */
  readonly cache?: string | undefined;
}

/** Milliseconds after which an early look at the bucket no longer counts: a question or test frames take longer. */
const EARLY_MS = 60_000;

/** An upload that has not sent anything yet. */
export interface BegunUpload {
  readonly record: UploadRecord;
  /** When it began; see `UploadView.now`. */
  readonly at: number;
  /** Objects of the last upload that the bucket still has, by `href`. */
  readonly early: Promise<ReadonlyMap<string, ObjectHead>>;
}

/** Starts to look for the objects of the scene's last upload, while the scene is examined. */
export function beginUpload(
  scene: Pick<ObjectHead, 'url' | 'etag'>,
  uploads: URL,
  storage: Storage,
  { cache, now }: Pick<UploadView, 'cache' | 'now'>,
): BegunUpload {
  const at = now();
  const record = UploadRecord.open(cache, filePath(scene.url));
  const files = record.lastFiles
    .map(([path, etag]) => ({ url: fileUrl(path), etag }))
    .filter(({ url }) => url.href !== scene.url.href);
  const urls = files.length === 0 ? [] : [scene, ...files].map((file) => targetOf(file, uploads));
  // A fault appears again when the upload asks.
  const early = findUploaded(urls, uploads, storage).catch(() => new Map<string, ObjectHead>());
  return { record, at, early };
}

const NOTHING_BEGUN: BegunUpload = {
  record: UploadRecord.open(undefined, ''),
  at: 0,
  early: Promise.resolve(new Map()),
};

interface Upload {
  readonly file: ObjectHead;
  readonly target: URL;
}

/**
 * Uploads local files and returns their objects in the same order. Folders are named by content, so stored files are
 * not uploaded again and no object that a render reads is overwritten. Objects whose content differs from their name
 * are replaced. Objects two folders below the uploads start no render by themselves.
 */
export async function uploadFiles(
  files: readonly ObjectHead[],
  uploads: URL,
  storage: Storage,
  { say, meter, now }: UploadView,
  { record, at, early }: BegunUpload = NOTHING_BEGUN,
): Promise<ObjectHead[]> {
  const wanted = files.map((file) => ({ file, target: targetOf(file, uploads) }));
  const before = new Map(now() - at > EARLY_MS ? [] : await early);
  const unseen = wanted.map(({ target }) => target).filter(({ href }) => !before.has(href));
  for (const [href, head] of await findUploaded(unseen, uploads, storage)) before.set(href, head);
  const kept = await mapConcurrently(wanted, HASHED_AT_ONCE, async (upload) => {
    const head = before.get(upload.target.href);
    return head && (await isContent(head, upload, record)) ? head : undefined;
  });
  // The same file under two paths is one object.
  const missing = [
    ...new Map(
      wanted.filter((_, index) => !kept[index]).map((upload) => [upload.target.href, upload]),
    ).values(),
  ];
  say(announcement(wanted, missing));
  await send(missing, storage, { meter, now });
  const after = await findUploaded(
    missing.map(({ target }) => target),
    uploads,
    storage,
  );
  for (const upload of missing) {
    const head = after.get(upload.target.href);
    if (head && head.etag !== upload.file.etag && (await isNoted(upload.file, record)))
      record.noteObject(head, upload.file.etag);
  }
  return wanted.map((upload, index) => {
    const { href } = upload.target;
    const head = kept[index] ?? after.get(href);
    const isNew = head?.size === upload.file.size && (kept[index] || isWritten(head, before.get(href)));
    if (head && isNew) return head;
    throw uploadLost(upload);
  });
}

/** Uploads files, the small ones first, because each of them takes as long as its request. */
async function send(
  uploads: readonly Upload[],
  storage: Storage,
  { meter, now }: Pick<UploadView, 'meter' | 'now'>,
): Promise<void> {
  if (uploads.length === 0) return;
  const began = now();
  const total = amountOf(uploads.map(({ file }) => file));
  const done = { files: 0, bytes: 0, resumed: 0 };
  const isLarge = ({ file }: Upload): boolean => file.size > LARGE_BYTES;
  const sendOne = async ({ file, target }: Upload): Promise<void> => {
    let [sent, skipped] = [0, 0];
    const arrive = (bytes: number, resumed = 0): void => {
      done.bytes += bytes - sent;
      done.resumed += resumed - skipped;
      [sent, skipped] = [bytes, resumed];
      if (bytes === file.size) done.files += 1;
      // Stored files need no progress.
      if (done.files < total.files) meter.show(uploadReading(done, total, (now() - began) / 1000));
    };
    await storage.upload(filePath(file.url), target, { content: file.etag, onProgress: arrive });
  };
  try {
    const isSmall = (upload: Upload): boolean => !isLarge(upload);
    await mapConcurrently(uploads.filter(isSmall), SMALL_AT_ONCE, sendOne);
    await mapConcurrently(uploads.filter(isLarge), LARGE_AT_ONCE, sendOne);
  } finally {
    meter.stop();
  }
}

function amountOf(files: ReadonlyArray<{ readonly size: number }>): Amount {
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}

/** Whether the file still is the version that the record has. */
async function isNoted({ url, etag }: ObjectHead, record: UploadRecord): Promise<boolean> {
  const stats = await stat(filePath(url), { bigint: true }).catch(() => undefined);
  return stats !== undefined && record.md5Of(filePath(url), stampOf(stats)) === etag;
}

function targetOf({ url, etag }: Pick<ObjectHead, 'url' | 'etag'>, uploads: URL): URL {
  return childUrl(uploads, SUBMITTED_FOLDER, etag.slice(0, HASH_DIGITS), basename(filePath(url)));
}

/**
 * Whether an object has the content of the file. The ETag of an object that is encrypted with a KMS key proves nothing.
 * Such an object counts as different, unless this machine uploaded it.
 */
async function isContent(head: ObjectHead, { file }: Upload, record: UploadRecord): Promise<boolean> {
  if (head.size !== file.size) return false;
  if (head.etag === file.etag || record.hasContent(head, file.etag)) return true;
  if (!(await hasContentOf(filePath(file.url), head.etag))) return false;
  record.noteObject(head, file.etag);
  return true;
}

/** Whether an object was written since it was `other`. */
function isWritten({ etag, lastModified }: ObjectHead, other: ObjectHead | undefined): boolean {
  return etag !== other?.etag || lastModified > other.lastModified;
}

function announcement(wanted: readonly Upload[], missing: readonly Upload[]): string {
  const [only] = wanted;
  if (wanted.length === 1 && only) {
    const to = formatLocation(only.target);
    const { url, size } = only.file;
    return missing.length === 0
      ? `${to} is already uploaded`
      : `uploading ${filePath(url)} (${formatMebibytes(size)}) to ${to}`;
  }
  const bytes = missing.reduce((sum, { file }) => sum + file.size, 0);
  const kept = wanted.length - missing.length;
  if (missing.length === 0) return `all ${wanted.length} files are already uploaded`;
  const rest = kept > 0 ? `; ${kept} are already uploaded` : '';
  return `uploading ${missing.length} ${missing.length === 1 ? 'file' : 'files'} (${formatMebibytes(bytes)})${rest}`;
}

function uploadLost({ file, target }: Upload): SpotreelError {
  const message = `${formatLocation(target)} no longer matches ${filePath(file.url)}; submit again`;
  return new SpotreelError('upload-lost', 'passing', message);
}

/** Files and their bytes. */
interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/** The progress after so many seconds, of which `resumed` bytes took none. */
export function uploadReading(
  { resumed = 0, ...done }: Amount & { readonly resumed?: number },
  total: Amount,
  seconds: number,
): Reading {
  const workOf = ({ files, bytes }: Amount): number => bytes + files * BYTES_OF_REQUEST;
  const [worked, all] = [workOf(done), workOf(total)];
  const speed = (worked - resumed) / seconds;
  const left = speed > 0 ? `about ${formatSeconds((all - worked) / speed)} left` : '';
  const files = total.files === 1 ? '' : `${done.files} of ${total.files} files, `;
  const count = `${files}${formatMebibytes(done.bytes)} of ${formatMebibytes(total.bytes)}`;
  return { total: all, done: worked, count, note: left };
}

export function formatMebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** Local files with their MD5. Hashes the files that the record does not have in this version. */
export async function headsOf(
  files: ReadonlyArray<Pick<FoundFile, 'url' | 'size' | 'modified'>>,
  record: UploadRecord,
  { meter, now }: UploadView,
): Promise<ObjectHead[]> {
  const disk = new QuickDisk();
  const known = await mapConcurrently(files, ASKED_AT_ONCE, async ({ url }) => {
    const path = filePath(url);
    const stats = await disk.stats(path);
    if (!stats?.isFile()) return undefined;
    const etag = record.md5Of(path, stampOf(stats));
    return etag === undefined
      ? undefined
      : { url, size: Number(stats.size), lastModified: stats.mtime, etag };
  });
  const unknown = files.filter((_, index) => !known[index]);
  const began = now();
  const total = amountOf(unknown);
  const done = { files: 0, bytes: 0 };
  const toHash = unknown.map(({ url, size }) => ({ path: filePath(url), size }));
  const hashed = await hashFiles(toHash, (count, bytes) => {
    [done.files, done.bytes] = [done.files + count, done.bytes + bytes];
    const seconds = (now() - began) / 1000;
    if (seconds < QUIET_SECONDS || done.files === total.files) return;
    const reading = uploadReading(done, total, seconds);
    meter.show({ ...reading, count: `read ${reading.count}` });
  });
  meter.stop();
  const fresh = hashed.values();
  return files.map(({ url, modified }, index) => {
    const head = known[index];
    if (head) return head;
    const file = fresh.next().value;
    if (!file) throw disappeared(url);
    if (file.stamp !== undefined) record.noteFile(filePath(url), file.stamp, file.md5);
    return { url, size: file.size, lastModified: new Date(modified), etag: file.md5 };
  });
}

function disappeared(url: URL): StorageError {
  const message = `${formatLocation(url)} disappeared during the upload: restore it and submit again`;
  return new StorageError('not-found', url, message);
}
