/** Random access to bytes. A `ByteSource` is one, and so is what lies unpacked within it. */
export interface ByteReader {
  /** Bytes. */
  readonly size: number;
  /**
   * `length` bytes from `offset`, fewer at the end. Not to be written to. `room`, of that length at least, is where they may
   * be put if they are not in memory already.
   */
  read(offset: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  /** The same bytes if they lie in memory already; `undefined` where it would take a request or work to get them. */
  peek?(offset: number, length: number): Uint8Array | undefined;
}

/** How a `.blend` is packed: by Blender up to 2.93 with gzip, since 3.0 with zstd, and always only if asked to. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** The unpacked bytes of a `.blend`, from `BLENDER` to `ENDB`, whatever they are packed in. */
export interface DecodedBlend extends ByteReader {
  readonly compression: Compression;
  /** From here on to the end the bytes can be had at once: they are in memory, or in the last frame of a zstd file. */
  readonly tailOffset: number;
  /**
   * Set where the source gave no more (`ReadBudgetSpent`) before a file that can only be unpacked from its start was
   * through: `size` is then what was unpacked, not the file's.
   */
  readonly cut?: boolean;
}

/** How much may be unpacked before `too-large` is thrown, so that a few hostile kilobytes can't take hours. */
export interface DecodeLimits {
  /** Bytes unpacked in one pass through a file that can only be unpacked from its start. They are not held. */
  readonly wholeBytes: number;
  /** The first bytes of these that are held, so that they need not be unpacked again. 8 MiB. */
  readonly headBytes?: number;
  /** Bytes unpacked in all of a zstd file with a seek table, of which only a few frames are held. */
  readonly seekableBytes: number;
}

/**
 * 1 GiB is 16 times the 64 MiB of packed bytes that `RangedSource` gives, and real files seldom pack to less than a fifth;
 * zlib takes a few seconds for it. 4 GiB are for walks through large files, of which most is jumped over.
 */
export const DECODE_LIMITS: DecodeLimits = { wholeBytes: 2 ** 30, seekableBytes: 2 ** 32 };
