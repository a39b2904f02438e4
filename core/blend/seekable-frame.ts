import { BlendFormatError } from './blend-format-error';
import { brokenPromise, type ZstdDecoder, type ZstdFrameStream } from './zstd-decoder';
import {
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  ZSTD_BLOCK_HEADER_BYTES,
  type ZstdFrameHeader,
} from './zstd-frame';
import type { SeekEntry } from './zstd-seek-table';

/** One frame of a zstd file by the seek table, unpacked as far as it is read where the decoder is a slow one. */
export class SeekableFrame {
  readonly #entry: SeekEntry;
  readonly #decoder: ZstdDecoder;
  /** `undefined` once all is unpacked. */
  #packed: Uint8Array | undefined;
  #content: Uint8Array = new Uint8Array(0);
  #stream: ZstdFrameStream | undefined;
  readonly #header: ZstdFrameHeader;
  /** How far it is unpacked, in packed and in unpacked bytes. */
  #packedDone: number;
  #done = 0;

  /** Throws `bad-zstd` unless the bytes that the table calls a frame are one, and nothing besides. */
  constructor(packed: Uint8Array, entry: SeekEntry, decoder: ZstdDecoder) {
    this.#packed = packed;
    this.#entry = entry;
    this.#decoder = decoder;
    this.#header = this.#checked(packed);
    this.#packedDone = this.#header.bytes;
  }

  /** The unpacked bytes from `start` to `end`, which are within what the table says. Throws `bad-zstd`. */
  read(start: number, end: number): Uint8Array {
    if (this.#packed !== undefined && end > this.#done) this.#unpackTo(this.#packed, end);
    return this.#content.subarray(start, end);
  }

  #unpackTo(packed: Uint8Array, end: number): void {
    const { bytes, offset } = this.#entry;
    if (this.#decoder.isNative) {
      this.#content = this.#decoder.decode(packed, bytes, bytes, offset);
      this.#packed = undefined;
      return;
    }
    if (this.#content.length === 0) this.#content = new Uint8Array(bytes);
    this.#stream ??= this.#decoder.begin(this.#header, offset);
    while (this.#packed !== undefined && this.#done < end) this.#unpackBlock(packed, this.#stream);
    // What lies beyond is checked when it is read.
    if (this.#done < end || (this.#packed === undefined && this.#done !== bytes))
      throw brokenPromise(bytes, offset);
  }

  #unpackBlock(packed: Uint8Array, stream: ZstdFrameStream): void {
    const from = this.#packedDone;
    const block = parseZstdBlock(packed.subarray(from), this.#entry.offset + from);
    const to = block.last ? packed.length : from + block.bytes;
    for (const chunk of stream.push([packed.subarray(from, to)], 1, block.last)) {
      if (this.#done + chunk.length > this.#content.length) {
        throw brokenPromise(this.#entry.bytes, this.#entry.offset);
      }
      this.#content.set(chunk, this.#done);
      this.#done += chunk.length;
    }
    this.#packedDone = to;
    if (block.last) {
      this.#packed = undefined;
      this.#stream = undefined;
    }
  }

  #checked(packed: Uint8Array): ZstdFrameHeader {
    const { offset, packedBytes } = this.#entry;
    let cause: unknown;
    try {
      const header = parseZstdFrameHeader(packed.subarray(0, MAX_ZSTD_HEADER_BYTES), offset);
      if (header && !header.skippable && frameBytes(packed, header, offset) === packedBytes) return header;
    } catch (error) {
      cause = error;
    }
    const reason = 'no zstd frame stands where the seek table tells';
    throw new BlendFormatError('bad-zstd', offset, reason, { cause });
  }
}

/** How long the frame is by its blocks' headers. */
function frameBytes(packed: Uint8Array, header: ZstdFrameHeader, offset: number): number {
  let end = header.bytes;
  for (let last = false; !last;) {
    const block = parseZstdBlock(packed.subarray(end, end + ZSTD_BLOCK_HEADER_BYTES), offset + end);
    end += block.bytes;
    last = block.last;
  }
  return end + header.checksumBytes;
}
