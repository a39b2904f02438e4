import type { ByteReader } from './decoded-blend';

const FIRST_BYTES = 1 << 20;

/** What is read after a jump. */
const AFTER_JUMP_BYTES = 256 << 10;

const MAX_BYTES = 8 << 20;

const EMPTY = new Uint8Array(0);

/** For a reader that has to do with little memory, and may take a request for every 2 MiB. */
export const FRUGAL: ReadAhead = { firstBytes: AFTER_JUMP_BYTES, maxBytes: 2 << 20 };

/** How far a window reads ahead; what is left out is as in a walk through a whole file. */
export interface ReadAhead {
  /** The first read. 1 MiB. */
  readonly firstBytes?: number;
  /** The largest. 8 MiB. */
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
  /** Where all reads are put: a walk through a large file takes the memory of one. */
  #room: Uint8Array = EMPTY;
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  readonly #maxBytes: number;
  #ahead: number;

  constructor(reader: ByteReader, { firstBytes = FIRST_BYTES, maxBytes = MAX_BYTES }: ReadAhead = {}) {
    this.#reader = reader;
    this.#ahead = firstBytes;
    this.#maxBytes = maxBytes;
    this.size = reader.size;
  }

  /** The bytes if they are in memory already, valid as those of `read`; saves a loop over millions of blocks its `await`s. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /** `length` bytes from `offset`, fewer at the end. Valid until the next `read`; not to be written to. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const held = this.peek(offset, length);
    if (held !== undefined) return held;
    if (this.#bytes.length > 0) {
      const gap = offset - (this.#start + this.#bytes.length);
      const dense = gap <= this.#ahead && offset >= this.#start;
      this.#ahead = Math.min(dense ? this.#ahead * 2 : AFTER_JUMP_BYTES, this.#maxBytes);
    }
    const wanted = Math.min(Math.max(length, this.#ahead), Math.max(this.size - offset, 0));
    // What is there is being overwritten.
    this.#bytes = EMPTY;
    this.#start = offset;
    if (wanted > 0) this.#bytes = await this.#reader.read(offset, wanted, this.#roomFor(wanted));
    return this.#bytes.subarray(0, length);
  }

  /** At once as large as it will be needed: pages that are never written to take no memory. */
  #roomFor(bytes: number): Uint8Array {
    if (this.#room.length < bytes) {
      this.#room = new Uint8Array(Math.max(bytes, Math.min(this.#maxBytes, this.size)));
    }
    return this.#room;
  }
}
