import { BlendFormatError } from './blend-format-error';
import { BLEND_MAGIC } from './blend-header';
import type { Compression } from './decoded-blend';
import { HEAD_BYTES, TAIL_BYTES } from './ranged-source';

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
