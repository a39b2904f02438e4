import { BlendFormatError } from './blend-format-error';
import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader, DecodedBlend } from './decoded-blend';
import { SeekableFrame } from './seekable-frame';
import { ZstdDecoder } from './zstd-decoder';
import type { SeekEntry } from './zstd-seek-table';

/** Of Blender's own frames that is two. */
const CACHED_BYTES = 4 << 20;

/** Random access to what a zstd file unpacks to, by its seek table; holds the last few frames that were unpacked. */
export class SeekableZstdBlend implements DecodedBlend {
  readonly compression = 'zstd';
  readonly size: number;
  /** Blender puts `DNA1` and the end block into a frame of their own, the last. */
  readonly tailOffset: number;
  readonly #source: ByteReader;
  /** Many frames in a request. */
  readonly #window: ByteWindow;
  readonly #table: readonly SeekEntry[];
  readonly #decoder = new ZstdDecoder();
  /** By index into the table; a `Map` remembers the order of insertion, so the first is the oldest. */
  readonly #frames = new Map<number, SeekableFrame>();
  #cachedBytes = 0;
  #bytesLeft: number;

  /** `table` has one entry at least; `limitBytes` is how much may be unpacked in all. */
  constructor(source: ByteReader, table: readonly SeekEntry[], limitBytes: number) {
    this.#source = source;
    this.#window = new ByteWindow(source, FRUGAL);
    this.#table = table;
    this.#bytesLeft = limitBytes;
    const last = table[table.length - 1]!;
    this.size = last.start + last.bytes;
    this.tailOffset = last.start;
  }

  /** Throws `bad-zstd` and `too-large`. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    let index = this.#indexAt(offset);
    const first = this.#table[index]!;
    const part = await this.#partOf(index, offset, end);
    if (offset + part.length === end) return part;

    const result = new Uint8Array(end - offset);
    result.set(part);
    for (let position = first.start + first.bytes; position < end;) {
      index += 1;
      const next = await this.#partOf(index, position, end);
      result.set(next, position - offset);
      position += next.length;
    }
    return result;
  }

  /** What the frame has of these bytes. */
  async #partOf(index: number, offset: number, end: number): Promise<Uint8Array> {
    const { start, bytes } = this.#table[index]!;
    const frame = await this.#frame(index);
    return frame.read(offset - start, Math.min(end - start, bytes));
  }

  async #frame(index: number): Promise<SeekableFrame> {
    const cached = this.#frames.get(index);
    if (cached) return cached;
    const entry = this.#table[index]!;
    this.#bytesLeft -= entry.bytes;
    if (this.#bytesLeft < 0) {
      const reason = 'the file has too much in small blocks to be read through';
      throw new BlendFormatError('too-large', entry.offset, reason);
    }
    const packed = await this.#packed(entry.offset, entry.packedBytes);
    const frame = new SeekableFrame(packed, entry, this.#decoder);
    this.#cachedBytes += entry.bytes;
    for (const oldest of this.#frames.keys()) {
      if (this.#cachedBytes <= CACHED_BYTES) break;
      this.#frames.delete(oldest);
      this.#cachedBytes -= this.#table[oldest]!.bytes;
    }
    this.#frames.set(index, frame);
    return frame;
  }

  /** Without read-ahead where it is held: that might ask for more than is. */
  async #packed(offset: number, length: number): Promise<Uint8Array> {
    return this.#source.peek?.(offset, length) ?? this.#window.read(offset, length);
  }

  /** The entry that holds `offset`, which is less than `size`. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#table.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#table[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
