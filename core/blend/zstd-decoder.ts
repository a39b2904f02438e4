import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { codeOf, messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import { DecodeClock } from './decode-clock';
import { unpacksTooLarge } from './kept-ends';
import { MAX_ZSTD_BLOCK_BYTES, ZSTD_MAGIC, type ZstdFrameHeader } from './zstd-frame';

type NativeDecoder = (frame: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node ≥ 22.15 has zstd built in: some thirty times faster, and sound on hostile input. */
const NATIVE: NativeDecoder | undefined = Reflect.get(zlib, 'zstdDecompressSync');

/** Unpacks the frames of one file. What passes through it has passed `parseZstdFrameHeader` and `parseZstdBlock`. */
export class ZstdDecoder {
  readonly #native: NativeDecoder | undefined;
  readonly #clock: DecodeClock;

  /** The options are for tests: `native: false` takes the decoder of older Nodes. */
  constructor(options: { native?: boolean; graceMilliseconds?: number } = {}) {
    this.#native = options.native === false ? undefined : NATIVE;
    this.#clock = new DecodeClock(options.graceMilliseconds);
  }

  /** Whether a whole frame is best unpacked at once; if not, it may be as well stopped in the middle. */
  get isNative(): boolean {
    return this.#native !== undefined;
  }

  /**
   * Unpacks exactly one frame, of which it is known that it is whole. `promisedBytes` is what it has to unpack to,
   * where that is known; `offset` tells where it stands in the file, for errors.
   * Throws `too-large` past `limitBytes`, and `bad-zstd`.
   */
  decode(
    frame: Uint8Array,
    promisedBytes: number | undefined,
    limitBytes: number,
    offset: number,
  ): Uint8Array {
    if (promisedBytes !== undefined && promisedBytes > limitBytes) throw unpacksTooLarge('zstd', offset);
    const content = this.#decodeUpTo(frame, promisedBytes ?? limitBytes, offset);
    if (content === undefined && promisedBytes === undefined) throw unpacksTooLarge('zstd', offset);
    if (promisedBytes !== undefined && content?.length !== promisedBytes) {
      throw brokenPromise(promisedBytes, offset);
    }
    return content!;
  }

  /** Begins to unpack the frame with that header, which stands at `offset`, to be pushed piece by piece. */
  begin(header: ZstdFrameHeader, offset: number): ZstdFrameStream {
    return new ZstdFrameStream(this.#clock, header, offset);
  }

  /** `undefined` where there is more than that. */
  #decodeUpTo(frame: Uint8Array, maxBytes: number, offset: number): Uint8Array | undefined {
    if (this.#native === undefined) return this.#decodeStreamed(frame, maxBytes, offset);
    try {
      // It can't be asked for nothing at all.
      return this.#native(frame, { maxOutputLength: Math.max(maxBytes, 1) });
    } catch (error) {
      if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined;
      throw damagedFrame(offset, error);
    }
  }

  #decodeStreamed(frame: Uint8Array, maxBytes: number, offset: number): Uint8Array | undefined {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      this.#clock.run(maxBytes, () => {
        const stream = new Decompress((chunk) => {
          size += chunk.length;
          if (size > maxBytes) throw new LimitReached();
          chunks.push(chunk);
        });
        stream.push(frame, true);
        return size;
      });
    } catch (error) {
      if (error instanceof LimitReached) return undefined;
      throw damagedFrame(offset, error);
    }
    return Buffer.concat(chunks, size);
  }
}

/** One frame, unpacked by fzstd as its blocks come. */
export class ZstdFrameStream {
  readonly #clock: DecodeClock;
  readonly #offset: number;
  readonly #stream: Decompress;
  #chunks: Uint8Array[] = [];

  constructor(clock: DecodeClock, header: ZstdFrameHeader, offset: number) {
    this.#clock = clock;
    this.#offset = offset;
    this.#stream = new Decompress((chunk) => this.#chunks.push(chunk));
    this.#stream.push(frugalHeader(header), false);
  }

  /**
   * Unpacks the next `blocks` blocks, each of them whole in one of the parts; the last one's part is followed by the frame's
   * checksum, in the same part or another. Throws `bad-zstd`.
   */
  push(parts: readonly Uint8Array[], blocks: number, last: boolean): readonly Uint8Array[] {
    this.#chunks = [];
    try {
      this.#clock.run(blocks * MAX_ZSTD_BLOCK_BYTES, () => {
        for (const [index, part] of parts.entries()) {
          this.#stream.push(part, last && index === parts.length - 1);
        }
        return bytesIn(this.#chunks);
      });
    } catch (error) {
      throw damagedFrame(this.#offset, error);
    }
    return this.#chunks;
  }
}

/** The sum of their lengths. */
export function bytesIn(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/**
 * A frame header for fzstd, which sets the whole window aside and moves all of it for every block: no larger than what the
 * frame says it holds. Not below a block's size, so that a frame that lies about that shows.
 */
function frugalHeader({ contentBytes, windowBytes, checksumBytes }: ZstdFrameHeader): Uint8Array {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt32LE(ZSTD_MAGIC, 0);
  // One segment, whose size is told in four bytes.
  bytes[4] = 0xa0 | checksumBytes;
  const content = Math.max(contentBytes ?? windowBytes, MAX_ZSTD_BLOCK_BYTES);
  bytes.writeUInt32LE(Math.min(content, Math.max(windowBytes, MAX_ZSTD_BLOCK_BYTES)), 5);
  return bytes;
}

class LimitReached extends Error {}

/** For a frame that does not unpack to what it or the seek table says. */
export function brokenPromise(promisedBytes: number, offset: number): BlendFormatError {
  const reason = `a zstd frame does not unpack to the promised ${promisedBytes} bytes`;
  return new BlendFormatError('bad-zstd', offset, reason);
}

function damagedFrame(offset: number, cause: unknown): BlendFormatError {
  return new BlendFormatError('bad-zstd', offset, `a zstd frame is damaged: ${messageOf(cause)}`, { cause });
}
