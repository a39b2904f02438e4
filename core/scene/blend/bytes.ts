import type { MessagePort } from 'node:worker_threads';
import { BLEND_MAGIC, BlendFormatError } from './header';

/** Random access to bytes: of a file, or of what it unpacks to. */
export interface ByteReader {
  /** Bytes. */
  readonly size: number;
  /**
   * `length` bytes from `offset`, fewer at the end; read-only. `room` has space for `length` bytes, and may be used to hold
   * them.
   */
  read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  /** The same bytes if they are in memory already; `undefined` if they would take a request or work. */
  peek?(offset: number, length: number): Uint8Array | undefined;
}

/** How a `.blend` is compressed, which is optional: with gzip up to Blender 2.93, with zstd since 3.0. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** The unpacked bytes of a `.blend`, from `BLENDER` to `ENDB`. */
export interface DecodedBlend extends ByteReader {
  readonly compression: Compression;
  /** The bytes from here to the end are available at once: in memory, or in the last frame of a zstd file. */
  readonly tailOffset: number;
  /**
   * Set if reads ended early (`ReadBudgetSpent`) in a file that must be unpacked from its start. `size` then counts the bytes
   * that were unpacked.
   */
  readonly cut?: boolean;
}

/** Limits on unpacking, past which `too-large` is thrown: a few hostile kilobytes could otherwise take hours. */
export interface DecodeLimits {
  /** Bytes unpacked in one pass through a file that must be unpacked from its start. They are not kept. */
  readonly wholeBytes: number;
  /** How many of the first of these bytes are kept. 8 MiB. */
  readonly headBytes?: number;
  /** Bytes unpacked in total of a zstd file with a seek table. Only a few frames are kept. */
  readonly seekableBytes: number;
}

/**
 * 1 GiB is 16 times the 64 MiB of packed bytes that `RangedSource` reads; real files seldom shrink below a fifth. zlib takes a
 * few seconds for it. 4 GiB suit walks that skip most of a large file.
 */
export const DECODE_LIMITS: DecodeLimits = { wholeBytes: 2 ** 30, seekableBytes: 2 ** 32 };

const FIRST_BYTES = 1 << 20;

/** Bytes read after a jump. */
const AFTER_JUMP_BYTES = 256 << 10;

const MAX_BYTES = 8 << 20;

const EMPTY = new Uint8Array(0);

/** For readers that should use little memory and may send a request for every 2 MiB. */
export const FRUGAL: ReadAhead = { firstBytes: AFTER_JUMP_BYTES, maxBytes: 2 << 20 };

/** How far a window reads ahead, in bytes. Defaults suit a walk through a whole file. */
export interface ReadAhead {
  /** The first read. 1 MiB. */
  readonly firstBytes?: number;
  /** The largest. 8 MiB. */
  readonly maxBytes?: number;
}

/**
 * Read-ahead for a walk that mostly moves forward: it serves small steps from memory and skips big blocks unread. The window
 * doubles during a dense walk and shrinks after a jump. This bounds requests (one per 8 MiB of small blocks by default) and
 * wasted bytes (256 KiB per jump).
 */
export class ByteWindow {
  readonly size: number;
  readonly #reader: ByteReader;
  /** All reads share this buffer, so a long walk needs no more memory than one read. */
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

  /** The bytes if they are in memory already; valid until the next `read`. Saves an `await` for each of millions of blocks. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const from = offset - this.#start;
    if (from < 0 || from + length > this.#bytes.length) return undefined;
    return this.#bytes.subarray(from, from + length);
  }

  /** `length` bytes from `offset`, fewer at the end; read-only, and valid until the next `read`. */
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
    // The read below overwrites these bytes.
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
   * The held bytes from `offset` on. Asking for them again could cost a whole pass in a file that is unpacked from its start.
   */
  #restFrom(offset: number): Uint8Array {
    const from = offset - this.#start;
    return from < 0 ? EMPTY : this.#bytes.subarray(from);
  }

  /** Allocates the final size at once: untouched pages take no memory. */
  #roomFor(bytes: number): Uint8Array {
    if (this.#room.length < bytes) {
      this.#room = new Uint8Array(Math.max(bytes, Math.min(this.#maxBytes, this.size)));
    }
    return this.#room;
  }
}

