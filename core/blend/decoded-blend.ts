/** Random access to bytes. A `ByteSource` is one, and so is what lies unpacked within it. */
export interface ByteReader {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset`, fewer at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** How a `.blend` is packed: by Blender up to 2.93 with gzip, since 3.0 with zstd, and always only if asked to. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** The unpacked bytes of a `.blend`, from `BLENDER` to `ENDB`, whatever they are packed in. */
export interface DecodedBlend extends ByteReader {
  readonly compression: Compression;
}

/** How much may be unpacked before `too-large` is thrown, so that a few hostile kilobytes can't take the machine. */
export interface DecodeLimits {
  /** Bytes held in memory, for files that can only be unpacked whole. */
  readonly wholeBytes: number;
  /** Bytes unpacked in all, for zstd files with a seek table, of which only a few frames are held. */
  readonly seekableBytes: number;
}

export const DECODE_LIMITS: DecodeLimits = { wholeBytes: 2 ** 30, seekableBytes: 2 ** 32 };
