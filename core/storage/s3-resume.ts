import { createHash } from 'node:crypto';
import { appendFile, type FileHandle, mkdir, open, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import * as z from 'zod/mini';
import { awsFault } from '../aws-error';
import { mapConcurrently } from '../concurrency';
import { fileError } from './file-writes';
import { stampOf } from './hash-files';
import {
  createS3Client,
  isSystemError,
  MAX_PARTS,
  PART_SIZE,
  PARTS_AT_ONCE,
  S3Storage,
  type Target,
} from './s3-storage';
import { fileUrl, StorageError, type UploadOptions } from './storage';

/** An uploaded part, as its journal and S3 name it. */
const partSchema = z.object({
  PartNumber: z.int().check(z.positive()),
  ETag: z.string(),
  ChecksumCRC32: z.optional(z.string()),
});
type Part = z.infer<typeof partSchema>;

const startSchema = z.object({ UploadId: z.string(), stamp: z.string() });

/** The first line of a journal names the upload and its file's version, and each other line a part that S3 has. */
interface Journal {
  readonly path: string;
  readonly uploadId: string;
  /** The version of the file from which all parts are; see `stampOf`. */
  readonly stamp: string;
  readonly parts: ReadonlyMap<number, Part>;
}

/** A file that is open during its whole upload. */
interface OpenFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Its version when it was opened; see `stampOf`. */
  readonly stamp: string;
  readonly handle: FileHandle;
}

/** S3's answers if the upload was ended, or if its parts are not those of the journal. */
const GONE = new Set(['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder']);

/** Uploads that are begun for one file, if S3 ends them meanwhile. */
const MOST_STARTS = 2;

/**
 * Makes this process the only user of a folder, which it creates. It keeps its files in `lock` there. Throws if another
 * living process has the folder.
 */
export type TakeLock = (folder: string) => Promise<{ release(): void }>;

/**
 * S3 that resumes interrupted uploads of large files. It keeps a journal of each upload in a folder of this machine:
 * the upload's id, and each part's ETag. S3 compares the ETags when it joins the parts, so a resumed upload needs no
 * listing, no further permission, and no ETag that depends on the bytes alone. While another process has the journal, a
 * file is uploaded without one.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export class ResumingS3Storage extends S3Storage {
  constructor(
    client: S3Client,
    private readonly folder: string,
    private readonly takeLock: TakeLock,
  ) {
    super(client);
  }

  protected override async uploadParts(
    path: string,
    size: number,
    target: Target,
    options: UploadOptions,
  ): Promise<void> {
    const { content, onProgress } = options;
    const isConditional = target.IfNoneMatch !== undefined || target.IfMatch !== undefined;
    if (content === undefined || isConditional) return super.uploadParts(path, size, target, options);
    const identity = JSON.stringify([target.Bucket, target.Key, content, size, partSizeOf(size)]);
    const name = createHash('sha256').update(identity).digest('hex').slice(0, 32);
    const lockFolder = join(this.folder, `${name}.lock`);
    // Two processes with one upload would end it for each other. An unwritable folder has no journal to lock.
    const lock = await this.takeLock(lockFolder).catch(() => undefined);
    if (!lock) return super.uploadParts(path, size, target, options);
    try {
      const file = await openFile(path, size);
      try {
        await this.resume(file, target, join(this.folder, `${name}.parts`), onProgress);
      } finally {
        await file.handle.close();
      }
    } finally {
      lock.release();
      await removeEmpty(lockFolder);
    }
  }

  private async resume(
    file: OpenFile,
    target: Target,
    path: string,
    onProgress: UploadOptions['onProgress'],
  ): Promise<void> {
    let journal = await readJournal(path);
    if (journal && journal.stamp !== file.stamp) {
      await this.abort(target, journal.uploadId);
      journal = undefined;
    }
    for (let starts = 0; ;) {
      if (!journal) {
        journal = await this.start(target, path, file.stamp);
        starts += 1;
      }
      try {
        await this.send(file, target, journal, onProgress);
        return await rm(path, { force: true }).catch(() => undefined);
      } catch (error) {
        const isGone = GONE.has(awsFault(error).name);
        if (!isGone && !hasChanged(error))
          throw isSystemError(error) ? fileError(error, file.path, 'read') : error;
        await rm(path, { force: true }).catch(() => undefined);
        await this.abort(target, journal.uploadId);
        if (!isGone || starts === MOST_STARTS) throw error;
        journal = undefined;
      }
    }
  }

  private async start(target: Target, path: string, stamp: string): Promise<Journal> {
    const isChecked = (await this.client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
    const { UploadId } = await this.client.send(
      new CreateMultipartUploadCommand({ ...target, ...(isChecked && { ChecksumAlgorithm: 'CRC32' }) }),
    );
    if (UploadId === undefined) throw new TypeError('S3 began an upload without an id');
    // Without a journal, the upload works but cannot resume.
    await mkdir(join(path, '..'), { recursive: true })
      .then(() => writeFile(path, JSON.stringify({ UploadId, stamp }), { mode: 0o600 }))
      .catch(() => undefined);
    return { path, uploadId: UploadId, stamp, parts: new Map() };
  }

  private async send(
    file: OpenFile,
    { Bucket, Key }: Target,
    { path: journal, uploadId: UploadId, parts: before }: Journal,
    onProgress: UploadOptions['onProgress'],
  ): Promise<void> {
    const { size } = file;
    const partSize = partSizeOf(size);
    const parts = Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
      const start = index * partSize;
      return { PartNumber: index + 1, start, length: Math.min(partSize, size - start) };
    });
    const left = parts.filter(({ PartNumber }) => !before.has(PartNumber));
    const resumed = size - left.reduce((sum, { length }) => sum + length, 0);
    let done = resumed;
    if (resumed > 0) onProgress?.(done, resumed);
    const sent = await mapConcurrently(left, PARTS_AT_ONCE, async ({ PartNumber, start, length }) => {
      const Body = await readPart(file, start, length);
      const answer = await this.client.send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }),
      );
      const part: Part = {
        PartNumber,
        ETag: answer.ETag ?? '',
        ...(answer.ChecksumCRC32 !== undefined && { ChecksumCRC32: answer.ChecksumCRC32 }),
      };
      // The line break comes first, so that a line that a crash cut off spoils no other.
      await appendFile(journal, `\n${JSON.stringify(part)}`).catch(() => undefined);
      done += length;
      onProgress?.(done, resumed);
      return part;
    });
    const Parts = [...before.values(), ...sent].toSorted((a, b) => a.PartNumber - b.PartNumber);
    await this.client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
    );
  }

  /** Frees the parts of an upload that cannot be completed; most often S3 has done so. */
  private async abort({ Bucket, Key }: Target, UploadId: string): Promise<void> {
    await this.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
  }
}

