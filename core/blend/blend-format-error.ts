import { SpotreelError } from '../errors';

/**
 * Why a file can't be read as a `.blend`.
 *
 * - `not-blend`: another kind of file, or nothing at all.
 * - `lfs-pointer`: what Git LFS leaves in place of a file that was not fetched.
 * - `future-format`: a header that no Blender known to Spotreel writes.
 * - `truncated`: the file ends early, as after an upload that broke off.
 * - `bad-block`, `bad-sdna`, `bad-zstd`, `bad-gzip`: that part is damaged.
 * - `too-large`: unpacking it would take more memory or time than is allowed.
 * - `no-scene`: a whole file without a scene of its own.
 */
export type BlendFormatErrorCode =
  | 'not-blend'
  | 'lfs-pointer'
  | 'future-format'
  | 'truncated'
  | 'bad-block'
  | 'bad-sdna'
  | 'bad-zstd'
  | 'bad-gzip'
  | 'too-large'
  | 'no-scene';

/** What is wrong with the file, in front of the reason, and what to do, behind it. */
const WORDS: Readonly<Record<BlendFormatErrorCode, readonly [what: string, fix: string]>> = {
  'not-blend': ['is no scene', 'save the scene in Blender (File > Save As) and give that .blend'],
  'lfs-pointer': ['is a Git LFS pointer', 'run git lfs pull'],
  'future-format': ['can not be read', 'save the scene with an older Blender'],
  truncated: [
    'is cut off',
    'copy or upload it again, or take the backup that Blender keeps beside it (.blend1)',
  ],
  'bad-block': [
    'is damaged',
    'copy or upload it again, or open it in Blender and save it under another name',
  ],
  'bad-sdna': ['is damaged', 'copy or upload it again, or open it in Blender and save it under another name'],
  'bad-zstd': ['is damaged', 'copy or upload it again, or open it in Blender and save it under another name'],
  'bad-gzip': ['is damaged', 'copy or upload it again, or open it in Blender and save it under another name'],
  'too-large': ['is too large to unpack', 'save it in Blender without File > Save As > Compress'],
  'no-scene': ['has nothing to render', 'save it in Blender with a scene'],
};

interface FormatErrorOptions {
  readonly cause?: unknown;
  /** In place of the reason and the offset. */
  readonly message?: string;
}

/** A file that is no `.blend`, or a damaged one. Trying again can't help: the scene has to be uploaded again. */
export class BlendFormatError extends SpotreelError {
  declare readonly code: BlendFormatErrorCode;
  /**
   * Bytes from the start: of the unpacked `.blend` for what stands in it, of the file itself where its
   * compression is at fault (`bad-zstd`, `bad-gzip`, and `truncated` of those).
   */
  readonly offset: number;
  readonly reason: string;

  constructor(
    code: BlendFormatErrorCode,
    offset: number,
    reason: string,
    { cause, message = withOffset(reason, offset) }: FormatErrorOptions = {},
  ) {
    super(code, 'scene', message, { cause });
    this.offset = offset;
    this.reason = reason;
  }

  /** The same error with the file's name in front of its message, and what to do behind it. */
  inFile(name: string): BlendFormatError {
    const { code, offset, reason } = this;
    const [what, fix] = WORDS[code];
    const message = `${name} ${what}: ${withOffset(reason, offset)}; ${fix}`;
    return new BlendFormatError(code, offset, reason, { message, cause: this });
  }
}

function withOffset(reason: string, offset: number): string {
  return offset === 0 ? reason : `${reason} (at 0x${offset.toString(16)})`;
}
