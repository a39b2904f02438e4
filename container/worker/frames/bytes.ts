import type { PictureEnding } from '../../../core/render/keys';
import type { Resolution } from '../../../core/render/video';
import type { ByteSource } from '../../../core/storage/storage';

/** A picture file, read piece by piece. */
export type MasterBytes = Pick<ByteSource, 'size' | 'read'>;

/**
 * What is wrong with a picture file; `undefined` if its structure is whole. Does not decode it. Without `expected` it may
 * have any size in pixels.
 */
export type PictureCheck = (file: MasterBytes, expected?: Resolution) => Promise<string | undefined>;

/** What is wrong with a picture's size in pixels; `undefined` if it is as expected or `expected` is absent. */
export function sizeFault(size: Resolution, expected: Resolution | undefined): string | undefined {
  if (size.width < 1 || size.height < 1) return 'it has no pixels';
  if (!expected || (size.width === expected.width && size.height === expected.height)) return undefined;
  return `it is ${size.width}×${size.height}, not ${expected.width}×${expected.height}`;
}

/** Exactly `length` bytes at `offset`. Throws if the file is shorter. */
export async function readExactly(file: MasterBytes, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.from(await file.read(offset, length));
  if (bytes.length < length) throw new Error('it is cut off');
  return bytes;
}

const MIB = 1024 * 1024;

/** Four samples of 16 bits, plus a quarter for data that does not compress. */
const FRAME_BYTES_PER_PIXEL = 10;

/** 256 passes of four samples of 32 bits: more than any render has. */
const MASTER_BYTES_PER_PIXEL = 4096;

/** Bytes that every supported Node can read at once and hold in one buffer. */
const MOST_READ_BYTES = 2 ** 31 - 1;

const unpackedBytes = ({ width, height }: Resolution): number =>
  width * height * FRAME_BYTES_PER_PIXEL + 16 * MIB;

/** Bytes of a frame (PNG, JPEG) at most, with 16 MiB for metadata. A frame is held in memory. */
export const mostFrameBytes = (resolution: Resolution): number =>
  Math.min(MOST_READ_BYTES, unpackedBytes(resolution));

/** Bytes of an OpenEXR master at most, with 64 MiB for headers. */
const mostMasterBytes = ({ width, height }: Resolution): number =>
  width * height * MASTER_BYTES_PER_PIXEL + 64 * MIB;

/** Bytes of a picture of this kind at most. */
export const mostPictureBytes = (resolution: Resolution, ending: PictureEnding): number =>
  (ending === 'exr' ? mostMasterBytes : mostFrameBytes)(resolution);

/** Bytes of a File Output node's picture at most: it may be larger than the frame, so the OpenEXR limit applies. */
export const mostOutputBytes = mostMasterBytes;

/** Bytes of a video with sound at most: as many as its unpacked frames. */
export const mostVideoBytes = (resolution: Resolution, frameCount: number): number =>
  unpackedBytes(resolution) * frameCount;

/** Bytes of a FLAC file at most: 48 kHz, two channels, 24 bits, twice over. */
export const mostSoundBytes = (seconds: number): number => Math.ceil(seconds) * 48_000 * 2 * 3 * 2 + 16 * MIB;

/** Bytes of a poster, contact sheet or preview at most; each is held in memory. */
export const MOST_SHOWN_BYTES = 512 * MIB;
