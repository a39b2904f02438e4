import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

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
