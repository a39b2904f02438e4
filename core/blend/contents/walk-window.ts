import type { ByteReader } from '../decoded-blend';

/** Bytes that a walk goes over, for the most part without waiting. */
export interface WalkBytes extends ByteReader {
  peek(offset: number, length: number): Uint8Array | undefined;
}

const AHEAD_BYTES = 64 << 10;

/**
 * A little read-ahead over unpacked bytes, whose pieces are in memory already but take work to get at. More of it
 * would unpack frames that a large block covers, of which nothing is needed.
 */
export class WalkWindow implements WalkBytes {
  readonly size: number;
  readonly #reader: ByteReader;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(reader: ByteReader) {
    this.#reader = reader;
    this.size = reader.size;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const held = this.peek(offset, length);
    if (held !== undefined) return held;
    const wanted = Math.min(Math.max(length, AHEAD_BYTES), Math.max(this.size - offset, 0));
    this.#bytes = wanted > 0 ? await this.#reader.read(offset, wanted) : new Uint8Array(0);
    this.#start = offset;
    return this.#bytes.subarray(0, length);
  }
}
