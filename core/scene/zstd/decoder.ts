import * as zlib from 'node:zlib';
import { messageOf } from '../../errors';
import { BlendFormatError } from '../blend/header';
import {
  bitsIn,
  damaged,
  HuffmanTable,
  LITERALS_BASES,
  LITERALS_BITS,
  literalsCodes,
  MATCH_BASES,
  MATCH_BITS,
  matchCodes,
  offsetCodes,
} from './codes';

/** Little-endian integers from RFC 8878, sections 3.1.1 and 3.1.2. */
export const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * The limit that the RFC recommends (section 3.1.1.1.2), since a decoder needs that much memory. Blender's own frames use 2 MiB
 * at most.
 */
const MAX_WINDOW_BYTES = 8 << 20;

/** The most that a block may unpack to. */
export const MAX_ZSTD_BLOCK_BYTES = 128 << 10;

/** Bytes that `parseZstdFrameHeader` needs; fewer at the end of the file. */
export const MAX_ZSTD_HEADER_BYTES = 18;

export const ZSTD_BLOCK_HEADER_BYTES = 3;

/** The start of one frame of a zstd file. */
export interface ZstdFrameHeader {
  /** Bytes up to the first block; for a skippable frame, all of its bytes. */
  readonly bytes: number;
  /** A skippable frame holds a seek table or similar; there is nothing to unpack. */
  readonly skippable: boolean;
  /** The declared number of unpacked bytes, if any. */
  readonly contentBytes: number | undefined;
  /** How many bytes back its blocks may point. */
  readonly windowBytes: number;
  /** Bytes after the last block. */
  readonly checksumBytes: 0 | 4;
}

/**
 * Reads the header of the frame that starts with `bytes` (RFC 8878, section 3.1.1); `offset` is its place, for errors. Accepted
 * frames have a sane window and need no dictionary. `undefined` if no frame starts here.
 * Throws `bad-zstd`, `too-large` and `truncated`.
 */
export function parseZstdFrameHeader(bytes: Uint8Array, offset: number): ZstdFrameHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return undefined;
  const magic = view.getUint32(0, true);
  const end = offset + bytes.length;
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
    if (bytes.length < 8) throw zstdTruncated(end);
    const skipped = 8 + view.getUint32(4, true);
    return { bytes: skipped, skippable: true, contentBytes: 0, windowBytes: 0, checksumBytes: 0 };
  }
  if (magic !== ZSTD_MAGIC) return undefined;

  if (bytes.length < 6) throw zstdTruncated(end);
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame header is damaged');
  if (descriptor & 0x03) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame asks for a dictionary');

  const sizeField = descriptor >> 6;
  const sizeFieldBytes = sizeField > 0 ? 1 << sizeField : singleSegment ? 1 : 0;
  const sizeFieldOffset = singleSegment ? 5 : 6;
  const headerBytes = sizeFieldOffset + sizeFieldBytes;
  if (bytes.length < headerBytes) throw zstdTruncated(end);
  const contentBytes = contentBytesOf(view, sizeFieldOffset, sizeFieldBytes);
  const windowBytes = singleSegment ? contentBytes! : windowBytesOf(view.getUint8(5));
  if (windowBytes > MAX_WINDOW_BYTES) {
    throw new BlendFormatError('too-large', offset, `a zstd frame asks for a window of ${windowBytes} bytes`);
  }
  const checksumBytes = descriptor & 0x04 ? 4 : 0;
  return { bytes: headerBytes, skippable: false, contentBytes, windowBytes, checksumBytes };
}

/** One block within a frame. */
export interface ZstdBlock {
  /** Header included. */
  readonly bytes: number;
  readonly last: boolean;
}

/** Reads the three bytes of a block's header (RFC 8878, section 3.1.1.2). Throws `truncated` and `bad-zstd`. */
export function parseZstdBlock(bytes: Uint8Array, offset: number): ZstdBlock {
  if (bytes.length < ZSTD_BLOCK_HEADER_BYTES) throw zstdTruncated(offset + bytes.length);
  const word = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
  const type = (word >> 1) & 3;
  const size = word >> 3;
  if (type === 3 || size > MAX_ZSTD_BLOCK_BYTES) {
    throw new BlendFormatError('bad-zstd', offset, 'a zstd block is damaged');
  }
  // Type 1 repeats one byte.
  return { bytes: ZSTD_BLOCK_HEADER_BYTES + (type === 1 ? 1 : size), last: (word & 1) === 1 };
}

