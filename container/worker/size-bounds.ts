import type { PictureEnding } from '../../core/contract/picture-endings';
import type { Resolution } from '../../core/render/resolution';

const MIB = 1024 * 1024;

/** Of an unpacked pixel at most: four samples of 16 bits, and a quarter more for data that does not compress. */
const FRAME_BYTES_PER_PIXEL = 10;

/** Of a pixel with 256 passes of four samples of 32 bits: more than any render has. */
const MASTER_BYTES_PER_PIXEL = 4096;

/** Bytes that Node can read from a file, or hold in one piece, in every supported version. */
const MOST_READ_BYTES = 2 ** 31 - 1;

const unpackedBytes = ({ width, height }: Resolution): number =>
  width * height * FRAME_BYTES_PER_PIXEL + 16 * MIB;

/** Bytes of a frame (PNG, JPEG) at most, with 16 MiB for metadata. A frame is held in memory. Pure, as all here. */
export const mostFrameBytes = (resolution: Resolution): number =>
  Math.min(MOST_READ_BYTES, unpackedBytes(resolution));

/** Bytes of an OpenEXR master at most, with 64 MiB for headers. */
const mostMasterBytes = ({ width, height }: Resolution): number =>
  width * height * MASTER_BYTES_PER_PIXEL + 64 * MIB;

/** Bytes of a picture of this kind at most. */
export const mostPictureBytes = (resolution: Resolution, ending: PictureEnding): number =>
  (ending === 'exr' ? mostMasterBytes : mostFrameBytes)(resolution);

/** Bytes of a File Output node's picture at most: it may be larger than the frame, so all kinds may have as many as an OpenEXR. */
export const mostOutputBytes = mostMasterBytes;

/** Bytes of a video with its sound at most: as many as its frames have unpacked. */
export const mostVideoBytes = (resolution: Resolution, frameCount: number): number =>
  unpackedBytes(resolution) * frameCount;

/** Bytes of a FLAC file at most: 48 kHz, two channels, 24 bits, twice over. */
export const mostSoundBytes = (seconds: number): number => Math.ceil(seconds) * 48_000 * 2 * 3 * 2 + 16 * MIB;

/** Bytes of a poster, contact sheet or small preview, which is held in memory, at most. */
export const MOST_SHOWN_BYTES = 512 * MIB;
