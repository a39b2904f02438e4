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
