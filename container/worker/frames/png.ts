import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflate } from 'node:zlib';
import { messageOf } from '../../../core/errors';
import type { Resolution } from '../../../core/render/video';
import { type MasterBytes, readExactly, sizeFault } from './saved-files';

/** The IHDR chunk. Source of this file: PNG specification, https://www.w3.org/TR/png-3/ (5, 11.2, 13). */
interface PngHeader extends Resolution {
  /** Bits of a sample. */
  readonly bitDepth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGBA. */
  readonly colourType: number;
  readonly interlaced: boolean;
}

/** Consecutive rows of equal length in the unpacked picture. */
interface PngRows {
  readonly rows: number;
  /** Includes the byte of the row's filter. */
  readonly rowBytes: number;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Signature, length and type of the first chunk, and the 13 bytes of IHDR. */
const HEADER_BYTES = 29;

/** Samples of a pixel and allowed bit depths, by colour type. */
const COLOUR_TYPES: Readonly<
  Record<number, { readonly samples: number; readonly depths: readonly number[] }>
> = {
  0: { samples: 1, depths: [1, 2, 4, 8, 16] },
  2: { samples: 3, depths: [8, 16] },
  3: { samples: 1, depths: [1, 2, 4, 8] },
  4: { samples: 2, depths: [8, 16] },
  6: { samples: 4, depths: [8, 16] },
};

/** Adam7: start of each pass and distance of its pixels. Source: PNG specification, 8.2. */
const ADAM7 = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

/** The unchecked header at the start of the bytes; `undefined` if it is missing. */
export function readPngHeader(bytes: Uint8Array): PngHeader | undefined {
  const buffer = asBuffer(bytes);
  if (buffer.length < HEADER_BYTES || !buffer.subarray(0, 8).equals(SIGNATURE)) return undefined;
  return {
    width: buffer.readUInt32BE(16),
    height: buffer.readUInt32BE(20),
    bitDepth: buffer[24]!,
    colourType: buffer[25]!,
    interlaced: buffer[28] === 1,
  };
}

export function hasAlpha(bytes: Uint8Array): boolean {
  return [4, 6].includes(readPngHeader(bytes)?.colourType ?? 0);
}

/** The rows of an unpacked picture, in order. Throws for an invalid header. Pure. */
function pngRows({ width, height, bitDepth, colourType, interlaced }: PngHeader): PngRows[] {
  const type = COLOUR_TYPES[colourType];
  if (!type?.depths.includes(bitDepth)) {
    throw new Error(`colour type ${colourType} with ${bitDepth} bits is invalid`);
  }
  const passes = interlaced ? ADAM7 : [{ x: 0, y: 0, dx: 1, dy: 1 }];
  return passes.flatMap(({ x, y, dx, dy }) => {
    const columns = Math.ceil((width - x) / dx);
    const rows = Math.ceil((height - y) / dy);
    if (columns < 1 || rows < 1) return [];
    return [{ rows, rowBytes: 1 + Math.ceil((columns * type.samples * bitDepth) / 8) }];
  });
}

/** Chunks at most, plus one for each KiB. Blender writes chunks of 8 KiB or more. */
const MOST_CHUNKS = 1_000;
const BYTES_PER_CHUNK = 1024;

/** Bytes of packed texts and profiles at most: decoders unpack them to up to a thousand times the size. */
const MOST_PACKED_TEXT = 64 * 1024;
const PACKED_TEXT = new Set(['zTXt', 'iTXt', 'iCCP']);

/**
 * Checks all chunks and their checksums from signature to end, and returns the packed picture. Throws the fault. Every byte
 * of a PNG is part of the signature, of a length, or of checked data.
 */
function packedPicture(bytes: Uint8Array): Uint8Array[] {
  const buffer = asBuffer(bytes);
  const data: Uint8Array[] = [];
  const mostChunks = MOST_CHUNKS + buffer.length / BYTES_PER_CHUNK;
  const seen = new Set<string>();
  let [count, packedText] = [0, 0];
  let last = '';
  for (let at = SIGNATURE.length; last !== 'IEND';) {
    const { type, content, end } = readChunk(buffer, at);
    if (count === 0) checkHeader(type, content);
    checkChunk(type, last, seen);
    if (type === 'IDAT') data.push(content);
    if (PACKED_TEXT.has(type)) packedText += content.length;
    if (packedText > MOST_PACKED_TEXT) throw new Error('it holds too much packed text');
    count += 1;
    if (count > mostChunks) throw new Error('it is in too many pieces');
    seen.add(type);
    last = type;
    at = end;
    if (type === 'IEND' && end !== buffer.length) throw new Error('something follows its end');
  }
  if (data.length === 0) throw new Error('it holds no picture');
  if (readPngHeader(bytes)?.colourType === 3 && !seen.has('PLTE')) throw new Error('its palette is missing');
  return data;
}

function readChunk(buffer: Buffer, at: number): { type: string; content: Buffer; end: number } {
  if (at + 12 > buffer.length) throw new Error('it is cut off');
  const length = buffer.readUInt32BE(at);
  const end = at + 12 + length;
  if (end > buffer.length) throw new Error('it is cut off');
  const checked = buffer.subarray(at + 4, end - 4);
  if (crc32(checked) !== buffer.readUInt32BE(end - 4)) throw new Error('a checksum is wrong');
  return { type: checked.toString('latin1', 0, 4), content: checked.subarray(4), end };
}

function checkHeader(type: string, content: Buffer): void {
  if (type !== 'IHDR' || content.length !== 13) throw new Error('its header does not come first');
  const [compression, filter, interlace] = content.subarray(10);
  if (compression !== 0 || filter !== 0 || interlace! > 1) throw new Error('its compression is unknown');
}

const CRITICAL = ['IHDR', 'PLTE', 'IDAT', 'IEND'];

/** `last` is the type of the previous chunk; `seen` has those of all previous ones. */
function checkChunk(type: string, last: string, seen: ReadonlySet<string>): void {
  // Bit 5 of the first letter: a capital marks chunks that readers must know.
  if (/^[A-Z]/.test(type) && !CRITICAL.includes(type)) throw new Error(`its chunk ${type} is unknown`);
  if (type === 'IHDR' && seen.size > 0) throw new Error('it has two headers');
  if (type === 'IDAT' && last !== 'IDAT' && seen.has('IDAT')) {
    throw new Error('its picture is not in one piece');
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Returns what is wrong with a frame's bytes; `undefined` if they are whole. */
export type FrameCheck = (bytes: Uint8Array, expected: Resolution) => Promise<string | undefined>;

/**
 * The only check that decides whether a frame is rendered. A frame is whole if it has the right size, its checksums hold,
 * and its picture unpacks to exactly its rows. It is unpacked piece by piece in zlib's threads, and not decoded to pixels.
 */
export const frameFault: FrameCheck = async (bytes, expected) => {
  const fault = headerFault(bytes, expected);
  if (fault !== undefined) return fault;
  try {
    await checkRows(packedPicture(bytes), pngRows(readPngHeader(bytes)!));
    return undefined;
  } catch (error) {
    return undecodable(error);
  }
};

/**
 * Like `frameFault` without unpacking, for frames that a decoder unpacks next. For frames that were whole when stored, the
 * checksums suffice, in a twentieth of the time.
 */
export const checksumFault: FrameCheck = async (bytes, expected) => {
  const fault = headerFault(bytes, expected);
  if (fault !== undefined) return fault;
  try {
    packedPicture(bytes);
    return undefined;
  } catch (error) {
    return undecodable(error);
  }
};

/** Checks the size before unpacking, because an unexpected one could be huge. */
function headerFault(bytes: Uint8Array, expected: Resolution): string | undefined {
  const header = readPngHeader(bytes);
  if (!header) return bytes.byteLength === 0 ? 'it is empty' : 'it is not a PNG';
  if (header.width === expected.width && header.height === expected.height) return undefined;
  return `it is ${header.width}×${header.height}, not ${expected.width}×${expected.height}`;
}

const undecodable = (error: unknown): string => `it does not decode: ${messageOf(error)}`;

/** Bytes of a piece of the unpacked picture: larger pieces need memory, smaller ones time. */
const CHUNK_BYTES = 256 * 1024;

/** The highest filter of a row. Source: PNG specification, 9.2 Filter types for filter method 0. */
const LAST_FILTER = 4;

/** Unpacks the picture. zlib throws if its checksum fails or the end is missing. */
async function checkRows(data: readonly Uint8Array[], passes: readonly PngRows[]): Promise<void> {
  const rows = new RowCheck(passes);
  let fault: unknown;
  const check = async (unpacked: AsyncIterable<Uint8Array>): Promise<void> => {
    try {
      for await (const piece of unpacked) rows.take(piece);
      rows.end();
    } catch (error) {
      fault = error;
      throw error;
    }
  };
  const unpack = createInflate({ chunkSize: CHUNK_BYTES });
  // If `check` ends the pipeline, its error may hide the fault.
  await pipeline(Readable.from(data), unpack, check).catch((error: unknown) => {
    throw fault ?? error;
  });
}

/** Checks an unpacked picture row by row. */
class RowCheck {
  private readonly passes: PngRows[];
  /** Missing bytes of the current row; 0 before a row. */
  private rest = 0;
  private rowsLeft = 0;
  private rowBytes = 0;

  constructor(passes: readonly PngRows[]) {
    this.passes = passes.filter(({ rows }) => rows > 0);
  }

  take(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      if (this.rest === 0) this.beginRow(piece[at]!);
      const taken = Math.min(this.rest, piece.length - at);
      this.rest -= taken;
      at += taken;
    }
  }

  end(): void {
    if (this.rest > 0 || this.rowsLeft > 0 || this.passes.length > 0) throw new Error('rows are missing');
  }

  private beginRow(filter: number): void {
    if (this.rowsLeft === 0) {
      const pass = this.passes.shift();
      if (!pass) throw new Error('it has data after its last row');
      ({ rows: this.rowsLeft, rowBytes: this.rowBytes } = pass);
    }
    if (filter > LAST_FILTER) throw new Error(`a row has the unknown filter ${filter}`);
    this.rowsLeft -= 1;
    this.rest = this.rowBytes;
  }
}

/** Bytes read at once. */
const PIECE = 1 << 20;

/** What is wrong with a PNG file, which may be large: checks each chunk and its checksum. Unpacks nothing. */
export async function pngFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const header = readPngHeader(await file.read(0, HEADER_BYTES));
  if (!header) return 'it is not a PNG file';
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

/** Whether the `length` bytes at `start` match the checksum after them. */
async function isIntact(file: MasterBytes, start: number, length: number): Promise<boolean> {
  let sum = 0;
  for (let done = 0; done < length;) {
    const piece = await readExactly(file, start + done, Math.min(PIECE, length - done));
    sum = crc32(piece, sum);
    done += piece.length;
  }
  return (await readExactly(file, start + length, 4)).readUInt32BE(0) === sum;
}
