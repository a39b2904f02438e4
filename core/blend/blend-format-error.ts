import { SpotreelError } from '../errors';

/**
 * Why a file can't be read as a `.blend`.
 *
 * - `not-blend`: another kind of file, or nothing at all.
 * - `future-format`: a header that no Blender known to Spotreel writes.
 * - `truncated`: the file ends early, as after an upload that broke off.
 * - `bad-block`, `bad-sdna`, `bad-zstd`, `bad-gzip`: that part is damaged.
 * - `too-large`: unpacking it would take more memory or time than is allowed.
 * - `no-scene`: a whole file without a scene of its own.
 */
export type BlendFormatErrorCode =
  | 'not-blend'
  | 'future-format'
  | 'truncated'
  | 'bad-block'
  | 'bad-sdna'
  | 'bad-zstd'
  | 'bad-gzip'
  | 'too-large'
  | 'no-scene';

/** A file that is no `.blend`, or a damaged one. Trying again can't help: the scene has to be uploaded anew. */
export class BlendFormatError extends SpotreelError {
  declare readonly code: BlendFormatErrorCode;
  /**
   * Bytes from the start: of the unpacked `.blend` for what stands in it, of the file itself where its
   * compression is at fault (`bad-zstd`, `bad-gzip`, and `truncated` of those).
   */
  readonly offset: number;
  readonly reason: string;

  constructor(code: BlendFormatErrorCode, offset: number, reason: string, options?: { cause?: unknown }) {
    super(code, 'scene', `${reason} (at 0x${offset.toString(16)})`, options);
    this.offset = offset;
    this.reason = reason;
  }

  /** The same error with the name of the file in front of its message. */
  inFile(name: string): BlendFormatError {
    return new BlendFormatError(this.code, this.offset, `${name}: ${this.reason}`, { cause: this });
  }
}
