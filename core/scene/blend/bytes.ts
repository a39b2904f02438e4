import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { BLEND_MAGIC, BlendFormatError } from './header';

/** Random access to bytes. A `ByteSource` is one, and so is what lies unpacked within it. */
export interface ByteReader {
  /** Bytes. */
  readonly size: number;
  /**
   * `length` bytes from `offset`, fewer at the end. Not to be written to. `room`, of that length at least, is where they may
   * be put if they are not in memory already.
   */
  read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  /** The same bytes if they lie in memory already; `undefined` where it would take a request or work to get them. */
  peek?(offset: number, length: number): Uint8Array | undefined;
}

/** How a `.blend` is packed: by Blender up to 2.93 with gzip, since 3.0 with zstd, and always only if asked to. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** The unpacked bytes of a `.blend`, from `BLENDER` to `ENDB`, whatever they are packed in. */
export interface DecodedBlend extends ByteReader {
  readonly compression: Compression;
  /** From here on to the end the bytes can be had at once: they are in memory, or in the last frame of a zstd file. */
  readonly tailOffset: number;
  /**
   * Set where the source gave no more (`ReadBudgetSpent`) before a file that can only be unpacked from its start was
   * through: `size` is then what was unpacked, not the file's.
   */
  readonly cut?: boolean;
}

/** How much may be unpacked before `too-large` is thrown, so that a few hostile kilobytes can't take hours. */
export interface DecodeLimits {
  /** Bytes unpacked in one pass through a file that can only be unpacked from its start. They are not held. */
  readonly wholeBytes: number;
  /** The first bytes of these that are held, so that they need not be unpacked again. 8 MiB. */
  readonly headBytes?: number;
  /** Bytes unpacked in all of a zstd file with a seek table, of which only a few frames are held. */
  readonly seekableBytes: number;
}

/**
 * 1 GiB is 16 times the 64 MiB of packed bytes that `RangedSource` gives, and real files seldom pack to less than a fifth;
 * zlib takes a few seconds for it. 4 GiB are for walks through large files, of which most is jumped over.
 */
export const DECODE_LIMITS: DecodeLimits = { wholeBytes: 2 ** 30, seekableBytes: 2 ** 32 };

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

let nobody: MessagePort | undefined;

/**
 * Frees the memory of the buffer that ends with `bytes` at once; does nothing where it goes on behind them. Nothing may look
 * at any part of it any more: it is of length 0 from now on. V8 frees a buffer that nobody has any more when it collects
 * garbage, and lets some 32 MB of young ones come together before that. So it is transferred, which takes it from its owner,
 * to a port that is closed, where it ends.
 */
export function freeBuffer({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteOffset + byteLength) return;
  if (nobody === undefined) {
    nobody = new MessageChannel().port1;
    nobody.close();
  }
  nobody.postMessage(undefined, [buffer]);
}

/** What is fetched of a file before anything is known of it: scenes stand near its start, its structs at its end. */
export const HEAD_BYTES = 1 << 20;

/** The structs take at most 135 kB in any known file; bytes behind the end block are legal. */
export const TAIL_BYTES = 192 << 10;

/** What may be asked of storage for the facts of one file. */
export interface ReadBudget {
  readonly requests: number;
  readonly bytes: number;
}

export const READ_BUDGET: ReadBudget = { requests: 64, bytes: 64 << 20 };

/** For a file on this machine: a read costs next to nothing, and a large file is read through. */
export const NO_READ_LIMIT: ReadBudget = { requests: Infinity, bytes: Infinity };

/** `inBucket`, or no limit for a file on this machine. */
export function readBudgetOf(url: URL, inBucket: ReadBudget): ReadBudget {
  return url.protocol === 'file:' ? NO_READ_LIMIT : inBucket;
}

/** A limit does not allow for one more read. No fault of the file's: what was read so far is true. */
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

/** A part of the file that is held. */
interface Part {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * A source behind a high latency and a budget: its first MiB and its last 192 KiB are fetched at once, side by side
 * (a file of no more than that in one request), and held; whatever else is read of it is counted.
 * `read` throws `ReadBudgetSpent` instead of going beyond the budget, and what the source throws.
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
    // Of what lies half in a part, only the other half is fetched.
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

/** Scenes end within 700 kB in all known files, and 40,000 objects add 5 MB. */
const KEPT_HEAD_BYTES = 8 * HEAD_BYTES;

/**
 * What is kept of bytes that stream by: the first 8 MiB (or less), and the last 192 KiB or a little more. The facts of a `.blend`
 * stand there.
 */
export class KeptEnds {
  readonly #compression: Compression;
  readonly #limit: number;
  /** At once as large as it may become: pages that are never written to take no memory. */
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

  /** Copies the chunk. Throws `too-large` past the limit and `not-blend` as soon as the first bytes show it: bombs seldom bother. */
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
      // Twice the room that is needed, so that small chunks don't each move all the others.
      const keep = Math.min(TAIL_BYTES, this.#tailBytes, this.#tail.length - part.length);
      this.#tail.copyWithin(0, this.#tailBytes - keep, this.#tailBytes);
      this.#tailBytes = keep;
    }
    this.#tail.set(part, this.#tailBytes);
    this.#tailBytes += part.length;
  }

  #checkMagic(): void {
    if (this.#head.toString('latin1', 0, BLEND_MAGIC.length) === BLEND_MAGIC) return;
    const reason = `what the ${this.#compression} file unpacks to is not a .blend`;
    throw new BlendFormatError('not-blend', 0, reason);
  }
}

/** For a file that has to be unpacked from its start and is too large for that. */
export function unpacksTooLarge(compression: Compression, offset: number): BlendFormatError {
  return new BlendFormatError(
    'too-large',
    offset,
    `the ${compression} file is too large to be unpacked whole, and can't be in parts; ` +
      'save it uncompressed, or compressed with Blender 3.0 or newer',
  );
}
