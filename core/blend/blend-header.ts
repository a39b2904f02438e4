import { BlendFormatError } from './blend-format-error';

export const BLEND_MAGIC = 'BLENDER';

/** Bytes to read at offset 0 for `parseBlendHeader`; enough for both formats. */
export const MAX_BLEND_HEADER_BYTES = 17;

/** What the first bytes of an unpacked `.blend` tell of all others. */
export interface BlendHeader {
  readonly version: BlenderVersion;
  readonly littleEndian: boolean;
  readonly pointerBytes: 4 | 8;
  /** 0: written by Blender ≤ 4.5; 1: by Blender ≥ 5.0. Decides the shape of block headers. */
  readonly format: 0 | 1;
  /** Where the first block starts. */
  readonly length: number;
}

export interface BlenderVersion {
  readonly major: number;
  readonly minor: number;
  /** As Blender spells it: `2.79`, `2.80`, `3.4`, `5.0`. */
  readonly text: string;
}

/**
 * Reads the file header. The formats are those of Blender's `BLO_core_blend_header.hh`: 12 bytes up to 4.5
 * (`BLENDER-v304`: pointer size, byte order, version), 17 bytes since 5.0 (`BLENDER17-01v0500`: header size, format).
 * Throws `not-blend`, `truncated`, and `future-format` for a header of neither kind.
 */
export function parseBlendHeader(bytes: Uint8Array): BlendHeader {
  const text = String.fromCharCode(...bytes.subarray(0, MAX_BLEND_HEADER_BYTES));
  if (text.length === 0) throw new BlendFormatError('not-blend', 0, 'the file is empty');
  if (!text.startsWith(BLEND_MAGIC)) {
    const cutShort = text.length < BLEND_MAGIC.length && BLEND_MAGIC.startsWith(text);
    // Only its first bytes are here: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    if (text.startsWith('version https://g'))
      throw new BlendFormatError(
        'lfs-pointer',
        0,
        'it names the scene for Git LFS and is not the scene itself',
      );
    if (!cutShort) throw new BlendFormatError('not-blend', 0, 'it does not begin as a .blend does');
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
    'the header is damaged or of a newer format than that of Blender 5',
  );
}

function versionOf(number: number): BlenderVersion {
  const major = Math.floor(number / 100);
  const minor = number % 100;
  // Up to 2.93 the minor version was spoken and written with two digits.
  return { major, minor, text: `${major}.${major < 3 ? String(minor).padStart(2, '0') : minor}` };
}
