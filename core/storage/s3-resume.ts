import { createHash } from 'node:crypto';
import { appendFile, type FileHandle, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
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

const startSchema = z.object({ UploadId: z.string() });

/** The first line of a journal names the upload, and each other line a part that S3 has. */
interface Journal {
  readonly path: string;
  readonly uploadId: string;
  readonly parts: ReadonlyMap<number, Part>;
}

/** S3's answers if the upload was aborted, or if its parts are not those of the journal. */
const GONE = new Set(['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder']);

/**
 * S3 that resumes interrupted uploads of large files. It keeps a journal of each upload in a folder of this machine:
 * the upload's id, and each part's ETag. S3 compares the ETags when it joins the parts, so a resumed upload needs no
 * listing, no further permission, and no ETag that depends on the bytes alone.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export class ResumingS3Storage extends S3Storage {
  constructor(
    client: S3Client,
    private readonly folder: string,
  ) {
    super(client);
  }

  protected override async uploadParts(
    path: string,
    size: number,
    target: Target,
    options: UploadOptions,
  ): Promise<void> {
    const { content } = options;
    const isConditional = target.IfNoneMatch !== undefined || target.IfMatch !== undefined;
    if (content === undefined || isConditional) return super.uploadParts(path, size, target, options);
    const identity = JSON.stringify([target.Bucket, target.Key, content, size, partSizeOf(size)]);
    const name = `${createHash('sha256').update(identity).digest('hex').slice(0, 32)}.parts`;
    const journal = join(this.folder, name);
    const before = await readJournal(journal);
    try {
      if (before) return await this.send(path, size, target, before, options.onProgress);
    } catch (error) {
      if (!GONE.has(awsFault(error).name)) throw error;
      await this.abort(target, before!.uploadId);
    }
    const started = await this.start(target, journal);
    return this.send(path, size, target, started, options.onProgress);
  }

  private async start(target: Target, path: string): Promise<Journal> {
    const isChecked = (await this.client.config.requestChecksumCalculation()) === 'WHEN_SUPPORTED';
    const { UploadId } = await this.client.send(
      new CreateMultipartUploadCommand({ ...target, ...(isChecked && { ChecksumAlgorithm: 'CRC32' }) }),
    );
    if (UploadId === undefined) throw new TypeError('S3 began an upload without an id');
    // Without a journal, the upload works but cannot resume.
    await mkdir(join(path, '..'), { recursive: true })
      .then(() => writeFile(path, JSON.stringify({ UploadId }), { mode: 0o600 }))
      .catch(() => undefined);
    return { path, uploadId: UploadId, parts: new Map() };
  }

  private async send(
    path: string,
    size: number,
    { Bucket, Key }: Target,
    { path: journal, uploadId: UploadId, parts: before }: Journal,
    onProgress: UploadOptions['onProgress'],
  ): Promise<void> {
    const partSize = partSizeOf(size);
    const parts = Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
      const start = index * partSize;
      return { PartNumber: index + 1, start, length: Math.min(partSize, size - start) };
    });
    const left = parts.filter(({ PartNumber }) => !before.has(PartNumber));
    const resumed = size - left.reduce((sum, { length }) => sum + length, 0);
    let done = resumed;
    if (resumed > 0) onProgress?.(done, resumed);
    const file = await open(path, 'r').catch((error: unknown) => {
      throw fileError(error, path, 'read');
    });
    try {
      const sent = await mapConcurrently(left, PARTS_AT_ONCE, async ({ PartNumber, start, length }) => {
        const Body = await readPart(file, start, length, path);
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
    } catch (error) {
      throw isSystemError(error) ? fileError(error, path, 'read') : error;
    } finally {
      await file.close();
    }
    await rm(journal, { force: true }).catch(() => undefined);
  }

  /** Frees the parts of an upload that cannot be completed; most often S3 has done so. */
  private async abort({ Bucket, Key }: Target, UploadId: string): Promise<void> {
    await this.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => undefined);
  }
}

/** As `createS3Storage`, with the journals of unfinished uploads in `folder`. */
export function createResumingS3Storage(folder: string): ResumingS3Storage {
  return new ResumingS3Storage(createS3Client(), folder);
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
  return { path, uploadId: start.data.UploadId, parts: new Map(parts) };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

async function readPart(file: FileHandle, start: number, length: number, path: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, start + filled);
    if (bytesRead === 0) {
      const message = `${path} was cut off during its upload; submit again`;
      throw new StorageError('changed', fileUrl(path), message);
    }
    filled += bytesRead;
  }
  return bytes;
}
