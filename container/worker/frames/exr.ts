import { messageOf } from '../../../core/errors';
import type { Resolution } from '../../../core/render/video';
import { type MasterBytes, sizeFault } from './saved-files';

/**
 * The front of an OpenEXR file: magic number, version, and a header for each part.
 * Source: https://openexr.com/en/latest/OpenEXRFileLayout.html
 */

/** In pixels, both ends inclusive. */
interface Window {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/** One picture with its channels; most files have one. */
interface ExrPart {
  readonly dataWindow: Window;
  readonly displayWindow: Window;
  readonly compression: number;
  /** Present in files with several parts. */
  readonly chunkCount?: number;
}

interface ExrHeaders {
  readonly parts: readonly ExrPart[];
  readonly isMultiPart: boolean;
  /** Offset of the offset tables, in bytes. */
  readonly end: number;
}

/** The bytes end before the headers do. */
class ExrHeadersCut extends Error {
  constructor() {
    super('it is cut off within its header');
  }
}

const MAGIC = 20_000_630;
const VERSION = 2;
const TILED = 0x200;
const DEEP = 0x800;
const MULTI_PART = 0x1000;

/** Attributes of all parts at most. Blender writes a few for each part and each Cryptomatte layer. */
const MOST_ENTRIES = 65_536;

/** Lines of a chunk by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K256, HTJ2K32. */
const LINES_OF_CHUNK = [1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32];

/**
 * Reads the headers from the first bytes of a file. Throws `ExrHeadersCut` if it needs more bytes, else an error with the
 * fault. Refuses tiles and deep pixels, which Blender does not write. Pure.
 */
export function readExrHeaders(bytes: Uint8Array): ExrHeaders {
  const cursor = new Cursor(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (cursor.int() !== MAGIC) throw new Error('it is not an OpenEXR file');
  const version = cursor.int();
  if ((version & 0xff) !== VERSION) throw new Error(`it is of OpenEXR version ${version & 0xff}`);
  if ((version & (TILED | DEEP)) !== 0)
    throw new Error('it holds tiles or deep pixels, which Blender does not write');
  const isMultiPart = (version & MULTI_PART) !== 0;
  const parts = [readPart(cursor)];
  if (isMultiPart) {
    // An empty header ends the list.
    while (cursor.peek() !== 0) parts.push(readPart(cursor));
  }
  return { parts, isMultiPart, end: cursor.at + (isMultiPart ? 1 : 0) };
}

/** The number of chunks of a part; `undefined` for an unknown, newer compression. */
function chunkCountOf({ chunkCount, compression, dataWindow }: ExrPart): number | undefined {
  if (chunkCount !== undefined) return chunkCount;
  const lines = LINES_OF_CHUNK[compression];
  return lines === undefined ? undefined : Math.ceil((dataWindow.yMax - dataWindow.yMin + 1) / lines);
}

function readPart(cursor: Cursor): ExrPart {
  let [dataWindow, displayWindow]: Array<Window | undefined> = [];
  let [compression, chunkCount]: Array<number | undefined> = [];
  for (let name = cursor.text(); name !== ''; name = cursor.text()) {
    cursor.count();
    const type = cursor.text();
    const value = cursor.taken(cursor.int());
    if (name === 'dataWindow' && type === 'box2i') dataWindow = value.window();
    if (name === 'displayWindow' && type === 'box2i') displayWindow = value.window();
    if (name === 'compression' && type === 'compression') compression = value.byte();
    if (name === 'chunkCount' && type === 'int') chunkCount = value.int();
  }
  if (!dataWindow || !displayWindow || compression === undefined) {
    throw new Error('its header lacks its size or its compression');
  }
  return { dataWindow, displayWindow, compression, chunkCount };
}

/** Reads values one after another, all little-endian. */
class Cursor {
  at = 0;
  private entries = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Counts an attribute. Throws if there are too many: millions of them would block the worker for seconds. */
  count(): void {
    this.entries += 1;
    if (this.entries > MOST_ENTRIES) throw new Error('its header has too many entries');
  }

  peek(): number {
    if (this.at >= this.bytes.length) throw new ExrHeadersCut();
    return this.bytes[this.at]!;
  }

  byte(): number {
    const value = this.peek();
    this.at += 1;
    return value;
  }

  int(): number {
    return this.taken(4).bytes.readInt32LE();
  }

  /** The text up to a zero byte. */
  text(): string {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0) throw new ExrHeadersCut();
    const text = this.bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return text;
  }

  taken(length: number): Cursor {
    if (length < 0) throw new Error('its header has a part of negative length');
    if (this.at + length > this.bytes.length) throw new ExrHeadersCut();
    const taken = new Cursor(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return taken;
  }

  window(): Window {
    return { xMin: this.int(), yMin: this.int(), xMax: this.int(), yMax: this.int() };
  }
}

/** Bytes of the first read; each further read doubles them. Object lists (Cryptomatte) can make headers long. */
const FIRST_BYTES = 64 << 10;
const MOST_HEADER_BYTES = 64 << 20;

/** Chunks of all parts at most: 200 layers of 16K, one chunk for each line. */
const MOST_CHUNKS = 1 << 22;

/** Bytes of an entry of an offset table. */
const ENTRY = 8;

/**
 * What is wrong with an OpenEXR file; `undefined` if its headers give the right size, its offset tables are complete, and
 * its last chunk ends at the file's end. OpenEXR has no checksums, and nothing is unpacked. An unfinished file is found,
 * because writers write the offset tables last.
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

/** Accepts either window: a cropped picture may be part of a larger one, and a picture may omit its empty border. */
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

/** Counts chunks by the first offset: the table ends where the first chunk begins, and Blender writes line 1 first. */
async function countByFirst(file: MasterBytes, end: number): Promise<number> {
  const first = await file.read(end, ENTRY);
  if (first.length < ENTRY) throw new ExrHeadersCut();
  return (readOffset(Buffer.from(first), 0) - end) / ENTRY;
}

/** A chunk has the part's number (multi-part files only), its first line, its length, and its bytes. */
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
