import { BlendFormatError } from './blend-format-error';
import { brokenPromise, type ZstdDecoder } from './zstd-decoder';
import {
  MAX_ZSTD_HEADER_BYTES,
  parseZstdBlock,
  parseZstdFrameHeader,
  ZSTD_BLOCK_HEADER_BYTES,
  type ZstdFrameHeader,
} from './zstd-frame';
import type { SeekEntry } from './zstd-seek-table';

/** One frame of a zstd file by the seek table, unpacked as far as it is read. */
export class SeekableFrame {
  readonly #entry: SeekEntry;
  readonly #decoder: ZstdDecoder;
  readonly #packed: Uint8Array;
  readonly #content: Uint8Array;
  /** How far it is unpacked, in packed and in unpacked bytes. */
  #packedDone: number;
  #done = 0;
  #whole = false;

  /**
   * `packed` are the frame's bytes, for which `checkFrame` gave `header`, and `content` is room for what they unpack to. Both
   * are the frame's as long as it is read, and so is `decoder`.
   */
  constructor(
    entry: SeekEntry,
    header: ZstdFrameHeader,
    packed: Uint8Array,
    content: Uint8Array,
    decoder: ZstdDecoder,
  ) {
    this.#entry = entry;
    this.#packed = packed;
    this.#content = content;
    this.#decoder = decoder;
    this.#packedDone = header.bytes;
    decoder.begin(header, entry.offset);
  }

  /** The unpacked bytes from `start` to `end`, which are within what the table says. Throws `bad-zstd`. */
  read(start: number, end: number): Uint8Array {
    while (!this.#whole && this.#done < end) this.#unpackBlock();
    // What lies beyond is checked when it is read.
    const { bytes, offset } = this.#entry;
    if (this.#done < end || (this.#whole && this.#done !== bytes)) throw brokenPromise(bytes, offset);
    return this.#content.subarray(start, end);
  }

  #unpackBlock(): void {
    const from = this.#packedDone;
    const block = parseZstdBlock(this.#packed.subarray(from), this.#entry.offset + from);
    this.#packedDone = from + block.bytes;
    const packed = this.#packed.subarray(from, this.#packedDone);
    this.#done = this.#decoder.decode(packed, this.#content, 0, this.#done);
    this.#whole = block.last;
  }
}

/** The header of a frame. Throws `bad-zstd` unless the bytes that the table calls a frame are one, and nothing besides. */
export function checkFrame(packed: Uint8Array, { offset, packedBytes }: SeekEntry): ZstdFrameHeader {
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