/** As `createS3Storage`, with the journals of unfinished uploads in `folder`. */
export function createResumingS3Storage(folder: string, takeLock: TakeLock): ResumingS3Storage {
  return new ResumingS3Storage(createS3Client(), folder, takeLock);
}

/** Removes the folder of a released lock, unless another process uses it by now. */
async function removeEmpty(lockFolder: string): Promise<void> {
  await rmdir(join(lockFolder, 'lock')).catch(() => undefined);
  await rmdir(lockFolder).catch(() => undefined);
}

function partSizeOf(size: number): number {
  return Math.max(PART_SIZE, Math.ceil(size / MAX_PARTS));
}

/** `undefined` without a usable journal. A line that a crash cut off is a part that is sent again. */
async function readJournal(path: string): Promise<Journal | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [first, ...others] = text.split('\n').map(parsed);
  const start = startSchema.safeParse(first);
  if (!start.success) return undefined;
  const parts = others.flatMap((other) => {
    const part = partSchema.safeParse(other);
    return part.success ? [[part.data.PartNumber, part.data] as const] : [];
  });
  const { UploadId: uploadId, stamp } = start.data;
  return { path, uploadId, stamp, parts: new Map(parts) };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function openFile(path: string, size: number): Promise<OpenFile> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw fileError(error, path, 'read');
  });
  try {
    const stats = await handle.stat({ bigint: true });
    if (Number(stats.size) !== size) throw changed(path);
    return { path, size, stamp: stampOf(stats), handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws `changed` unless the part is of the version that was opened. */
async function readPart({ path, stamp, handle }: OpenFile, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, start + filled);
    if (bytesRead === 0) throw changed(path);
    filled += bytesRead;
  }
  if (stampOf(await handle.stat({ bigint: true })) !== stamp) throw changed(path);
  return bytes;
}

function changed(path: string): StorageError {
  const message = `${path} changed during its upload: submit again once it stays the same`;
  return new StorageError('changed', fileUrl(path), message);
}

function hasChanged(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'changed';
}