/** `offset` is the end of the file. */
export function zstdTruncated(offset: number): BlendFormatError {
  return new BlendFormatError('truncated', offset, 'the zstd data ends early');
}

function contentBytesOf(view: DataView, offset: number, fieldBytes: number): number | undefined {
  switch (fieldBytes) {
    case 1:
      return view.getUint8(offset);
    case 2:
      return view.getUint16(offset, true) + 256;
    case 4:
      return view.getUint32(offset, true);
    case 8:
      return Number(view.getBigUint64(offset, true));
    default:
      return undefined;
  }
}

function windowBytesOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** The code of an offset is its number of bits. More would exceed every window that `parseZstdFrameHeader` accepts. */
const MAX_OFFSET_CODE = 24;

/** The first repeat offsets (section 3.1.1.5). */
const FIRST_OFFSETS = [1, 4, 8];

/** Shared by all decoders: unpacking a block is synchronous. */
const LITERALS = new Uint8Array(MAX_ZSTD_BLOCK_BYTES);

/**
 * Unpacks the blocks of zstd frames (RFC 8878, section 3.1.1.2) into the caller's buffer, after the blocks before. It allocates
 * next to nothing; V8 would keep tens of megabytes of unused buffers. Hostile input can neither write outside the buffer nor
 * take time out of proportion to both sizes.
 */
class ZstdBlockDecoder {
  #windowBytes = 0;
  readonly #huffman = new HuffmanTable();
  readonly #literalsCodes = literalsCodes();
  readonly #offsetCodes = offsetCodes();
  readonly #matchCodes = matchCodes();
  /** The last three offsets, latest first. */
  readonly #offsets = new Uint32Array(3);

  /** Begins a frame whose blocks may point back up to `windowBytes`. */
  begin(windowBytes: number): void {
    this.#windowBytes = windowBytes;
    this.#huffman.clear();
    for (const codes of [this.#literalsCodes, this.#offsetCodes, this.#matchCodes]) codes.clear();
    this.#offsets.set(FIRST_OFFSETS);
  }

  /**
   * Unpacks `block`, with its header, which must have passed `parseZstdBlock`, to `out` at `position`. The frame's earlier
   * bytes are before that, from `start` on, as far back as its window reaches. Returns the end of the output.
   * Throws `ZstdDamage`, also if there is no room.
   */
  decode(block: Uint8Array, out: Uint8Array, start: number, position: number): number {
    const word = block[0]! | (block[1]! << 8) | (block[2]! << 16);
    const type = (word >> 1) & 3;
    if (type === 2)
      return this.#decodeCompressed(block.subarray(ZSTD_BLOCK_HEADER_BYTES), out, start, position);
    const end = position + (word >> 3);
    if (end > out.length) damaged('it unpacks to more than it may');
    if (type === 0) out.set(block.subarray(ZSTD_BLOCK_HEADER_BYTES), position);
    else out.fill(block[ZSTD_BLOCK_HEADER_BYTES]!, position, end);
    return end;
  }

  #decodeCompressed(block: Uint8Array, out: Uint8Array, start: number, position: number): number {
    const { literals, next } = this.#readLiterals(block);
    const room = out.subarray(0, Math.min(out.length, position + MAX_ZSTD_BLOCK_BYTES));
    return this.#readSequences(block, next, literals, room, start, position);
  }

  /** Section 3.1.1.3.1. */
  #readLiterals(block: Uint8Array): { literals: Uint8Array; next: number } {
    const byte = (index: number): number => block[index] ?? damaged('the block ends early');
    const type = byte(0) & 3;
    const format = (byte(0) >> 2) & 3;
    if (type < 2) {
      const [size, from] =
        format === 1
          ? [(byte(0) >> 4) | (byte(1) << 4), 2]
          : format === 3
            ? [(byte(0) >> 4) | (byte(1) << 4) | (byte(2) << 12), 3]
            : [byte(0) >> 3, 1];
      const next = from + (type === 0 ? size : 1);
      if (size > LITERALS.length || next > block.length) damaged('the block ends early');
      if (type === 0) return { literals: block.subarray(from, next), next };
      return { literals: LITERALS.subarray(0, size).fill(byte(from)), next };
    }
    // Two numbers of 10, 14 or 18 bits.
    const width = format < 2 ? 10 : format === 2 ? 14 : 18;
    const from = (4 + 2 * width + 7) >> 3;
    let header = 0;
    for (let index = from - 1; index >= 0; index--) header = header * 256 + byte(index);
    const size = Math.floor(header / 16) % 2 ** width;
    const next = from + Math.floor(header / 2 ** (4 + width));
    if (size > LITERALS.length || next > block.length) damaged('the block ends early');
    const literals = LITERALS.subarray(0, size);
    const streams = block.subarray(type === 2 ? this.#huffman.read(block, from, next) : from, next);
    if (format === 0) this.#huffman.decode(streams, literals);
    else this.#decodeFour(streams, literals);
    return { literals, next };
  }

  /** Four streams, preceded by the lengths of the first three. */
  #decodeFour(streams: Uint8Array, literals: Uint8Array): void {
    const part = (literals.length + 3) >> 2;
    if (streams.length < 6 || 3 * part > literals.length) damaged('literals are cut off');
    let from = 6;
    for (let index = 0; index < 4; index++) {
      const to = index === 3 ? streams.length : from + (streams[2 * index]! | (streams[2 * index + 1]! << 8));
      if (to > streams.length) damaged('literals are cut off');
      const out = literals.subarray(part * index, index === 3 ? literals.length : part * (index + 1));
      this.#huffman.decode(streams.subarray(from, to), out);
      from = to;
    }
  }

