import { BlendFormatError } from '../blend/header';

/** As little-endian integers, from RFC 8878, sections 3.1.1 and 3.1.2. */
export const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/**
 * What the RFC recommends decoders to support (section 3.1.1.1.2), since a decoder has to set that much memory aside.
 * Blender's own frames ask for 2 MiB at most.
 */
const MAX_WINDOW_BYTES = 8 << 20;

/** What a block may unpack to at most. */
export const MAX_ZSTD_BLOCK_BYTES = 128 << 10;

/** Bytes to read for `parseZstdFrameHeader`, fewer at the end of the file. */
export const MAX_ZSTD_HEADER_BYTES = 18;

export const ZSTD_BLOCK_HEADER_BYTES = 3;

/** The start of one frame of a zstd file. */
export interface ZstdFrameHeader {
  /** Bytes up to the first block; of a skippable frame, all of its bytes. */
  readonly bytes: number;
  /** A skippable frame holds a seek table or the like, nothing to unpack. */
  readonly skippable: boolean;
  /** Bytes that it says it unpacks to, where it says so. */
  readonly contentBytes: number | undefined;
  /** How far back its blocks may point. */
  readonly windowBytes: number;
  /** Bytes after the last block. */
  readonly checksumBytes: 0 | 4;
}

/**
 * Reads the header of the frame that starts with `bytes` (RFC 8878, section 3.1.1). A decoder may trust what passes:
 * its window is not absurd, it needs no dictionary. `offset` is where it stands in the file, for errors.
 * `undefined` where no frame starts. Throws `bad-zstd`, `too-large` and `truncated`.
 */
export function parseZstdFrameHeader(bytes: Uint8Array, offset: number): ZstdFrameHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return undefined;
  const magic = view.getUint32(0, true);
  const end = offset + bytes.length;
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
    if (bytes.length < 8) throw zstdTruncated(end);
    const skipped = 8 + view.getUint32(4, true);
    return { bytes: skipped, skippable: true, contentBytes: 0, windowBytes: 0, checksumBytes: 0 };
  }
  if (magic !== ZSTD_MAGIC) return undefined;

  if (bytes.length < 6) throw zstdTruncated(end);
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame header is damaged');
  if (descriptor & 0x03) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame asks for a dictionary');

  const sizeField = descriptor >> 6;
  const sizeFieldBytes = sizeField > 0 ? 1 << sizeField : singleSegment ? 1 : 0;
  const sizeFieldOffset = singleSegment ? 5 : 6;
  const headerBytes = sizeFieldOffset + sizeFieldBytes;
  if (bytes.length < headerBytes) throw zstdTruncated(end);
  const contentBytes = contentBytesOf(view, sizeFieldOffset, sizeFieldBytes);
  const windowBytes = singleSegment ? contentBytes! : windowBytesOf(view.getUint8(5));
  if (windowBytes > MAX_WINDOW_BYTES) {
    throw new BlendFormatError('too-large', offset, `a zstd frame asks for a window of ${windowBytes} bytes`);
  }
  const checksumBytes = descriptor & 0x04 ? 4 : 0;
  return { bytes: headerBytes, skippable: false, contentBytes, windowBytes, checksumBytes };
}

/** One block within a frame. */
export interface ZstdBlock {
  /** With its header. */
  readonly bytes: number;
  /** Whether the frame ends with it. */
  readonly last: boolean;
}

/** Reads the three bytes of a block's header (RFC 8878, section 3.1.1.2). Throws `truncated` for fewer, and `bad-zstd`. */
export function parseZstdBlock(bytes: Uint8Array, offset: number): ZstdBlock {
  if (bytes.length < ZSTD_BLOCK_HEADER_BYTES) throw zstdTruncated(offset + bytes.length);
  const word = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
  const type = (word >> 1) & 3;
  const size = word >> 3;
  if (type === 3 || size > MAX_ZSTD_BLOCK_BYTES) {
    throw new BlendFormatError('bad-zstd', offset, 'a zstd block is damaged');
  }
  // Type 1 is one byte, to be repeated.
  return { bytes: ZSTD_BLOCK_HEADER_BYTES + (type === 1 ? 1 : size), last: (word & 1) === 1 };
}

/** `offset` is where the file ends. */
export function zstdTruncated(offset: number): BlendFormatError {
  return new BlendFormatError('truncated', offset, 'the zstd data ends early');
}

function contentBytesOf(view: DataView, offset: number, fieldBytes: number): number | undefined {
  switch (fieldBytes) {
    case 1:
      return view.getUint8(offset);
    case 2:
      return view.getUint16(offset, true) + 256;
    case 4:
      return view.getUint32(offset, true);
    case 8:
      return Number(view.getBigUint64(offset, true));
    default:
      return undefined;
  }
}

function windowBytesOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
