import { BlendFormatError } from './blend-format-error';
import type { Compression, DecodedBlend, DecodeLimits } from './decoded-blend';
import { KeptEnds } from './kept-ends';
import { ReadBudgetSpent } from './ranged-source';

const EMPTY = new Uint8Array(0);

type StreamLimits = Pick<DecodeLimits, 'wholeBytes' | 'headBytes'>;

/** Unpacks a file from its start; what it gives is valid until the next is asked for, and may be dropped at any point. */
export type Unpack = () => AsyncIterable<Uint8Array>;

/**
 * The unpacked bytes of a file that can only be unpacked from its start: once in the beginning, when its two ends are
 * kept, and again for whatever else is read of it, as far as that lies. So reading forward takes two passes; reading to
 * and fro takes more.
 */
export class StreamedBlend implements DecodedBlend {
  readonly compression: Compression;
  readonly size: number;
  readonly tailOffset: number;
  readonly cut: boolean;
  readonly #ends: KeptEnds;
  readonly #unpack: Unpack;
  #pass: AsyncIterator<Uint8Array> | undefined;
  #chunk: Uint8Array = EMPTY;
  #chunkStart = 0;

  private constructor(compression: Compression, ends: KeptEnds, unpack: Unpack, cut: boolean) {
    this.compression = compression;
    this.size = ends.size;
    this.tailOffset = ends.tailOffset;
    this.cut = cut;
    this.#ends = ends;
    this.#unpack = unpack;
  }

  /** Throws what `unpack` throws but for `ReadBudgetSpent`, `too-large` past the limit, and `not-blend`. */
  static async open(compression: Compression, unpack: Unpack, limits: StreamLimits): Promise<StreamedBlend> {
    const ends = new KeptEnds(compression, limits.wholeBytes, limits.headBytes);
    let cut = false;
    try {
      for await (const chunk of unpack()) ends.append(chunk);
    } catch (error) {
      if (!(error instanceof ReadBudgetSpent)) throw error;
      cut = true;
    }
    return new StreamedBlend(compression, ends, unpack, cut);
  }

  peek(offset: number, length: number): Uint8Array | undefined {
    return this.#ends.peek(offset, length);
  }

  async read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array> {
    const kept = this.peek(offset, length);
    if (kept !== undefined) return kept;
    const wanted = Math.min(offset + length, this.size) - offset;
    const result = room?.subarray(0, wanted) ?? new Uint8Array(wanted);
    for (let filled = 0; filled < result.length;) {
      const chunk = await this.#chunkAt(offset + filled);
      const part = chunk.subarray(offset + filled - this.#chunkStart).subarray(0, result.length - filled);
      result.set(part, filled);
      filled += part.length;
    }
    return result;
  }

  /** The chunk that holds `offset`, which is less than `size`. */
  async #chunkAt(offset: number): Promise<Uint8Array> {
    if (this.#pass === undefined || offset < this.#chunkStart) {
      await this.#pass?.return?.();
      this.#pass = this.#unpack()[Symbol.asyncIterator]();
      this.#chunk = EMPTY;
      this.#chunkStart = 0;
    }
    while (offset >= this.#chunkStart + this.#chunk.length) {
      // It is valid until then.
      this.#chunkStart += this.#chunk.length;
      this.#chunk = EMPTY;
      const next = await this.#pass.next();
      // Only where the file was written to meanwhile: a source is pinned to one version where that can be done.
      if (next.done)
        throw new BlendFormatError('truncated', offset, 'the file ended early when it was read again');
      this.#chunk = next.value;
    }
    return this.#chunk;
  }
}
