import {
  type ByteReader,
  checkReadBudget,
  HEAD_BYTES,
  type ReadBudget,
  ReadBudgetSpent,
  TAIL_BYTES,
} from '../blend/bytes';
import { BLEND_MAGIC, BlendFormatError } from '../blend/header';
import type { StructView } from '../blend/struct-view';

/**
 * The members of one struct, under any name that they have had; the first known name is used. Missing members are empty, 0 or
 * null, as in a file that does not use them.
 */
export class Fields {
  readonly #view: StructView;
  readonly #littleEndian: boolean;

  constructor(view: StructView, littleEndian: boolean) {
    this.#view = view;
    this.#littleEndian = littleEndian;
  }

  has(path: string): boolean {
    return this.#view.bytes(path) !== undefined;
  }

  text(...paths: readonly string[]): string {
    for (const path of paths) {
      const text = this.#view.text(path);
      if (text !== undefined) return text;
    }
    return '';
  }

  /** The address in a pointer, the first of an array. */
  pointer(...paths: readonly string[]): bigint {
    for (const path of paths) {
      const address = this.#view.pointer(path);
      if (address !== undefined) return address;
    }
    return 0n;
  }

  /** An unsigned integer: all callers read flags or type numbers. */
  number(...paths: readonly string[]): number {
    for (const path of paths) {
      const bytes = this.#view.bytes(path);
      if (bytes !== undefined) return unsigned(bytes, this.#littleEndian);
    }
    return 0;
  }
}

/** Ignores the C type, which changed often for the same bytes: `short`, `uint16_t`, … */
function unsigned(bytes: Uint8Array, littleEndian: boolean): number {
  const ordered = littleEndian ? bytes.toReversed() : bytes;
  return bytes.length > 4 ? 0 : ordered.reduce((value, byte) => value * 256 + byte, 0);
}

/**
 * Limits on reads from a bucket for the contents of one file. A request takes about 25 ms and a GiB about 13 s, so this takes
 * less than a minute.
 */
export const CONTENTS_BUDGET: ReadBudget = { requests: 1280, bytes: 1.5 * 2 ** 30 };

/** The largest read, for walks through small blocks. */
const DENSE_BYTES = 8 << 20;

/** The most that is kept of a piece, to join it with the next; more is copied. */
const MAX_REST_BYTES = 2 << 20;

/** Files up to this size are read whole: two ends and the rest would take one request more. */
const WHOLE_BYTES = 12 << 20;

/** Reading a gap of this size takes about as long as one more request. */
const GAP_WORTH_A_REQUEST = 2 << 20;

/** Bytes read after a jump, and by the read that follows there. */
const AFTER_JUMP_BYTES = 256 << 10;
const NEXT_BYTES = 2 << 20;

/** Keeps the total below 128 MB. */
export const MAX_HELD_BYTES = 40 << 20;

interface Part {
  readonly start: number;
  readonly bytes: Uint8Array;
}

interface Interval {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a file in at most 3 + size / 2 MiB requests, and never a byte twice. It fetches both ends together, skips gaps that
 * cost more than a request, and reads others in pieces of up to 8 MiB. Beyond `budget`, `read` throws `ReadBudgetSpent`.
 *
 * Of an unpacked `.blend` it keeps the current piece and the last 192 KiB; a new walk pays again. Of a packed one it keeps
 * everything, at most 40 MiB, since unpacking may take two passes. Bytes are valid until the next `read`.
 */
export class FrugalReader implements ByteReader {
  readonly size: number;
  readonly #source: ByteReader;
  readonly #budget: ReadBudget;
  /** Kept parts, in file order, without overlaps. */
  #parts: Part[] = [];
  /** Everything that was fetched, in file order, without overlaps or contacts. */
  #fetched: Interval[] = [];
  #requests = 0;
  #bytes = 0;
  #ahead = HEAD_BYTES;
  #holdsAll = true;
  /** Buffer of the current piece unless everything is kept, so that a walk takes the memory of one piece. */
  #room: Uint8Array | undefined;

  private constructor(source: ByteReader, budget: ReadBudget) {
    this.#source = source;
    this.#budget = budget;
    this.size = source.size;
  }

  static async open(source: ByteReader, budget: ReadBudget = CONTENTS_BUDGET): Promise<FrugalReader> {
    const reader = new FrugalReader(source, budget);
    const { size } = source;
    if (size <= WHOLE_BYTES) {
      if (size > 0) reader.#hold(0, await reader.#fetch(0, size));
      return reader;
    }
    const { tailOffset } = reader;
    const [head, tail] = await Promise.all([
      reader.#fetch(0, HEAD_BYTES),
      reader.#fetch(tailOffset, TAIL_BYTES),
    ]);
    reader.#hold(0, head);
    reader.#hold(tailOffset, tail);
    reader.#holdsAll = String.fromCharCode(...head.subarray(0, BLEND_MAGIC.length)) !== BLEND_MAGIC;
    return reader;
  }

