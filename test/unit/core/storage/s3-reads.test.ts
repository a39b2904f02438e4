import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { hasContentOf } from '../../../../core/storage/s3-reads';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();
const MIB = 1024 * 1024;
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes);
const BYTES = Buffer.alloc(21 * MIB, 'abcdefg');

function etagOfParts(bytes: Uint8Array, partSize: number): string {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += partSize) {
    parts.push(md5(bytes.subarray(start, start + partSize)).digest());
  }
  return `${md5(Buffer.concat(parts)).digest('hex')}-${parts.length}`;
}

test.each<[string, Uint8Array, string, boolean]>([
  ['the MD5 of the bytes', BYTES, md5(BYTES).digest('hex'), true],
  ['an empty file', Buffer.alloc(0), md5(Buffer.alloc(0)).digest('hex'), true],
  ['other bytes', BYTES, md5(Buffer.from('x')).digest('hex'), false],
  ['parts of 8 MiB', BYTES, etagOfParts(BYTES, 8 * MIB), true],
  ['parts of 5 MiB', BYTES, etagOfParts(BYTES, 5 * MIB), true],
  ['one part', BYTES.subarray(0, 100), etagOfParts(BYTES.subarray(0, 100), 8 * MIB), true],
  ['parts of other bytes', Buffer.concat([BYTES, Buffer.from('x')]), etagOfParts(BYTES, 8 * MIB), false],
  ['parts of an unusual size', BYTES, etagOfParts(BYTES, 7 * MIB + 1), false],
  ['something other than a hash', BYTES, 'write-17', false],
])('hasContentOf answers for an ETag of %s', async (_, bytes, etag, expected) => {
  writeFileSync(at('file'), bytes);
  expect(await hasContentOf(at('file'), etag)).toBe(expected);
});
