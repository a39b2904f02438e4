import { messageOf } from '../../core/errors';
import type { Resolution } from '../../core/render/resolution';
import { chunkCountOf, ExrHeadersCut, readExrHeaders, type ExrHeaders, type ExrPart } from './exr-headers';
import { sizeFault, type MasterBytes } from './master-bytes';

/** Headers are read with so many bytes first, and twice as many each time; lists of objects (Cryptomatte) can make them long. */
const FIRST_BYTES = 64 << 10;
const MOST_HEADER_BYTES = 64 << 20;

/** Of all parts: 200 layers of 16K, each line a chunk. */
const MOST_CHUNKS = 1 << 22;

/** Bytes of an entry of an offset table. */
const ENTRY = 8;

/**
 * What is wrong with an OpenEXR file; `undefined` where it is whole by its structure: its headers give the right size, its
 * offset tables are complete, and its last chunk ends where the file ends. OpenEXR has no checksums, and nothing is
 * unpacked; but the offset tables are written last, so a file that was not finished shows.
 */
export async function exrFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  if (file.size === 0) return 'it is empty';
  try {
    const headers = await readHeaders(file);
    for (const part of headers.parts) checkSize(part, expected);
    await checkChunks(file, headers);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function readHeaders(file: MasterBytes): Promise<ExrHeaders> {
  for (let length = FIRST_BYTES; ; length *= 2) {
    try {
      return readExrHeaders(await file.read(0, length));
    } catch (error) {
      const more = error instanceof ExrHeadersCut && length < file.size && length < MOST_HEADER_BYTES;
      if (!more) throw error;
    }
  }
}

/** A cropped picture may be that part of a larger one, and a picture may leave out what is empty around it. */
function checkSize({ dataWindow, displayWindow }: ExrPart, expected: Resolution | undefined): void {
  const sizes = [displayWindow, dataWindow].map(({ xMin, yMin, xMax, yMax }) => ({
    width: xMax - xMin + 1,
    height: yMax - yMin + 1,
  }));
  if (sizes.some((size) => sizeFault(size, expected) === undefined)) return;
  throw new Error(sizeFault(sizes[0]!, expected));
}

async function checkChunks(file: MasterBytes, { parts, isMultiPart, end }: ExrHeaders): Promise<void> {
  let count = 0;
  for (const part of parts) count += chunkCountOf(part) ?? (await countByFirst(file, end));
  if (!(count >= 1 && count <= MOST_CHUNKS)) throw new Error(`it says that it has ${count} chunks`);
  const start = end + count * ENTRY;
  if (start > file.size) throw new Error('it is cut off within its offset table');
  const offsets = Buffer.from(await file.read(end, count * ENTRY));
  let last = 0;
  for (let at = 0; at < offsets.length; at += ENTRY) {
    const offset = readOffset(offsets, at);
    if (offset === 0) throw new Error('its offset table is not complete');
    if (offset < start) throw new Error('its offset table leads nowhere');
    last = Math.max(last, offset);
  }
  await checkEnd(file, last, isMultiPart);
}

/** Where nobody tells how many: the table ends where the first chunk begins, and Blender writes the first line first. */
async function countByFirst(file: MasterBytes, end: number): Promise<number> {
  const first = await file.read(end, ENTRY);
  if (first.length < ENTRY) throw new ExrHeadersCut();
  return (readOffset(Buffer.from(first), 0) - end) / ENTRY;
}

/** A chunk: the part's number where there are several, its first line, its length, and so many bytes. */
async function checkEnd(file: MasterBytes, last: number, isMultiPart: boolean): Promise<void> {
  const headBytes = isMultiPart ? 12 : 8;
  const head = Buffer.from(await file.read(last, headBytes));
  const end = head.length < headBytes ? Infinity : last + headBytes + head.readInt32LE(headBytes - 4);
  if (end > file.size) throw new Error('it is cut off');
  if (end < file.size) throw new Error('something follows its end');
}

function readOffset(table: Buffer, at: number): number {
  return table.readUInt32LE(at + 4) * 2 ** 32 + table.readUInt32LE(at);
}
