import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { awsFault, type AwsFault, type AwsFaultKind, describeAwsFault } from '../aws-error';
import { fileError } from './file-writes';
import { bucketAndKey, formatLocation, StorageError, type StorageErrorCode } from './storage';

/** By kind in the table of AWS errors. */
const CODES: Readonly<Record<AwsFaultKind, StorageErrorCode>> = {
  'no-credentials': 'unavailable', // On an AWS machine this can pass.
  'expired-credentials': 'denied',
  'no-region': 'denied',
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
    'no-region': `set the region of bucket "${bucket}", such as: export AWS_REGION=us-east-1`,
    'wrong-region': `set AWS_REGION to the region of bucket "${bucket}"`,
    refused: 'try again',
  });
}

/** Reading fails after so many answers whose body breaks off. The SDK does not retry them. */
const MAX_BROKEN_BODIES = 3;

/** The part and version of an object: headers of GetObject. */
export interface PartOfObject {
  readonly Range?: string;
  readonly IfMatch?: string;
}

/** The used fields of GetObject's answer. */
interface BodyAnswer {
  readonly Body?: unknown;
  readonly ContentLength?: number;
  readonly ETag?: string;
}

/** Sends GetObject. Throws only a `StorageError`. */
export type GetPart = (part: PartOfObject) => Promise<BodyAnswer>;

/** The whole body in memory (in `room` if it has the same length). Retries if the body breaks off or is too short. */
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
      throw new Error(`received ${filled} of ${answer.ContentLength} bytes`);
    } catch (error) {
      if (broken === MAX_BROKEN_BODIES) throw s3Error(error, url);
    }
  }
}

/**
 * Streams an object into the file `partialPath`, which will become `path`. If the connection breaks, it continues after the received bytes,
 * in the same version. It gives up after three answers in a row without bytes.
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
        throw new Error(`received ${written} of ${size} bytes`);
      } catch (error) {
        // The disk failed, not the connection.
        if (error instanceof StorageError) throw error;
        // At the full length the checksum failed, and more bytes cannot fix that.
        if (fruitless === MAX_BROKEN_BODIES || written >= size) throw s3Error(error, url);
      }
      answer = await getPart({ Range: `bytes=${written}-`, IfMatch: ETag });
    }
  } finally {
    await file.close();
  }
}

/** The body on Node. In a browser it would be another kind of stream. */
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
 * Usual part sizes of large uploads, in MiB: Spotreel, the AWS command line and the SDKs for Python and Java (8), other SDKs and rclone
 * (5), s3cmd (15), and round sizes.
 */
const PART_SIZES = [8, 5, 16, 15, 10, 32, 50, 64, 100, 128, 256, 512];

/** Most parts of an upload. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MOST_PARTS = 10_000;

/**
 * Whether S3's `etag` (without quotes) proves that the file has the same bytes: it is their MD5 or, for an upload in parts of a usual size,
 * the MD5 of the parts' MD5s. `false` for other part sizes and for objects encrypted with a KMS key, because their ETag proves nothing.
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

/** The usual part sizes that result in so many parts. Pure. */
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