  /** The bytes from here to the end are in memory from the start. */
  get tailOffset(): number {
    return Math.max(this.size - TAIL_BYTES, 0);
  }

  /** Whether the reader keeps everything of a file that is not small. */
  get holdsAll(): boolean {
    return this.#holdsAll && this.size > WHOLE_BYTES;
  }

  get heldBytes(): number {
    return this.#parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Reads forward from now on. With `again`, the walk may start over, and everything is kept until then. */
  startWalk(again = false): void {
    this.#holdsAll = again;
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const part = this.#partAt(offset);
    if (part === undefined || end > part.start + part.bytes.length) return undefined;
    return part.bytes.subarray(offset - part.start, end - part.start);
  }

  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    for (let position = offset; position < end;) {
      const part = this.#partAt(position);
      if (part !== undefined) position = part.start + part.bytes.length;
      else await this.#fetchFor(position, end, offset);
    }
    return this.peek(offset, length) ?? this.#join(offset, end, room);
  }

  /** Fetches `position` and a suitable number of bytes after it. */
  async #fetchFor(position: number, neededEnd: number, readOffset: number): Promise<void> {
    const before = this.#fetched.findLast(({ start }) => start <= position)?.end ?? 0;
    // The position was dropped, follows fetched bytes, or follows a gap.
    const gap = Math.max(position - before, 0);
    const jumps = gap > GAP_WORTH_A_REQUEST;
    const start = jumps ? position : position - gap;
    this.#ahead = jumps ? AFTER_JUMP_BYTES : this.#ahead < NEXT_BYTES ? NEXT_BYTES : DENSE_BYTES;

    const barrier = this.#parts.find((part) => part.start > position)?.start ?? this.size;
    const least = Math.min(neededEnd, barrier) - start;
    const bytes = Math.min(
      Math.max(this.#ahead, least),
      barrier - start,
      Math.max(this.#budget.bytes - this.#bytes, least),
    );

    if (this.#holdsAll) this.#hold(start, await this.#fetch(start, bytes));
    else await this.#fetchInRoom(start, bytes, readOffset);
  }

  /** Drops what a read from `readOffset` on does not need, and appends the new piece. */
  async #fetchInRoom(start: number, length: number, readOffset: number): Promise<void> {
    this.#room ??= new Uint8Array(Math.min(DENSE_BYTES + MAX_REST_BYTES, this.size));
    const room = this.#room;
    const held = this.#parts.find(({ bytes }) => bytes.buffer === room.buffer);
    this.#parts = this.#parts.filter(
      (part) =>
        part !== held && (part.start >= this.tailOffset || part.start + part.bytes.length > readOffset),
    );
    const rest = held?.bytes.subarray(Math.max(readOffset - held.start, 0)) ?? new Uint8Array(0);
    const followsRest = held !== undefined && held.start + held.bytes.length === start;
    if (!followsRest || rest.length + length > room.length) {
      if (held !== undefined && rest.length > 0)
        this.#hold(held.start + held.bytes.length - rest.length, rest.slice());
      const fits = length <= room.length;
      this.#hold(start, await this.#fetch(start, length, fits ? room : undefined));
      return;
    }
    room.set(rest);
    const place = room.subarray(rest.length, rest.length + length);
    const bytes = await this.#fetch(start, length, place);
    if (bytes.buffer !== room.buffer) place.set(bytes);
    this.#hold(start - rest.length, room.subarray(0, rest.length + length));
  }

  async #fetch(start: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    if (this.#holdsAll && this.#bytes + length > MAX_HELD_BYTES)
      throw new ReadBudgetSpent(`${MAX_HELD_BYTES >> 20} MiB of a compressed file in memory`);
    checkReadBudget(this.#budget, this.#requests + 1, this.#bytes + length);
    this.#requests += 1;
    this.#bytes += length;
    const bytes = await this.#source.read(start, length, room);
    if (bytes.length < length) {
      throw new BlendFormatError(
        'truncated',
        start + bytes.length,
        `the file ends before its ${this.size} bytes`,
      );
    }
    this.#fetched = merged([...this.#fetched, { start, end: start + length }]);
    return bytes;
  }

  #hold(start: number, bytes: Uint8Array): void {
    this.#parts = [...this.#parts, { start, bytes }].toSorted((a, b) => a.start - b.start);
  }

  #partAt(offset: number): Part | undefined {
    return this.#parts.find(({ start, bytes }) => start <= offset && offset < start + bytes.length);
  }

  /** Joins adjacent parts. */
  #join(offset: number, end: number, room?: Uint8Array): Uint8Array {
    const result = room?.subarray(0, end - offset) ?? new Uint8Array(end - offset);
    for (const { start, bytes } of this.#parts) {
      if (start + bytes.length <= offset || start >= end) continue;
      const from = Math.max(offset, start);
      result.set(bytes.subarray(from - start, end - start), from - offset);
    }
    return result;
  }
}

function merged(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const { start, end } of intervals.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && start <= last.end) {
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, end) };
    } else {
      result.push({ start, end });
    }
  }
  return result;
}
