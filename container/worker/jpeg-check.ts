import type { Resolution } from '../../core/render/resolution';
import { sizeFault, type MasterBytes } from './master-bytes';

/** Markers. Source: ITU-T T.81, https://www.w3.org/Graphics/JPEG/itu-t81.pdf (B.1.1, table B.1). */
const START = 0xd8;
const END = 0xd9;
const START_OF_SCAN = 0xda;

/** Start of frame 0 to 15, but for those among them that mean tables (DHT, DAC) or nothing yet (JPG). */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Segments before the picture at most: tables, and a colour profile, which is divided into 255 at most. */
const MOST_SEGMENTS = 1_000;

/**
 * What is wrong with a JPEG file; `undefined` where it is whole by its structure: it begins and ends as a JPEG does and has
 * the right size. Nothing is decoded.
 */
export async function jpegFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  if (file.size === 0) return 'it is empty';
  if (!isMarker(await file.read(0, 2), START)) return 'it is no JPEG file';
  if (!isMarker(await file.read(file.size - 2, 2), END)) return 'it is cut off';
  const size = await readSize(file);
  return size ? sizeFault(size, expected) : 'it holds no picture';
}

/** Walks from segment to segment up to where the picture begins. */
async function readSize(file: MasterBytes): Promise<Resolution | undefined> {
  let size: Resolution | undefined;
  // FF, the marker, the length of what follows, and of a frame's start bits, height and width.
  let at = 2;
  for (let count = 0; count < MOST_SEGMENTS && at < file.size; count += 1) {
    const segment = Buffer.from(await file.read(at, 9));
    if (segment.length < 9 || segment[0] !== 0xff) return undefined;
    const marker = segment[1]!;
    if (marker === START_OF_SCAN) return size;
    if (isStartOfFrame(marker)) size = { height: segment.readUInt16BE(5), width: segment.readUInt16BE(7) };
    at += 2 + Math.max(2, segment.readUInt16BE(2));
  }
  return undefined;
}

const isMarker = (bytes: Uint8Array, marker: number): boolean => bytes[0] === 0xff && bytes[1] === marker;
