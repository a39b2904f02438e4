import { BlendFormatError } from './blend-format-error';
import { ByteWindow, FRUGAL } from './byte-window';
import type { ByteReader, DecodedBlend } from './decoded-blend';
import { FrameCache, type ReadFrame } from './frame-cache';
import type { SeekTable } from './zstd-seek-table';

/** Random access to what a zstd file unpacks to, by its seek table; holds the last few frames that were unpacked. */
export class SeekableZstdBlend implements DecodedBlend {
  readonly compression = 'zstd';
  readonly size: number;
  /** Blender puts `DNA1` and the end block into a frame of their own, the last. */
  readonly tailOffset: number;
  readonly #source: ByteReader;
  /** Many frames in a request. */
  readonly #window: ByteWindow;
  readonly #table: SeekTable;
  readonly #frames: FrameCache;
  #bytesLeft: number;

  /** `table` has one entry at least; `limitBytes` is how much may be unpacked in all. */
  constructor(source: ByteReader, table: SeekTable, limitBytes: number) {
    this.#source = source;
    this.#window = new ByteWindow(source, FRUGAL);
    this.#table = table;
    this.#bytesLeft = limitBytes;
    this.size = table.bytes;
    this.tailOffset = table.at(table.length - 1).start;
    this.#frames = new FrameCache(this.size + source.size);
  }

  /** Throws `bad-zstd` and `too-large`. */
  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const result = room?.subarray(0, end - offset) ?? new Uint8Array(end - offset);
    for (let position = offset, index = this.#table.indexAt(offset); position < end; index++) {
      const part = await this.#partOf(index, position, end);
      result.set(part, position - offset);
      position += part.length;
    }
    return result;
  }

  /** What the frame has of these bytes. */
  async #partOf(index: number, offset: number, end: number): Promise<Uint8Array> {
    const { start, bytes } = this.#table.at(index);
    const read = this.#frames.get(index) ?? (await this.#open(index));
    return read(offset - start, Math.min(end - start, bytes));
  }

  async #open(index: number): Promise<ReadFrame> {
    const entry = this.#table.at(index);
    this.#bytesLeft -= entry.bytes;
    if (this.#bytesLeft < 0) {
      const reason = 'the file has too much in small blocks to be read through';
      throw new BlendFormatError('too-large', entry.offset, reason);
    }
    return this.#frames.add(index, entry, await this.#packed(entry.offset, entry.packedBytes));
  }

  /** Without read-ahead where it is held: that might ask for more than is. */
  async #packed(offset: number, length: number): Promise<Uint8Array> {
    return this.#source.peek?.(offset, length) ?? this.#window.read(offset, length);
  }
}