/** Appends `more` to the first `position` bytes of `room`; it may already be there. */
function joined(room: Uint8Array, position: number, more: Uint8Array): Uint8Array {
  if (more.buffer !== room.buffer) room.set(more, position);
  return room.subarray(0, position + more.length);
}

let closedPort: MessagePort | undefined;

/**
 * Frees the buffer of `bytes` at once; it must not be used afterwards. Does nothing if the buffer continues after `bytes`.
 * V8 would collect some 32 MB of young buffers before it frees any. Transferring a buffer to a closed port frees it.
 */
export function freeBuffer({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteOffset + byteLength) return;
  if (closedPort === undefined) {
    closedPort = new MessageChannel().port1;
    closedPort.close();
  }
  closedPort.postMessage(undefined, [buffer]);
}

/** The first request of a file: its scenes are near the start. */
export const HEAD_BYTES = 1 << 20;

/** The last request of a file: its structs take at most 135 kB in any known file. Bytes after the end block are legal. */
export const TAIL_BYTES = 192 << 10;

/** Limits on reads from storage for the facts of one file. */
export interface ReadBudget {
  readonly requests: number;
  readonly bytes: number;
}

export const READ_BUDGET: ReadBudget = { requests: 64, bytes: 64 << 20 };

/** For a file on this machine: reads cost next to nothing. */
export const NO_READ_LIMIT: ReadBudget = { requests: Infinity, bytes: Infinity };

/** `inBucket`, or no limit for a file on this machine. */
export function readBudgetOf(url: URL, inBucket: ReadBudget): ReadBudget {
  return url.protocol === 'file:' ? NO_READ_LIMIT : inBucket;
}

/** One more read would pass a limit. The file is not at fault, and everything read so far holds. */
export class ReadBudgetSpent extends Error {
  /** `limit` names it, such as `1280 requests to storage`. */
  constructor(readonly limit: string) {
    super(`the file takes more than ${limit}`);
    this.name = new.target.name;
  }
}

/** Throws `ReadBudgetSpent` if these requests and bytes are more than `budget` allows. */
export function checkReadBudget(budget: ReadBudget, requests: number, bytes: number): void {
  if (requests > budget.requests) throw new ReadBudgetSpent(`${budget.requests} requests to storage`);
  if (bytes > budget.bytes)
    throw new ReadBudgetSpent(`${Math.floor(budget.bytes / 2 ** 20)} MiB from storage`);
}

/** A part of the file that is kept in memory. */
interface Part {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * A source with high latency and a budget: it fetches the first MiB and the last 192 KiB together and keeps them. A smaller
 * file takes one request. All other reads count.
 * `read` throws `ReadBudgetSpent` beyond the budget, and what the source throws.
 */
export class RangedSource implements ByteReader {
  readonly size: number;
  readonly #source: ByteReader;
  readonly #budget: ReadBudget;
  #requests = 0;
  #bytes = 0;
  #head: Part = { start: 0, bytes: new Uint8Array(0) };
  #tail: Part;

  private constructor(source: ByteReader, budget: ReadBudget) {
    this.#source = source;
    this.#budget = budget;
    this.size = source.size;
    this.#tail = { start: source.size, bytes: new Uint8Array(0) };
  }

