import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { awsFault, type AwsFault, type AwsFaultKind, describeAwsFault } from '../aws-error';
import { fileError } from './file-writes';
import { bucketAndKey, formatLocation, StorageError, type StorageErrorCode } from './storage';

/** For each meaning in the table of AWS errors. */
const CODES: Readonly<Record<AwsFaultKind, StorageErrorCode>> = {
  'no-credentials': 'unavailable', // On an AWS machine this can pass.
  'expired-credentials': 'denied',
  'wrong-region': 'denied',
  'key-too-long': 'bad-url',
  denied: 'denied',
  missing: 'not-found',
  changed: 'changed',
  throttled: 'unavailable',
  refused: 'unavailable',
  unavailable: 'unavailable',
};

/**
 * The `StorageError` for a failed request; returns a `StorageError` as it is. A failed condition (412) is `changed`, as conditional
 * reads mean it.
 */
export function s3Error(error: unknown, url: URL): StorageError {
  if (error instanceof StorageError) return error;
  const fault = awsFault(error);
  return new StorageError(CODES[fault.kind], url, wording(fault, url, error), { cause: error });
}

/** For a failed `ifAbsent`: another writer's object is at `url`. */
export function s3Exists(url: URL, cause?: unknown): StorageError {
  const message = `${formatLocation(url)} already exists; choose another name or delete it`;
  return new StorageError('exists', url, message, { cause });
}

function wording({ kind, name }: AwsFault, url: URL, error: unknown): string {
  const place = formatLocation(url);
  const { bucket } = bucketAndKey(url);
  if (name === 'NoSuchBucket')
    return `bucket "${bucket}" of ${place} does not exist; check its name and the AWS account`;
  if (kind === 'missing') return `${place} does not exist; check the key and that bucket "${bucket}" exists`;
  if (kind === 'changed')
    return `${place} was changed since the render was submitted; submit it again to render it as it is now`;
  return describeAwsFault(error, `S3 request for ${place}`, {
    denied: `check the credentials and the policies of bucket "${bucket}"; without s3:ListBucket, S3 denies missing objects, too`,
    'wrong-region': `set AWS_REGION to the region of bucket "${bucket}"`,
    refused: 'try again',
  });
}

/** Answers that broke off while their body was read, which the SDK does not repeat, before it counts as a failure. */
const MAX_BROKEN_BODIES = 3;

/** The part of an object that is wanted, and of which version: headers of GetObject. */
export interface PartOfObject {
  readonly Range?: string;
  readonly IfMatch?: string;
}

/** What is looked at of GetObject's answer. */
interface BodyAnswer {
  readonly Body?: unknown;
  readonly ContentLength?: number;
  readonly ETag?: string;
}

/** Sends GetObject; what it throws is a `StorageError` already. */
export type GetPart = (part: PartOfObject) => Promise<BodyAnswer>;

/** The whole body in memory (in `room`, where it fits), asked for again when it breaks off or comes short. */
export async function readBody(
  url: URL,
  getPart: GetPart,
  part: PartOfObject,
  room?: Uint8Array,
): Promise<Uint8Array> {
  for (let broken = 1; ; broken += 1) {
    const answer = await getPart(part);
    try {
      const { ContentLength: expected = 0 } = answer;
      const bytes = room?.length === expected ? room : Buffer.alloc(expected);
      let filled = 0;
      for await (const chunk of streamOf(answer)) {
        if (filled + chunk.length <= expected) bytes.set(chunk, filled);
        filled += chunk.length;
      }
      if (filled === answer.ContentLength) return bytes;
      throw new Error(`${filled} of ${answer.ContentLength} bytes came`);
    } catch (error) {
      if (broken === MAX_BROKEN_BODIES) throw s3Error(error, url);
    }
  }
}

/**
 * Streams an object into the file `partialPath`, which is to become `path`. When the connection breaks it goes on
 * behind what it has, in the same version; it gives up after three answers in a row that brought nothing.
 */
export async function downloadBody(
  url: URL,
  getPart: GetPart,
  part: PartOfObject,
  partialPath: string,
  path: string,
): Promise<void> {
  const file = await open(partialPath, 'w');
  try {
    let answer = await getPart(part);
    const { ETag, ContentLength: size = 0 } = answer;
    let written = 0;
    let fruitless = 0;
    for (;;) {
      fruitless += 1;
      try {
        for await (const chunk of streamOf(answer)) {
          await append(file, chunk, path);
          written += chunk.length;
          fruitless = 0;
        }
        if (written === size) return;
        throw new Error(`${written} of ${size} bytes came`);
      } catch (error) {
        // A full disk is no broken connection.
        if (error instanceof StorageError) throw error;
        // At the full length it is the checksum that failed, and going on can't mend that.
        if (fruitless === MAX_BROKEN_BODIES || written >= size) throw s3Error(error, url);
      }
      answer = await getPart({ Range: `bytes=${written}-`, IfMatch: ETag });
    }
  } finally {
    await file.close();
  }
}

/** The body as it comes on Node; in a browser it would be another kind of stream. */
function streamOf({ Body }: BodyAnswer): AsyncIterable<Uint8Array> {
  if (Body instanceof Readable) return Body;
  throw new TypeError('the answer of S3 has no stream');
}

async function append(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  await file.writeFile(bytes).catch((error: unknown) => {
    throw fileError(error, path, 'write');
  });
}

const MIB = 1024 * 1024;

/** Bytes read at once. */
const CHUNK = MIB;

/**
 * Sizes in which programs cut large uploads into parts, in MiB: Spotreel, the AWS command line and its SDKs for Python and
 * Java (8), other SDKs and rclone (5), s3cmd (15), and round ones.
 */
const PART_SIZES = [8, 5, 16, 15, 10, 32, 50, 64, 100, 128, 256, 512];

/** Parts that an upload may have. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MOST_PARTS = 10_000;

/**
 * Whether the file's bytes are those that S3 gave `etag` (without quotes): their MD5, or, of an upload in parts, the MD5 of
 * the parts' MD5s, where the parts had one of the usual sizes. Of other uploads, and of those encrypted by a KMS key, the ETag
 * says nothing about the bytes, and the answer is `false`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export async function hasContentOf(path: string, etag: string): Promise<boolean> {
  const match = /^([0-9a-f]{32})(?:-([0-9]{1,5}))?$/.exec(etag);
  if (!match) return false;
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (match[2] === undefined) return (await md5(file, 0, size)).toString('hex') === match[1];
    for (const partSize of partSizes(size, Number(match[2]))) {
      if ((await md5OfParts(file, size, partSize)) === match[1]) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

/** Sizes of parts that make so many of them: pure. */
function partSizes(size: number, parts: number): number[] {
  const sizes = [...PART_SIZES.map((mebibytes) => mebibytes * MIB), Math.ceil(size / MOST_PARTS)];
  return [...new Set(sizes)].filter((partSize) => partSize > 0 && Math.ceil(size / partSize) === parts);
}

async function md5OfParts(file: FileHandle, size: number, partSize: number): Promise<string> {
  const whole = createHash('md5');
  for (let start = 0; start < size; start += partSize) {
    whole.update(await md5(file, start, Math.min(start + partSize, size)));
  }
  return whole.digest('hex');
}

async function md5(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const hash = createHash('md5');
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, end - start)));
  for (let offset = start; offset < end;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - offset), offset);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  return hash.digest();
}
