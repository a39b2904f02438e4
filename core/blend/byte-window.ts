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
    const room = this.#roomFor(wanted);
    const rest = this.#restFrom(offset);
    room.set(rest);
    // What is there is being overwritten.
    this.#bytes = EMPTY;
    this.#start = offset;
    if (wanted > rest.length) {
      const place = room.subarray(rest.length);
      const more = await this.#reader.read(offset + rest.length, wanted - rest.length, place);
      this.#bytes = rest.length === 0 ? more : joined(room, rest.length, more);
    } else {
      this.#bytes = room.subarray(0, wanted);
    }
    return this.#bytes.subarray(0, length);
  }

  /**
   * What is there of the bytes from `offset` on. It is not asked for again: where the reader unpacks a file from its start, to
   * go back by a few bytes may take a whole pass.
   */
  #restFrom(offset: number): Uint8Array {
    const from = offset - this.#start;
    return from < 0 ? EMPTY : this.#bytes.subarray(from);
  }

  /** At once as large as it will be needed: pages that are never written to take no memory. */
  #roomFor(bytes: number): Uint8Array {
    if (this.#room.length < bytes) {
      this.#room = new Uint8Array(Math.max(bytes, Math.min(this.#maxBytes, this.size)));
    }
    return this.#room;
  }
}

/** `more` behind the first bytes of `room`, where it may stand already. */
function joined(room: Uint8Array, position: number, more: Uint8Array): Uint8Array {
  if (more.buffer !== room.buffer) room.set(more, position);
  return room.subarray(0, position + more.length);
}