  static async open(source: ByteReader, budget: ReadBudget = READ_BUDGET): Promise<RangedSource> {
    const ranged = new RangedSource(source, budget);
    const { size } = source;
    if (size <= HEAD_BYTES + TAIL_BYTES) {
      if (size > 0) ranged.#head = { start: 0, bytes: await ranged.#fetch(0, size) };
      return ranged;
    }
    const start = size - TAIL_BYTES;
    const [head, tail] = await Promise.all([ranged.#fetch(0, HEAD_BYTES), ranged.#fetch(start, TAIL_BYTES)]);
    ranged.#head = { start: 0, bytes: head };
    ranged.#tail = { start, bytes: tail };
    return ranged;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const end = Math.min(offset + length, this.size);
    return partOf(this.#head, offset, end) ?? partOf(this.#tail, offset, end);
  }

  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const held = this.peek(offset, length);
    if (held !== undefined) return held;
    const end = Math.min(offset + length, this.size);
    // Fetch only what the kept parts lack.
    const headEnd = this.#head.bytes.length;
    const from = Math.max(offset, headEnd);
    const to = offset < this.#tail.start ? Math.min(end, this.#tail.start) : end;
    if (from === offset && to === end) return this.#fetch(from, to - from, room);
    const missing = await this.#fetch(from, to - from);
    return Buffer.concat([
      this.#head.bytes.subarray(Math.min(offset, headEnd)),
      missing,
      this.#tail.bytes.subarray(0, end - to),
    ]);
  }

  async #fetch(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    this.#requests += 1;
    this.#bytes += length;
    checkReadBudget(this.#budget, this.#requests, this.#bytes);
    return this.#source.read(offset, length, room);
  }
}

function partOf(part: Part, offset: number, end: number): Uint8Array | undefined {
  if (offset >= end) return new Uint8Array(0);
  if (offset < part.start || end > part.start + part.bytes.length) return undefined;
  return part.bytes.subarray(offset - part.start, end - part.start);
}

/** Scenes end within 700 kB in all known files; 40,000 objects add 5 MB. */
const KEPT_HEAD_BYTES = 8 * HEAD_BYTES;

/** Keeps the first 8 MiB (or less) and at least the last 192 KiB of a stream: these hold the facts of a `.blend`. */
export class KeptEnds {
  readonly #compression: Compression;
  readonly #limit: number;
  /** Allocated whole: untouched pages take no memory. */
  readonly #head: Buffer;
  readonly #tail = Buffer.alloc(2 * TAIL_BYTES);
  #tailBytes = 0;
  #size = 0;

  /** `limit` is how many bytes may stream by. */
  constructor(compression: Compression, limit: number, headBytes = KEPT_HEAD_BYTES) {
    this.#compression = compression;
    this.#limit = limit;
    this.#head = Buffer.alloc(Math.min(headBytes, limit));
  }

  /** Bytes that streamed by. */
  get size(): number {
    return this.#size;
  }

  /** Where the tail starts. */
  get tailOffset(): number {
    return this.#size - this.#tailBytes;
  }

  /** Copies the chunk. Throws `too-large` past the limit, and `not-blend` as soon as the first bytes show it. */
  append(chunk: Uint8Array): void {
    if (this.#size + chunk.length > this.#limit) throw unpacksTooLarge(this.#compression, this.#size);
    if (this.#size < this.#head.length) this.#appendToHead(chunk);
    this.#appendToTail(chunk);
    const magicMissing = this.#size < BLEND_MAGIC.length;
    this.#size += chunk.length;
    if (magicMissing && this.#size >= BLEND_MAGIC.length) this.#checkMagic();
  }

  /** The bytes if they are kept, fewer at the end. */
  peek(offset: number, length: number): Uint8Array | undefined {
    const end = Math.min(offset + length, this.#size);
    if (offset >= end) return new Uint8Array(0);
    if (end <= this.#head.length) return this.#head.subarray(offset, end);
    if (offset < this.tailOffset) return undefined;
    return this.#tail.subarray(offset - this.tailOffset, end - this.tailOffset);
  }

  #appendToHead(chunk: Uint8Array): void {
    const end = Math.min(this.#size + chunk.length, this.#head.length);
    this.#head.set(chunk.subarray(0, end - this.#size), this.#size);
  }

  #appendToTail(chunk: Uint8Array): void {
    const part = chunk.subarray(Math.max(chunk.length - this.#tail.length, 0));
    if (this.#tailBytes + part.length > this.#tail.length) {
      // The buffer has twice the needed size, so that small chunks do not move all others each time.
      const keep = Math.min(TAIL_BYTES, this.#tailBytes, this.#tail.length - part.length);
      this.#tail.copyWithin(0, this.#tailBytes - keep, this.#tailBytes);
      this.#tailBytes = keep;
    }
    this.#tail.set(part, this.#tailBytes);
    this.#tailBytes += part.length;
  }

  #checkMagic(): void {
    if (this.#head.toString('latin1', 0, BLEND_MAGIC.length) === BLEND_MAGIC) return;
    const reason = `the ${this.#compression} file does not contain a .blend`;
    throw new BlendFormatError('not-blend', 0, reason);
  }
}

/** For a file that must be unpacked from its start and is too large for that. */
export function unpacksTooLarge(compression: Compression, offset: number): BlendFormatError {
  return new BlendFormatError(
    'too-large',
    offset,
    `the ${compression} file is too large to unpack, and cannot be unpacked in parts; ` +
      'save it uncompressed, or compressed with Blender 3.0 or newer',
  );
}
