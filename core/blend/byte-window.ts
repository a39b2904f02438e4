import type { ByteReader } from './decoded-blend';

const FIRST_BYTES = 1 << 20;

/** What is read after a jump. */
const AFTER_JUMP_BYTES = 256 << 10;

const MAX_BYTES = 8 << 20;

/** For a reader that has to do with little memory, and may take a request for every 2 MiB. */
export const FRUGAL: ReadAhead = { firstBytes: AFTER_JUMP_BYTES, maxBytes: 2 << 20 };

/** How far a window reads ahead; what is left out is as in a walk through a whole file. */
export interface ReadAhead {
  /** The first read. 1 MiB. */
  readonly firstBytes?: number;
  /** The largest, of which two are in memory for a moment. 8 MiB. */
  readonly maxBytes?: number;
}

/**
 * Read-ahead over a reader, for a walk that goes mostly forward: small steps are served from memory, a big block is
 * jumped over, unread. The window doubles while the walk is dense and shrinks after a jump, which bounds both the
 * number of requests (one per 8 MiB of small blocks, unless told otherwise) and the bytes read in vain (256 KiB per jump).
 */
export class ByteWindow {
  readonly size: number;
  readonly #reader: ByteReader;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  readonly #maxBytes: number;
  #ahead: number;

  constructor(reader: ByteReader, { firstBytes = FIRST_BYTES, maxBytes = MAX_BYTES }: ReadAhead = {}) {
    this.#reader = reader;
    this.#ahead = firstBytes;
    this.#maxBytes = maxBytes;
    this.size = reader.size;
  }

  /** The bytes if they are in memory already; saves a loop over millions of blocks its `await`s. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /** `length` bytes from `offset`, fewer at the end. Valid as long as the caller likes; not to be written to. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const held = this.peek(offset, length);
    if (held !== undefined) return held;
    if (this.#bytes.length > 0) {
      const gap = offset - (this.#start + this.#bytes.length);
      const dense = gap <= this.#ahead && offset >= this.#start;
      this.#ahead = Math.min(dense ? this.#ahead * 2 : AFTER_JUMP_BYTES, this.#maxBytes);
    }
    const wanted = Math.min(Math.max(length, this.#ahead), Math.max(this.size - offset, 0));
    this.#bytes = wanted > 0 ? await this.#reader.read(offset, wanted) : new Uint8Array(0);
    this.#start = offset;
    return this.#bytes.subarray(0, length);
  }
}