  /** Section 3.1.1.3.2. */
  #readSequences(
    block: Uint8Array,
    from: number,
    literals: Uint8Array,
    out: Uint8Array,
    start: number,
    position: number,
  ): number {
    if (from >= block.length) damaged('the block ends early');
    let at = from;
    let count = block[at++]!;
    if (count === 0) {
      if (at !== block.length) damaged('the block continues after its end');
      return append(literals, 0, out, position);
    }
    if (count === 255) {
      count = (block[at] ?? 0) + ((block[at + 1] ?? 0) << 8) + 0x7f00;
      at += 2;
    } else if (count > 127) {
      count = ((count - 128) << 8) + (block[at] ?? 0);
      at += 1;
    }
    const modes = block[at++] ?? damaged('the block ends early');
    if ((modes & 3) !== 0) damaged('an unknown kind of codes');
    at = this.#literalsCodes.read(modes >> 6, block, at);
    at = this.#offsetCodes.read((modes >> 4) & 3, block, at);
    at = this.#matchCodes.read((modes >> 2) & 3, block, at);
    return this.#execute(block.subarray(at), count, literals, out, start, position);
  }

  /** Interleaves literals and copies of earlier bytes (sections 3.1.1.3.2.1.1 and 3.1.1.4). */
  #execute(
    stream: Uint8Array,
    count: number,
    literals: Uint8Array,
    out: Uint8Array,
    start: number,
    from: number,
  ): number {
    const literalsTable = this.#literalsCodes.table;
    const offsetTable = this.#offsetCodes.table;
    const matchTable = this.#matchCodes.table;
    let left = bitsIn(stream);
    /** At most 24 bits, which fit into a word with 7 neighbours. Before the start of the stream `left` is negative. */
    const take = (bits: number): number => {
      left -= bits;
      const at = left >> 3;
      const word = stream[at]! | (stream[at + 1]! << 8) | (stream[at + 2]! << 16) | (stream[at + 3]! << 24);
      return (word >>> (left & 7)) & ((1 << bits) - 1);
    };
    let literalsState = take(literalsTable.log);
    let offsetState = take(offsetTable.log);
    let matchState = take(matchTable.log);
    let position = from;
    let used = 0;
    for (let index = 0; index < count; index++) {
      const offsetCode = offsetTable.symbols[offsetState]!;
      const matchCode = matchTable.symbols[matchState]!;
      const literalsCode = literalsTable.symbols[literalsState]!;
      if (offsetCode > MAX_OFFSET_CODE) damaged('a copy starts too far back');
      const value = 2 ** offsetCode + take(offsetCode);
      const length = MATCH_BASES[matchCode]! + take(MATCH_BITS[matchCode]!);
      const plain = LITERALS_BASES[literalsCode]! + take(LITERALS_BITS[literalsCode]!);
      if (index < count - 1) {
        literalsState = literalsTable.bases[literalsState]! + take(literalsTable.bits[literalsState]!);
        matchState = matchTable.bases[matchState]! + take(matchTable.bits[matchState]!);
        offsetState = offsetTable.bases[offsetState]! + take(offsetTable.bits[offsetState]!);
      }
      if (left < 0) damaged('the block ends early');
      const offset = this.#offsetOf(value, plain === 0);
      const end = used + plain;
      if (end > literals.length) damaged('it uses more literals than it has');
      if (position + plain + length > out.length) damaged('it unpacks to more than it may');
      if (plain > MANY) out.set(literals.subarray(used, end), position);
      else for (let byte = 0; byte < plain; byte++) out[position + byte] = literals[used + byte]!;
      position += plain;
      used = end;
      if (offset > position - start || offset > this.#windowBytes) damaged('a copy starts too far back');
      repeat(out, position, offset, length);
      position += length;
    }
    if (left !== 0) damaged('the block continues after its end');
    return append(literals, used, out, position);
  }

  /** Resolves an offset: 1 to 3 repeat a recent one, larger values are new (section 3.1.1.5). */
  #offsetOf(value: number, noLiterals: boolean): number {
    const [first, second, third] = this.#offsets;
    const which = value > 3 ? value : value + Number(noLiterals);
    if (which === 1 && value <= 3) return first!;
    const offset = value > 3 ? value - 3 : which === 2 ? second! : which === 3 ? third! : first! - 1;
    if (offset === 0) damaged('a copy has no offset');
    if (value > 3 || which !== 2) this.#offsets[2] = second!;
    this.#offsets[1] = first!;
    this.#offsets[0] = offset;
    return offset;
  }
}

