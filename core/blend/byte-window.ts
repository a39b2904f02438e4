import type { ByteReader } from './decoded-blend';

const FIRST_BYTES = 1 << 20;
const AFTER_JUMP_BYTES = 256 << 10;
const MAX_BYTES = 8 << 20;

/**
 * Read-ahead over a reader, for a walk that goes mostly forward: small steps are served from memory, a big block is
 * jumped over, unread. The window doubles while the walk is dense and shrinks after a jump, which bounds both the
 * number of requests (one per 8 MiB of small blocks) and the bytes read in vain (256 KiB per jump).
 */
export class ByteWindow {
  readonly size: number;
  readonly #reader: ByteReader;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #ahead = FIRST_BYTES;

  constructor(reader: ByteReader) {
    this.#reader = reader;
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
      this.#ahead = dense ? Math.min(this.#ahead * 2, MAX_BYTES) : AFTER_JUMP_BYTES;
    }
    const wanted = Math.min(Math.max(length, this.#ahead), Math.max(this.size - offset, 0));
    this.#bytes = wanted > 0 ? await this.#reader.read(offset, wanted) : new Uint8Array(0);
    this.#start = offset;
    return this.#bytes.subarray(0, length);
  }
}
