import { BlendFormatError } from './blend-format-error';
import type { ByteWindow } from './byte-window';
import type { ByteReader } from './decoded-blend';

/** As little-endian integers, from RFC 8878, sections 3.1.1 and 3.1.2. */
export const ZSTD_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/** The window that Blender's own decoder allows, zstd's default: a decoder has to set that much memory aside. */
const MAX_WINDOW_BYTES = 128 << 20;
const MAX_BLOCK_BYTES = 128 << 10;
const MAX_FRAME_HEADER_BYTES = 18;

/** Where one frame of a zstd file lies. */
export interface ZstdFrame {
  readonly offset: number;
  /** Where the next frame starts. */
  readonly end: number;
  /** A skippable frame holds a seek table or the like, nothing to unpack. */
  readonly skippable: boolean;
  /** Bytes that it says it unpacks to, where it says so. */
  readonly contentBytes: number | undefined;
}

/**
 * Measures the frame at `offset` by its headers (RFC 8878, section 3.1.1), without unpacking anything. A decoder may
 * trust what passes: the frame is whole, its window is not absurd, it needs no dictionary.
 * `undefined` where no frame starts. Throws `bad-zstd` and `truncated`.
 */
export async function measureZstdFrame(window: ByteWindow, offset: number): Promise<ZstdFrame | undefined> {
  const bytes = await window.read(offset, MAX_FRAME_HEADER_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return undefined;
  const magic = view.getUint32(0, true);
  if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
    if (bytes.length < 8) throw truncated(window.size);
    const end = offset + 8 + view.getUint32(4, true);
    if (end > window.size) throw truncated(window.size);
    return { offset, end, skippable: true, contentBytes: 0 };
  }
  if (magic !== ZSTD_MAGIC) return undefined;

  const { headerBytes, contentBytes, hasChecksum } = parseFrameHeader(view, offset, window.size);
  let end = offset + headerBytes;
  for (let last = false; !last;) {
    const block = window.peek(end, 3) ?? (await window.read(end, 3));
    if (block.length < 3) throw truncated(window.size);
    const word = block[0]! | (block[1]! << 8) | (block[2]! << 16);
    last = (word & 1) === 1;
    const type = (word >> 1) & 3;
    const size = word >> 3;
    if (type === 3 || size > MAX_BLOCK_BYTES)
      throw new BlendFormatError('bad-zstd', end, 'a zstd block is damaged');
    // Type 1 is one byte, to be repeated.
    end += 3 + (type === 1 ? 1 : size);
  }
  if (hasChecksum) end += 4;
  if (end > window.size) throw truncated(window.size);
  return { offset, end, skippable: false, contentBytes };
}

/** A reader over bytes in memory, for measuring a frame that was fetched already. */
export function memoryReader(bytes: Uint8Array): ByteReader {
  return { size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

function parseFrameHeader(view: DataView, offset: number, size: number) {
  if (view.byteLength < 6) throw truncated(size);
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame header is damaged');
  if (descriptor & 0x03) throw new BlendFormatError('bad-zstd', offset, 'a zstd frame asks for a dictionary');

  const sizeField = descriptor >> 6;
  const sizeFieldBytes = sizeField > 0 ? 1 << sizeField : singleSegment ? 1 : 0;
  const sizeFieldOffset = singleSegment ? 5 : 6;
  const headerBytes = sizeFieldOffset + sizeFieldBytes;
  if (view.byteLength < headerBytes) throw truncated(size);
  const contentBytes = contentBytesOf(view, sizeFieldOffset, sizeFieldBytes);
  const windowBytes = singleSegment ? contentBytes! : windowBytesOf(view.getUint8(5));
  if (windowBytes > MAX_WINDOW_BYTES) {
    throw new BlendFormatError('too-large', offset, `a zstd frame asks for a window of ${windowBytes} bytes`);
  }
  return { headerBytes, contentBytes, hasChecksum: (descriptor & 0x04) !== 0 };
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

function truncated(size: number): BlendFormatError {
  return new BlendFormatError('truncated', size, 'the zstd data ends early');
}
