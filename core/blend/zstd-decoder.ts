import vm from 'node:vm';
import * as zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { codeOf, messageOf } from '../errors';
import { BlendFormatError } from './blend-format-error';
import { unpacksTooLarge } from './decoded-chunks';

type NativeDecoder = (frame: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Node ≥ 22.15 has zstd built in: some thirty times faster, and sound on hostile input. */
const NATIVE: NativeDecoder | undefined = Reflect.get(zlib, 'zstdDecompressSync');

/** fzstd unpacks about 30 MiB in a second; a frame that takes much longer means harm. */
const GRACE_MILLISECONDS = 10_000;
const MILLISECONDS_PER_MIB = 200;

const DECODE = new vm.Script('decode()');

/** Unpacks the frames of one file. What passes through it passes `measureZstdFrame` first. */
export class ZstdDecoder {
  readonly #native: NativeDecoder | undefined;
  #grantedMilliseconds: number;
  #spentMilliseconds = 0;

  /** The options are for tests: `native: false` takes the decoder of older Nodes. */
  constructor(options: { native?: boolean; graceMilliseconds?: number } = {}) {
    this.#native = options.native === false ? undefined : NATIVE;
    this.#grantedMilliseconds = options.graceMilliseconds ?? GRACE_MILLISECONDS;
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
      throw new BlendFormatError(
        'bad-zstd',
        offset,
        `a zstd frame does not unpack to the promised ${promisedBytes} bytes`,
      );
    }
    return content!;
  }

  /** `undefined` where there is more than that. */
  #decodeUpTo(frame: Uint8Array, maxBytes: number, offset: number): Uint8Array | undefined {
    try {
      // The native decoder can't be asked for nothing at all.
      return this.#native
        ? this.#native(frame, { maxOutputLength: Math.max(maxBytes, 1) })
        : this.#decodeInTime(frame, maxBytes);
    } catch (error) {
      if (error instanceof LimitReached || codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return undefined;
      throw new BlendFormatError('bad-zstd', offset, `a zstd frame is damaged: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** fzstd trusts a block's sequences, and 20 hostile bytes keep it busy for minutes; `vm` can stop it from outside. */
  #decodeInTime(frame: Uint8Array, limitBytes: number): Uint8Array {
    this.#grantedMilliseconds += (limitBytes / 2 ** 20) * MILLISECONDS_PER_MIB;
    const left = Math.ceil(this.#grantedMilliseconds - this.#spentMilliseconds);
    if (left <= 0) throw new Error('it takes far too long to unpack');
    const started = performance.now();
    try {
      let content = new Uint8Array(0);
      const decode = (): void => {
        content = decodeFrame(frame, limitBytes);
      };
      DECODE.runInNewContext({ decode }, { timeout: left });
      return content;
    } finally {
      this.#spentMilliseconds += performance.now() - started;
    }
  }
}

class LimitReached extends Error {}

/** fzstd's streaming interface, since the other one hides how much it really unpacked. */
function decodeFrame(frame: Uint8Array, limitBytes: number): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const stream = new Decompress((chunk) => {
    size += chunk.length;
    if (size > limitBytes) throw new LimitReached();
    chunks.push(chunk);
  });
  stream.push(frame, true);
  return Buffer.concat(chunks, size);
}
