/**
 * The front of an OpenEXR file: magic number, version, and a header for each part.
 * Source: https://openexr.com/en/latest/OpenEXRFileLayout.html
 */

/** Pixels, both ends included. */
interface Window {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/** One picture with its channels; ordinary files hold one. */
export interface ExrPart {
  readonly dataWindow: Window;
  readonly displayWindow: Window;
  readonly compression: number;
  /** Files with several parts say it of each. */
  readonly chunkCount?: number;
}

export interface ExrHeaders {
  readonly parts: readonly ExrPart[];
  readonly isMultiPart: boolean;
  /** Where the offset tables begin, in bytes. */
  readonly end: number;
}

/** The bytes end before the headers do. */
export class ExrHeadersCut extends Error {
  constructor() {
    super('it is cut off within its header');
  }
}

const MAGIC = 20_000_630;
const VERSION = 2;
const TILED = 0x200;
const DEEP = 0x800;
const MULTI_PART = 0x1000;

/** Attributes of all parts at most. Blender writes some for each part, and some for each layer with Cryptomatte. */
const MOST_ENTRIES = 65_536;

/** Lines of a chunk, by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K256, HTJ2K32. */
const LINES_OF_CHUNK = [1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32];

/**
 * Reads the headers from the first bytes of a file: pure. Throws `ExrHeadersCut` where more bytes are needed, and what is
 * wrong. Tiles and deep pixels are wrong: Blender writes neither.
 */
export function readExrHeaders(bytes: Uint8Array): ExrHeaders {
  const cursor = new Cursor(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  if (cursor.int() !== MAGIC) throw new Error('it is no OpenEXR file');
  const version = cursor.int();
  if ((version & 0xff) !== VERSION) throw new Error(`it is of OpenEXR version ${version & 0xff}`);
  if ((version & (TILED | DEEP)) !== 0)
    throw new Error('it holds tiles or deep pixels, which Blender does not write');
  const isMultiPart = (version & MULTI_PART) !== 0;
  const parts = [readPart(cursor)];
  if (isMultiPart) {
    // They end with an empty header.
    while (cursor.peek() !== 0) parts.push(readPart(cursor));
  }
  return { parts, isMultiPart, end: cursor.at + (isMultiPart ? 1 : 0) };
}

/** Into how many chunks a part is divided; `undefined` for a compression that is newer than this. */
export function chunkCountOf({ chunkCount, compression, dataWindow }: ExrPart): number | undefined {
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
  return { dataWindow, displayWindow, compression, ...(chunkCount !== undefined && { chunkCount }) };
}

/** Reads on from a place. Little-endian throughout. */
class Cursor {
  at = 0;
  private entries = 0;

  constructor(private readonly bytes: Buffer) {}

  /** Counts an attribute: a header of many millions would keep the worker from all else for seconds. */
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

  /** Up to a zero byte. */
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
