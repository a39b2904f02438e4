import * as zlib from 'node:zlib';
import { messageOf } from '../../errors';
import { BlendFormatError } from '../blend/header';
import { bitsIn, damaged, HuffmanTable, literalsCodes, matchCodes, offsetCodes } from './codes';
import { MAX_ZSTD_BLOCK_BYTES, ZSTD_BLOCK_HEADER_BYTES, type ZstdFrameHeader } from './frame';

/** Bits that follow the code of a length, by code; and the least length of each (RFC 8878, section 3.1.1.3.2.1.1). */
const LITERALS_BITS = Uint8Array.of(
  ...Array.from({ length: 16 }, () => 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
const MATCH_BITS = Uint8Array.of(
  ...Array.from({ length: 32 }, () => 0),
  ...[1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
);
const LITERALS_BASES = basesOf(LITERALS_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);

/** An offset's code is its number of bits; with these it is beyond any window that `parseZstdFrameHeader` accepts. */
const MAX_OFFSET_CODE = 24;

/** Section 3.1.1.5. */
const FIRST_OFFSETS = [1, 4, 8];

/** One for all: nothing waits while a block is unpacked. */
const LITERALS = new Uint8Array(MAX_ZSTD_BLOCK_BYTES);

/**
 * Unpacks the blocks of one zstd frame after the other (RFC 8878, section 3.1.1.2), each into room that the caller has and
 * behind what the frame's blocks before it gave. It allocates next to nothing however much comes out, which is what it is
 * for: V8 lets tens of megabytes of buffers that nobody needs any more lie about. Nothing that it is given can make it write
 * outside that room, or work for longer than the room and the packed bytes take.
 */
class ZstdBlockDecoder {
  #windowBytes = 0;
  readonly #huffman = new HuffmanTable();
  readonly #literalsCodes = literalsCodes();
  readonly #offsetCodes = offsetCodes();
  readonly #matchCodes = matchCodes();
  /** The last three offsets, the latest first. */
  readonly #offsets = new Uint32Array(3);

  /** Begins a frame, whose blocks may point back as far as `windowBytes`. */
  begin(windowBytes: number): void {
    this.#windowBytes = windowBytes;
    this.#huffman.clear();
    for (const codes of [this.#literalsCodes, this.#offsetCodes, this.#matchCodes]) codes.clear();
    this.#offsets.set(FIRST_OFFSETS);
  }

  /**
   * Unpacks `block`, a whole one with its header that has passed `parseZstdBlock`, to `out` from `position` on. The frame's
   * bytes before it stand in front of that, from `start` on, as far back as its window reaches. Tells the position behind the
   * last byte. Throws `ZstdDamage`, also where there is no room.
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

  /** Four streams, whose lengths but for the last's stand in front of them. */
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
      if (at !== block.length) damaged('the block goes on behind its end');
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

  /** Literals and copies of what came before, in turn (sections 3.1.1.3.2.1.1 and 3.1.1.4). */
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
    /** At most 24 bits: with the 7 beside them they fit into a word. Past the start of the stream `left` is negative. */
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
      if (offsetCode > MAX_OFFSET_CODE) damaged('a copy from too far back');
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
      if (offset > position - start || offset > this.#windowBytes) damaged('a copy from too far back');
      repeat(out, position, offset, length);
      position += length;
    }
    if (left !== 0) damaged('the block goes on behind its end');
    return append(literals, used, out, position);
  }

  /** The offset that a number stands for: one of the last three, or, from 4 on, one of its own (section 3.1.1.5). */
  #offsetOf(value: number, noLiterals: boolean): number {
    const [first, second, third] = this.#offsets;
    const which = value > 3 ? value : value + Number(noLiterals);
    if (which === 1 && value <= 3) return first!;
    const offset = value > 3 ? value - 3 : which === 2 ? second! : which === 3 ? third! : first! - 1;
    if (offset === 0) damaged('a copy from nowhere');
    if (value > 3 || which !== 2) this.#offsets[2] = second!;
    this.#offsets[1] = first!;
    this.#offsets[0] = offset;
    return offset;
  }
}

/** From here on a call is faster than a loop. */
const MANY = 24;

/** Copies `length` bytes from `offset` before `position`; what is copied may be part of what it gives. */
function repeat(out: Uint8Array, position: number, offset: number, length: number): void {
  const from = position - offset;
  if (length > MANY && offset >= length) out.copyWithin(position, from, from + length);
  else if (length > MANY && offset === 1) out.fill(out[from]!, position, position + length);
  else for (let byte = 0; byte < length; byte++) out[position + byte] = out[from + byte]!;
}

/** The literals that are left. */
function append(literals: Uint8Array, used: number, out: Uint8Array, position: number): number {
  const rest = literals.subarray(used);
  if (position + rest.length > out.length) damaged('it unpacks to more than it may');
  out.set(rest, position);
  return position + rest.length;
}

function basesOf(bits: Uint8Array, first: number): Uint32Array {
  const bases = new Uint32Array(bits.length);
  let base = first;
  for (const [code, width] of bits.entries()) {
    bases[code] = base;
    base += 2 ** width;
  }
  return bases;
}

type NativeDecoder = (frame: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node ≥ 22.15 has zstd built in: several times faster, and sound on hostile input. */
const NATIVE: NativeDecoder | undefined = Reflect.get(zlib, 'zstdDecompressSync');

/** Whether whole frames are best unpacked at once, by `unpackNatively`. */
export const UNPACKS_NATIVELY = NATIVE !== undefined;

/**
 * Unpacks exactly one frame, of which it is known that it is whole and that it has to unpack to `bytes`. `offset` tells where
 * it stands in the file, for errors. Throws `bad-zstd`.
 */
export function unpackNatively(frame: Uint8Array, bytes: number, offset: number): Uint8Array {
  let content: Uint8Array | undefined;
  try {
    // It can't be asked for nothing at all.
    content = NATIVE!(frame, { maxOutputLength: Math.max(bytes, 1) });
  } catch (error) {
    throw damagedFrame(offset, error);
  }
  if (content.length !== bytes) throw brokenPromise(bytes, offset);
  return content;
}

/** Unpacks frames block by block. What passes through it has passed `parseZstdFrameHeader` and `parseZstdBlock`. */
export class ZstdDecoder {
  readonly #blocks = new ZstdBlockDecoder();
  #offset = 0;

  /** Begins with the first block of a frame, which stands at `offset`. */
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

/** For a frame that does not unpack to what it or the seek table says. */
export function brokenPromise(promisedBytes: number, offset: number): BlendFormatError {
  const reason = `a zstd frame does not unpack to the promised ${promisedBytes} bytes`;
  return new BlendFormatError('bad-zstd', offset, reason);
}

function damagedFrame(offset: number, cause: unknown): BlendFormatError {
  return new BlendFormatError('bad-zstd', offset, `a zstd frame is damaged: ${messageOf(cause)}`, { cause });
}
