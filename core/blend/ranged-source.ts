import type { ByteReader } from './decoded-blend';

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
