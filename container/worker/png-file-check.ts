import { crc32 } from 'node:zlib';
import type { Resolution } from '../../core/render/resolution';
import { readExactly, sizeFault, type MasterBytes } from './master-bytes';
import { MOST_CHUNKS, readPngHeader } from './png-chunks';

/** Bytes that are read at once. */
const PIECE = 1 << 20;

/** Signature, then the first chunk's head and IHDR's 13 bytes. */
const HEADER_BYTES = 29;

/** What is wrong with a PNG file, which may be large: each chunk is whole and its checksum holds. Nothing is unpacked. */
export async function pngFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const header = readPngHeader(await file.read(0, HEADER_BYTES));
  if (!header) return 'it is no PNG file';
  const fault = sizeFault(header, expected);
  if (fault !== undefined) return fault;
  const mostChunks = MOST_CHUNKS + file.size / 1024;
  let hasPicture = false;
  let at = 8;
  for (let count = 0; count < mostChunks; count += 1) {
    const head = await readExactly(file, at, 8);
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4);
    if (at + 12 + length > file.size) return 'it is cut off';
    if (!(await isIntact(file, at + 4, length + 4))) return 'a checksum is wrong';
    at += 12 + length;
    hasPicture ||= type === 'IDAT';
    if (type !== 'IEND') continue;
    if (at < file.size) return 'something follows its end';
    return hasPicture ? undefined : 'it holds no picture';
  }
  return 'it is in too many pieces';
}

/** Whether the checksum holds that follows the `length` bytes at `start`. */
async function isIntact(file: MasterBytes, start: number, length: number): Promise<boolean> {
  let sum = 0;
  for (let done = 0; done < length;) {
    const piece = await readExactly(file, start + done, Math.min(PIECE, length - done));
    sum = crc32(piece, sum);
    done += piece.length;
  }
  return (await readExactly(file, start + length, 4)).readUInt32BE(0) === sum;
}
