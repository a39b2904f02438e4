import { SpotreelError } from '../../errors';

/**
 * Why Spotreel cannot read a file as a `.blend`.
 *
 * - `not-blend`: another kind of file, or an empty one.
 * - `lfs-pointer`: a pointer that Git LFS left instead of the file.
 * - `future-format`: a header that no Blender known to Spotreel writes.
 * - `truncated`: the file ends early, for example after an interrupted upload.
 * - `bad-block`, `bad-sdna`, `bad-zstd`, `bad-gzip`: that part is damaged.
 * - `too-large`: unpacking would take more memory or time than is allowed.
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

/** What is wrong with the file, before the reason; and what to do, after it. */
const WORDS: Readonly<Record<BlendFormatErrorCode, readonly [what: string, fix: string]>> = {
  'not-blend': ['is not a scene', 'save the scene in Blender (File > Save As) and use that .blend'],
  'lfs-pointer': ['is a Git LFS pointer', 'run git lfs pull'],
  'future-format': ['cannot be read', 'save the scene with an older Blender'],
  truncated: [
    'is cut off',
    'copy or upload it again, or use the backup that Blender keeps beside it (.blend1)',
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
  /** Replaces the reason and the offset. */
  readonly message?: string;
}

/** A file that is not a `.blend`, or is damaged. A retry cannot help: the scene must be uploaded again. */
export class BlendFormatError extends SpotreelError {
  declare readonly code: BlendFormatErrorCode;
  /**
   * Bytes from the start of the unpacked `.blend`; for errors of its compression (`bad-zstd`, `bad-gzip` and their
   * `truncated`), of the file itself.
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

  /** The same error, with the file's name first and what to do last. */
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

export const BLEND_MAGIC = 'BLENDER';

/** Bytes that `parseBlendHeader` needs, for both formats. */
export const MAX_BLEND_HEADER_BYTES = 17;

/** The first bytes of an unpacked `.blend`. */
export interface BlendHeader {
  readonly version: FileVersion;
  readonly littleEndian: boolean;
  readonly pointerBytes: 4 | 8;
  /** 0: written by Blender ≤ 4.5; 1: by Blender ≥ 5.0. Decides the layout of block headers. */
  readonly format: 0 | 1;
  /** Offset of the first block. */
  readonly length: number;
}

export interface FileVersion {
  readonly major: number;
  readonly minor: number;
  /** In Blender's spelling: `2.79`, `2.80`, `3.4`, `5.0`. */
  readonly text: string;
}

/**
 * Reads the file header (Blender's `BLO_core_blend_header.hh`). Up to 4.5 it has 12 bytes (`BLENDER-v304`: pointer size, byte
 * order, version); since 5.0 it has 17 (`BLENDER17-01v0500`: header size, format).
 * Throws `not-blend`, `lfs-pointer`, `truncated`, and `future-format` for any other header.
 */
export function parseBlendHeader(bytes: Uint8Array): BlendHeader {
  const text = String.fromCharCode(...bytes.subarray(0, MAX_BLEND_HEADER_BYTES));
  if (text.length === 0) throw new BlendFormatError('not-blend', 0, 'the file is empty');
  if (!text.startsWith(BLEND_MAGIC)) {
    const cutShort = text.length < BLEND_MAGIC.length && BLEND_MAGIC.startsWith(text);
    // Only the first bytes are available: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    if (text.startsWith('version https://g'))
      throw new BlendFormatError('lfs-pointer', 0, 'Git LFS has not downloaded the scene itself');
    if (!cutShort) throw new BlendFormatError('not-blend', 0, 'it does not start like a .blend');
  }

  const old = /^BLENDER([_-])([vV])(\d{3})/.exec(text);
  if (old) {
    return {
      version: versionOf(Number(old[3])),
      littleEndian: old[2] === 'v',
      pointerBytes: old[1] === '_' ? 4 : 8,
      format: 0,
      length: 12,
    };
  }
  const large = /^BLENDER17-01v(\d{4})/.exec(text);
  if (large) {
    return {
      version: versionOf(Number(large[1])),
      littleEndian: true,
      pointerBytes: 8,
      format: 1,
      length: 17,
    };
  }

  if (text.length < (/^BLENDER\d/.test(text) ? 17 : 12)) {
    throw new BlendFormatError('truncated', text.length, 'the file ends within its header');
  }
  throw new BlendFormatError(
    'future-format',
    BLEND_MAGIC.length,
    'the header is damaged, or its format is newer than that of Blender 5',
  );
}

function versionOf(number: number): FileVersion {
  const major = Math.floor(number / 100);
  const minor = number % 100;
  // Up to 2.93 the minor version has two digits.
  return { major, minor, text: `${major}.${major < 3 ? String(minor).padStart(2, '0') : minor}` };
}

/** One block of a `.blend`: a header (Blender's `BHead`) and its data. The next block follows without a gap. */
export interface Block {
  /** Two or four letters: `SC` for a scene, `DATA`, `GLOB`, `REND`, `DNA1`, `ENDB`. */
  readonly code: string;
  /** Offset of its header. */
  readonly offset: number;
  readonly dataOffset: number;
  /** Bytes of data without the header; checked to be within the file. */
  readonly length: number;
  /** Index of its struct in the SDNA; not checked. */
  readonly sdnaIndex: number;
  /** Its address in the memory of the Blender that wrote it. Pointers use it. */
  readonly address: bigint;
}

/** Bytes of a block header (section "BHead" of Blender's `BLO_core_bhead.hh`). */
export function blockHeaderBytes(header: BlendHeader): number {
  if (header.format === 1) return 32;
  return header.pointerBytes === 8 ? 24 : 20;
}

/**
 * Reads the block header at the start of `bytes`, at `offset` of a file of `size` bytes. Throws `truncated` if the file ends
 * within the block, and `bad-block` if this is not a block header.
 */
export function parseBlockHeader(
  bytes: Uint8Array,
  header: BlendHeader,
  offset: number,
  size: number,
): Block {
  const code = codeOf(bytes);
  const headerBytes = blockHeaderBytes(header);
  // Some writers cut the last header short, and Blender accepts that.
  if (code === 'ENDB') return { code, offset, dataOffset: offset, length: 0, sdnaIndex: 0, address: 0n };
  if (bytes.length < headerBytes) {
    throw new BlendFormatError('truncated', offset, 'the file ends without its end block');
  }
  if (code === '') throw new BlendFormatError('bad-block', offset, 'there is no block header');

  const { length, sdnaIndex, address } = fieldsOf(bytes, header);
  if (length < 0)
    throw new BlendFormatError('bad-block', offset, `the block ${code} has the negative length ${length}`);
  const dataOffset = offset + headerBytes;
  if (dataOffset + length > size) {
    throw new BlendFormatError(
      'truncated',
      offset,
      `the block ${code} is ${length} bytes long but the file ends after ${size - dataOffset} of them`,
    );
  }
  return { code, offset, dataOffset, length, sdnaIndex, address };
}

/** Codes by their four bytes as an integer: a file may have millions of blocks, but only a few dozen codes. */
const CODES = new Map<number, string>();
const MAX_CODES = 1000;

/** The block's code; empty if it cannot be one. */
function codeOf(bytes: Uint8Array): string {
  const key = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24);
  const known = CODES.get(key);
  if (known !== undefined) return known;
  // NULs pad a short code on the right; in big-endian files, where a code is a swapped integer, on the left.
  const text = String.fromCharCode(...bytes.subarray(0, 4)).replaceAll('\0', '');
  const code = /^[A-Z0-9]{2,4}$/i.test(text) ? text : '';
  if (CODES.size < MAX_CODES) CODES.set(key, code);
  return code;
}

/** Headers are copied here to be read: a view for each of millions takes longer. */
const SCRATCH = new Uint8Array(32);
const SCRATCH_VIEW = new DataView(SCRATCH.buffer);

function fieldsOf(bytes: Uint8Array, header: BlendHeader): Pick<Block, 'length' | 'sdnaIndex' | 'address'> {
  const { littleEndian } = header;
  const view = SCRATCH_VIEW;
  SCRATCH.set(bytes.length > SCRATCH.length ? bytes.subarray(0, SCRATCH.length) : bytes);
  if (header.format === 1) {
    // The 64-bit length loses precision beyond 2^53, which no file reaches: `dataOffset + length > size` catches it.
    const length = view.getInt32(20, true) * 2 ** 32 + view.getUint32(16, true);
    return { sdnaIndex: view.getInt32(4, true), address: view.getBigUint64(8, true), length };
  }
  const length = view.getInt32(4, littleEndian);
  return header.pointerBytes === 8
    ? { length, address: view.getBigUint64(8, littleEndian), sdnaIndex: view.getInt32(16, littleEndian) }
    : {
        length,
        address: BigInt(view.getUint32(8, littleEndian)),
        sdnaIndex: view.getInt32(12, littleEndian),
      };
}

/** The last part of a URL, decoded. */
export function fileNameOf(url: URL): string {
  const segment = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
