import { open } from 'node:fs/promises';
import { messageOf } from '../../../core/errors';
import type { MasterEnding, PictureEnding } from '../../../core/render/keys';
import type { Resolution } from '../../../core/render/video';
import type { MasterBytes, PictureCheck } from './bytes';
import { exrFault } from './exr';
import { bmpFault, cineonFault, dpxFault, hdrFault, irisFault, targaFault, tiffFault } from './film-formats';
import { pngFault } from './png';
import { avifFault, jpeg2000Fault, jpegFault, webpFault } from './web-formats';

/** The check of each kind of picture file, by its ending. */
const CHECKS: Readonly<Record<PictureEnding, PictureCheck>> = {
  png: pngFault,
  exr: exrFault,
  jpg: jpegFault,
  tif: tiffFault,
  webp: webpFault,
  dpx: dpxFault,
  hdr: hdrFault,
  avif: avifFault,
  jp2: jpeg2000Fault,
  j2c: jpeg2000Fault,
  cin: cineonFault,
  tga: targaFault,
  bmp: bmpFault,
  rgb: irisFault,
};

/** What is wrong with a frame in the scene's own format, as `pictureFault` finds it. */
export const masterFault = (
  path: string,
  ending: MasterEnding,
  expected: Resolution,
): Promise<string | undefined> => pictureFault(path, ending, expected);

/**
 * What is wrong with a picture file; `undefined` if it is whole. Without `expected` it may have any size in pixels. `path` must be in a
 * folder that only the worker can write to. The file may be large, so it is never held in memory.
 */
export async function pictureFault(
  path: string,
  ending: PictureEnding,
  expected?: Resolution,
): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes: MasterBytes = {
      size,
      read: async (offset, length) => {
        const room = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
        const { bytesRead } = await file.read(room, 0, room.length, offset);
        return room.subarray(0, bytesRead);
      },
    };
    return await faultOf(bytes, ending, expected);
  } finally {
    await file.close();
  }
}

/** The same of bytes that are at hand in any way. */
export async function faultOf(
  bytes: MasterBytes,
  ending: PictureEnding,
  expected?: Resolution,
): Promise<string | undefined> {
  if (bytes.size === 0) return 'it is empty';
  try {
    return await CHECKS[ending](bytes, expected);
  } catch (error) {
    return messageOf(error);
  }
}
