import { BlendFormatError } from './blend-format-error';
import { BLEND_MAGIC } from './blend-header';
import type { Compression, DecodedBlend } from './decoded-blend';

/** The unpacked bytes of a file that can only be unpacked whole, held in memory as they came. */
export class DecodedChunks implements DecodedBlend {
  readonly compression: Compression;
  size = 0;
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  readonly #starts: number[] = [];
  #isBlend = false;

  /** `limit` in bytes. */
  constructor(compression: Compression, limit: number) {
    this.compression = compression;
    this.#limit = limit;
  }

  /** Throws `too-large` past the limit and `not-blend` as soon as the first bytes show it: bombs seldom bother. */
  append(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.size + chunk.length > this.#limit) throw unpacksTooLarge(this.compression, this.size);
    this.#starts.push(this.size);
    this.#chunks.push(chunk);
    this.size += chunk.length;
    if (!this.#isBlend && this.size >= BLEND_MAGIC.length) this.#checkMagic();
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#copy(offset, length);
  }

  #checkMagic(): void {
    const magic = this.#copy(0, BLEND_MAGIC.length);
    if (String.fromCharCode(...magic) !== BLEND_MAGIC) {
      throw new BlendFormatError(
        'not-blend',
        0,
        `what the ${this.compression} file unpacks to is not a .blend`,
      );
    }
    this.#isBlend = true;
  }

  #copy(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) return new Uint8Array(0);
    let index = this.#indexAt(offset);
    const first = this.#chunks[index]!.subarray(offset - this.#starts[index]!);
    if (first.length >= end - offset) return first.subarray(0, end - offset);
    const result = new Uint8Array(end - offset);
    result.set(first);
    for (let filled = first.length; filled < result.length;) {
      const chunk = this.#chunks[++index]!.subarray(0, result.length - filled);
      result.set(chunk, filled);
      filled += chunk.length;
    }
    return result;
  }

  /** The chunk that holds `offset`, which is less than `size`. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** For a file that has to be unpacked whole and is too large for that. */
export function unpacksTooLarge(compression: Compression, offset: number): BlendFormatError {
  return new BlendFormatError(
    'too-large',
    offset,
    `the ${compression} file is too large to be unpacked whole, and can't be in parts; ` +
      'save it uncompressed, or compressed with Blender 3.0 or newer',
  );
}