/** Above this length a call is faster than a loop. */
const MANY = 24;

/** Copies `length` bytes from `offset` before `position`; both ranges may overlap. */
function repeat(out: Uint8Array, position: number, offset: number, length: number): void {
  const from = position - offset;
  if (length > MANY && offset >= length) out.copyWithin(position, from, from + length);
  else if (length > MANY && offset === 1) out.fill(out[from]!, position, position + length);
  else for (let byte = 0; byte < length; byte++) out[position + byte] = out[from + byte]!;
}

/** Appends the remaining literals. */
function append(literals: Uint8Array, used: number, out: Uint8Array, position: number): number {
  const rest = literals.subarray(used);
  if (position + rest.length > out.length) damaged('it unpacks to more than it may');
  out.set(rest, position);
  return position + rest.length;
}

type NativeDecoder = (frame: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node ≥ 22.15 has zstd built in: several times faster, and safe with hostile input. */
const NATIVE: NativeDecoder | undefined = Reflect.get(zlib, 'zstdDecompressSync');

/** Whether `unpackNatively` can unpack whole frames, which is faster. */
export const UNPACKS_NATIVELY = NATIVE !== undefined;

/** Unpacks exactly one whole frame that must unpack to `bytes`. `offset` is its place, for errors. Throws `bad-zstd`. */
export function unpackNatively(frame: Uint8Array, bytes: number, offset: number): Uint8Array {
  let content: Uint8Array | undefined;
  try {
    // The limit must be at least 1.
    content = NATIVE!(frame, { maxOutputLength: Math.max(bytes, 1) });
  } catch (error) {
    throw damagedFrame(offset, error);
  }
  if (content.length !== bytes) throw brokenPromise(bytes, offset);
  return content;
}

/** Unpacks frames block by block. Their headers must have passed `parseZstdFrameHeader` and `parseZstdBlock`. */
export class ZstdDecoder {
  readonly #blocks = new ZstdBlockDecoder();
  #offset = 0;

  /** Begins a frame at `offset`. */
  begin({ windowBytes }: ZstdFrameHeader, offset: number): void {
    this.#blocks.begin(windowBytes);
    this.#offset = offset;
  }

  /** See `ZstdBlockDecoder.decode`. Throws `bad-zstd`. */
  decode(block: Uint8Array, out: Uint8Array, start: number, position: number): number {
    try {
      return this.#blocks.decode(block, out, start, position);
    } catch (error) {
      throw damagedFrame(this.#offset, error);
    }
  }
}

/** For a frame whose size differs from the declared one or that of the seek table. */
export function brokenPromise(promisedBytes: number, offset: number): BlendFormatError {
  const reason = `a zstd frame does not unpack to the declared ${promisedBytes} bytes`;
  return new BlendFormatError('bad-zstd', offset, reason);
}

function damagedFrame(offset: number, cause: unknown): BlendFormatError {
  return new BlendFormatError('bad-zstd', offset, `a zstd frame is damaged: ${messageOf(cause)}`, { cause });
}
