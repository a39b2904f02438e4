import { BlendFormatError } from './blend-format-error';
import { ByteWindow } from './byte-window';
import type { ByteReader, DecodedBlend, DecodeLimits } from './decoded-blend';
import { DecodedChunks, unpacksTooLarge } from './decoded-chunks';
import { ZstdDecoder } from './zstd-decoder';
import { measureZstdFrame, memoryReader, type ZstdFrame } from './zstd-frame';
import { readSeekTable, type SeekEntry } from './zstd-seek-table';

const CACHED_FRAMES = 4;

/**
 * Unpacks a `.blend` that Blender ≥ 3.0 saved compressed: with its seek table only the frames that are read, without
 * one the whole file into memory. Throws `bad-zstd`, `truncated`, `too-large`, `not-blend`.
 */
export async function decodeZstdBlend(source: ByteReader, limits: DecodeLimits): Promise<DecodedBlend> {
  const table = await readSeekTable(source);
  return table && table.length > 0
    ? new SeekableZstdBlend(source, table, limits.seekableBytes)
    : await decodeWhole(source, limits.wholeBytes);
}

/** Random access by the seek table; holds the last few frames that were unpacked. */
class SeekableZstdBlend implements DecodedBlend {
  readonly compression = 'zstd';
  readonly size: number;
  readonly #source: ByteReader;
  readonly #table: readonly SeekEntry[];
  readonly #decoder = new ZstdDecoder();
  /** By index into the table; a `Map` remembers the order of insertion, so the first is the oldest. */
  readonly #frames = new Map<number, Uint8Array>();
  #bytesLeft: number;

  constructor(source: ByteReader, table: readonly SeekEntry[], limitBytes: number) {
    this.#source = source;
    this.#table = table;
    this.#bytesLeft = limitBytes;
    const last = table[table.length - 1]!;
    this.size = last.start + last.bytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    const result = new Uint8Array(end - offset);
    for (let index = this.#indexAt(offset), position = offset; position < end; index++) {
      const entry = this.#table[index]!;
      const frame = await this.#frame(index);
      const part = frame.subarray(position - entry.start, end - entry.start);
      result.set(part, position - offset);
      position += part.length;
    }
    return result;
  }

  async #frame(index: number): Promise<Uint8Array> {
    const cached = this.#frames.get(index);
    if (cached) return cached;
    const frame = await this.#decode(this.#table[index]!);
    for (const oldest of this.#frames.keys()) {
      if (this.#frames.size < CACHED_FRAMES) break;
      this.#frames.delete(oldest);
    }
    this.#frames.set(index, frame);
    return frame;
  }

  async #decode(entry: SeekEntry): Promise<Uint8Array> {
    this.#bytesLeft -= entry.bytes;
    if (this.#bytesLeft < 0) {
      throw new BlendFormatError(
        'too-large',
        entry.offset,
        'the file has too much in small blocks to be read through',
      );
    }
    const packed = await this.#source.read(entry.offset, entry.packedBytes);
    await checkFrame(packed, entry);
    return this.#decoder.decode(packed, entry.bytes, entry.bytes, entry.offset);
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

async function decodeWhole(source: ByteReader, limitBytes: number): Promise<DecodedBlend> {
  const decoded = new DecodedChunks('zstd', limitBytes);
  const decoder = new ZstdDecoder();
  const window = new ByteWindow(source);
  for (let offset = 0; offset < source.size;) {
    const frame = await measureZstdFrame(window, offset);
    // Bytes after the last frame are none of ours; if something was lost, the end block is missing too.
    if (frame === undefined) break;
    if (!frame.skippable) {
      // The packed bytes come into memory too; they are hardly ever more than the unpacked ones.
      if (frame.end - offset > limitBytes) throw unpacksTooLarge('zstd', offset);
      const packed = await source.read(offset, frame.end - offset);
      decoded.append(decoder.decode(packed, frame.contentBytes, limitBytes - decoded.size, offset));
    }
    offset = frame.end;
  }
  return decoded;
}

/** Throws unless the bytes that the table calls a frame are one, and nothing besides. */
async function checkFrame(packed: Uint8Array, entry: SeekEntry): Promise<void> {
  let frame: ZstdFrame | undefined;
  let cause: unknown;
  try {
    frame = await measureZstdFrame(new ByteWindow(memoryReader(packed)), 0);
  } catch (error) {
    cause = error;
  }
  if (frame === undefined || frame.skippable || frame.end !== entry.packedBytes) {
    throw new BlendFormatError('bad-zstd', entry.offset, 'no zstd frame stands where the seek table tells', {
      cause,
    });
  }
}
