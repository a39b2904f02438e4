import * as zlib from 'node:zlib';
import { messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import { ZstdBlockDecoder } from './zstd-block-decoder';
import type { ZstdFrameHeader } from './zstd-frame';

type NativeDecoder = (frame: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node ≥ 22.15 has zstd built in: several times faster, and sound on hostile input. */
const NATIVE: NativeDecoder | undefined = Reflect.get(zlib, 'zstdDecompressSync');

/** Whether whole frames are best unpacked at once, by `unpackNatively`. */
export const UNPACKS_NATIVELY = NATIVE !== undefined;

/**
 * Unpacks exactly one frame, of which it is known that it is whole and that it has to unpack to `bytes`. `offset` tells where
 * it stands in the file, for errors. Throws `bad-zstd`.
 */
export function unpackNatively(frame: Uint8Array, bytes: number, offset: number): Uint8Array {
  let content: Uint8Array | undefined;
  try {
    // It can't be asked for nothing at all.
    content = NATIVE!(frame, { maxOutputLength: Math.max(bytes, 1) });
  } catch (error) {
    throw damagedFrame(offset, error);
  }
  if (content.length !== bytes) throw brokenPromise(bytes, offset);
  return content;
}

/** Unpacks frames block by block. What passes through it has passed `parseZstdFrameHeader` and `parseZstdBlock`. */
export class ZstdDecoder {
  readonly #blocks = new ZstdBlockDecoder();
  #offset = 0;

  /** Begins with the first block of a frame, which stands at `offset`. */
  begin({ windowBytes }: ZstdFrameHeader, offset: number): void {
    this.#blocks.begin(windowBytes);
    this.#offset = offset;
  }

  /** See `ZstdBlockDecoder.decode`. Throws `bad-zstd`. */
  decode(block: Uint8Array, out: Uint8Array, start: number, position: number): number {
    try {
      return this.#blocks.decode(block, out, start, position);
    } catch (error) {
      throw damagedFrame(this.#offset, error);
    }
  }
}

/** For a frame that does not unpack to what it or the seek table says. */
export function brokenPromise(promisedBytes: number, offset: number): BlendFormatError {
  const reason = `a zstd frame does not unpack to the promised ${promisedBytes} bytes`;
  return new BlendFormatError('bad-zstd', offset, reason);
}

function damagedFrame(offset: number, cause: unknown): BlendFormatError {
  return new BlendFormatError('bad-zstd', offset, `a zstd frame is damaged: ${messageOf(cause)}`, { cause });
}
