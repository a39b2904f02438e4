import { basename } from 'node:path';
import { hasContentOf } from '../core/content-etag';
import { SUBMITTED_FOLDER } from '../core/contract/upload-key';
import { SpotreelError } from '../core/errors';
import { mapConcurrently } from '../core/map-concurrently';
import { childUrl, filePath, formatLocation } from '../core/storage/location';
import type { ObjectHead, Storage } from '../core/storage/storage';
import type { Meter, Reading } from './meter';
import { formatSeconds } from '../core/format-seconds';

/** Hex digits of a file's hash in its folder's name: enough that no two files of a bucket meet. */
const HASH_DIGITS = 16;

/** Files that are asked for at a time, and uploaded at a time; large ones go in several parts at a time besides. */
const ASKED_AT_ONCE = 16;
const UPLOADED_AT_ONCE = 4;

/** Files whose content is compared with an object's at a time. */
const HASHED_AT_ONCE = 2;

/** Where an upload tells how it goes; `now` in milliseconds. */
export interface UploadView {
  readonly say: (text: string) => void;
  readonly meter: Meter;
  readonly now: () => number;
}

interface Upload {
  readonly file: ObjectHead;
  readonly target: URL;
}

/**
 * The files of this machine in the bucket, in the same order. Each lies in a folder that its content names: what is there
 * already is not uploaded again, whichever project it came with, and nothing is ever written over that a running render reads. Whoever may
 * write to the bucket can put other bytes there, and those are uploaded again. All lie two
 * folders below the uploads, where an object starts nothing by itself: whoever uploads it this way submits it too.
 */
export async function uploadFiles(
  files: readonly ObjectHead[],
  uploads: URL,
  storage: Storage,
  { say, meter, now }: UploadView,
): Promise<ObjectHead[]> {
  const wanted = files.map((file) => ({ file, target: targetOf(file, uploads) }));
  const before = await mapConcurrently(wanted, ASKED_AT_ONCE, ({ target }) => storage.head(target));
  const there = await mapConcurrently(
    wanted.map((upload, index) => ({ upload, head: before[index] })),
    HASHED_AT_ONCE,
    async ({ upload, head }) => (head && (await isContent(head, upload)) ? head : undefined),
  );
  // The same file under two paths is one object.
  const missing = [
    ...new Map(
      wanted.filter((_, index) => !there[index]).map((upload) => [upload.target.href, upload]),
    ).values(),
  ];
  say(announcement(wanted, missing));
  const began = now();
  const total = missing.reduce((sum, { file }) => sum + file.size, 0);
  const arrived = new Map<string, number>();
  const arrive = (href: string, bytes: number): void => {
    arrived.set(href, bytes);
    const done = [...arrived.values()].reduce((sum, part) => sum + part, 0);
    // What is there at once has no progress to show.
    if (done < total) meter.show(readingOf(done, total, (now() - began) / 1000));
  };
  try {
    await mapConcurrently(missing, UPLOADED_AT_ONCE, ({ file, target }) =>
      storage.upload(filePath(file.url), target, { onProgress: (bytes) => arrive(target.href, bytes) }),
    );
  } finally {
    if (missing.length > 0) meter.stop();
  }
  const pairs = wanted.map((upload, index) => ({ upload, kept: there[index], other: before[index] }));
  return mapConcurrently(pairs, ASKED_AT_ONCE, async ({ upload, kept, other }) => {
    const head = kept ?? (await storage.head(upload.target));
    const isNew = head?.size === upload.file.size && (head === kept || isWritten(head, other));
    if (head && isNew) return head;
    throw uploadLost(upload);
  });
}

function targetOf({ url, etag }: ObjectHead, uploads: URL): URL {
  return childUrl(uploads, SUBMITTED_FOLDER, etag.slice(0, HASH_DIGITS), basename(filePath(url)));
}

/** Whether an object holds the bytes of the file. An object that a KMS key encrypts has no comparable ETag and counts as another one. */
async function isContent({ size, etag }: ObjectHead, { file }: Upload): Promise<boolean> {
  return size === file.size && (etag === file.etag || (await hasContentOf(filePath(file.url), etag)));
}

/** Whether an object has been written since it was `other`. */
function isWritten({ etag, lastModified }: ObjectHead, other: ObjectHead | undefined): boolean {
  return etag !== other?.etag || lastModified > other.lastModified;
}

function announcement(wanted: readonly Upload[], missing: readonly Upload[]): string {
  const [only] = wanted;
  if (wanted.length === 1 && only) {
    const to = formatLocation(only.target);
    const { url, size } = only.file;
    return missing.length === 0
      ? `${to} is there already`
      : `uploading ${filePath(url)} (${formatMebibytes(size)}) to ${to}`;
  }
  const bytes = missing.reduce((sum, { file }) => sum + file.size, 0);
  const kept = wanted.length - missing.length;
  if (missing.length === 0) return `all ${wanted.length} files are there already`;
  const rest = kept > 0 ? `; ${kept} are there already` : '';
  return `uploading ${missing.length} ${missing.length === 1 ? 'file' : 'files'} (${formatMebibytes(bytes)})${rest}`;
}

function uploadLost({ file, target }: Upload): SpotreelError {
  const message = `${formatLocation(target)} is not what was uploaded from ${filePath(file.url)}; submit again`;
  return new SpotreelError('upload-lost', 'passing', message);
}

/** How far an upload is that has gone on for so many seconds. */
export function readingOf(done: number, total: number, seconds: number): Reading {
  const left = done > 0 ? `about ${formatSeconds(((total - done) / done) * seconds)} left` : '';
  return { total, done, count: `${formatMebibytes(done)} of ${formatMebibytes(total)}`, note: left };
}

export function formatMebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
