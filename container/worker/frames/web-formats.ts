import type { Resolution } from '../../../core/render/video';
import { type MasterBytes, readExactly, sizeFault } from './saved-files';

/** Markers. Source: ITU-T T.81, https://www.w3.org/Graphics/JPEG/itu-t81.pdf (B.1.1, table B.1). */
const START = 0xd8;
const END = 0xd9;
const START_OF_SCAN = 0xda;

/** Start of frame 0 to 15, except the markers of tables (DHT, DAC) and the reserved one (JPG). */
const isStartOfFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Segments before the picture at most: tables, and a colour profile in up to 255 segments. */
const MOST_SEGMENTS = 1_000;

/**
 * What is wrong with a JPEG file; `undefined` if its start, end and size are right. Decodes nothing.
 */
export async function jpegFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  if (file.size === 0) return 'it is empty';
  if (!isMarker(await file.read(0, 2), START)) return 'it is not a JPEG file';
  if (!isMarker(await file.read(file.size - 2, 2), END)) return 'it is cut off';
  const size = await readSize(file);
  return size ? sizeFault(size, expected) : 'it holds no picture';
}

/** The size, from the segments before the picture. */
async function readSize(file: MasterBytes): Promise<Resolution | undefined> {
  let size: Resolution | undefined;
  // FF, marker and length; then, for a start of frame, bits, height and width.
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

/** What is wrong with a WebP file. Source: RFC 9649, https://www.rfc-editor.org/rfc/rfc9649 (2.3 to 2.7, 3.4). */
export async function webpFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, 12));
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8) !== 'WEBP')
    return 'it is not a WebP file';
  const end = 8 + head.readUInt32LE(4);
  if (end > file.size) return 'it is cut off';
  if (end < file.size) return 'something follows its end';
  const size = sizeOf(await readExactly(file, 12, 18));
  return size ? sizeFault(size, expected) : 'it holds no picture';
}

/** The size, from the first chunk: extended header, lossy picture or lossless picture. */
function sizeOf(chunk: Buffer): Resolution | undefined {
  switch (chunk.toString('latin1', 0, 4)) {
    case 'VP8X':
      return { width: chunk.readUIntLE(12, 3) + 1, height: chunk.readUIntLE(15, 3) + 1 };
    case 'VP8 ':
      return { width: chunk.readUInt16LE(14) & 0x3fff, height: chunk.readUInt16LE(16) & 0x3fff };
    case 'VP8L': {
      const bits = chunk.readUInt32LE(9);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    default:
      return undefined;
  }
}

/**
 * Formats of boxes: AVIF (ISO/IEC 14496-12 and 23008-12, https://aomediacodec.github.io/av1-avif/) and JPEG 2000
 * (ITU-T T.800, https://www.itu.int/rec/T-REC-T.800, annexes A and I).
 */

interface Box {
  readonly type: string;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

/** Boxes of a file at most. */
const MOST_BOXES = 1_000;

/** What is wrong with an AVIF file: it needs a picture of the right size, and its boxes must fill the file. */
export async function avifFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const [first] = await boxesIn(file, 0, Math.min(file.size, 16), true);
  if (first?.type !== 'ftyp' || (await textAt(file, first.start)) !== 'avif') return 'it is not an AVIF file';
  const boxes = await boxesIn(file, 0, file.size);
  const meta = boxes.find(({ type }) => type === 'meta');
  if (!meta || !boxes.some(({ type }) => type === 'mdat')) return 'it is cut off';
  // A full box begins with version and flags.
  let within: Box | undefined = { ...meta, start: meta.start + 4 };
  for (const type of ['iprp', 'ipco']) within = within && (await childOf(file, within, type));
  const sizes: Resolution[] = [];
  for (const { type, start } of within ? await boxesIn(file, within.start, within.end) : []) {
    if (type !== 'ispe') continue;
    const bytes = await readExactly(file, start, 12);
    sizes.push({ width: bytes.readUInt32BE(4), height: bytes.readUInt32BE(8) });
  }
  if (sizes.length === 0) return 'it holds no picture';
  // Alpha is a separate picture, and a large picture may be divided into smaller ones.
  const isRight = sizes.some((size) => sizeFault(size, expected) === undefined);
  return isRight ? undefined : sizeFault(sizes[0]!, expected);
}

/** What is wrong with a JPEG 2000 file, with boxes (`.jp2`) or without (`.j2c`). */
export async function jpeg2000Fault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, 12));
  if (head.toString('latin1', 4, 8) === 'jP  ') {
    const boxes = await boxesIn(file, 0, file.size);
    const picture = boxes.find(({ type }) => type === 'jp2c');
    return picture ? codestreamFault(file, picture.start, expected) : 'it holds no picture';
  }
  return head.toString('hex', 0, 4) === CODESTREAM
    ? codestreamFault(file, 0, expected)
    : 'it is not a JPEG 2000 file';
}

/** Markers of the codestream's start and of its size segment. */
const CODESTREAM = 'ff4fff51';
/** End of codestream; these two bytes cannot occur in the picture. */
const END_OF_CODESTREAM = 0xffd9;

async function codestreamFault(
  file: MasterBytes,
  start: number,
  expected: Resolution | undefined,
): Promise<string | undefined> {
  const bytes = await readExactly(file, start, 24);
  if (bytes.toString('hex', 0, 4) !== CODESTREAM) return 'it holds no picture';
  const end = await readExactly(file, file.size - 2, 2);
  if (end.readUInt16BE(0) !== END_OF_CODESTREAM) return 'it is cut off';
  const size = {
    width: bytes.readUInt32BE(8) - bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(12) - bytes.readUInt32BE(20),
  };
  return sizeFault(size, expected);
}

async function childOf(file: MasterBytes, { start, end }: Box, type: string): Promise<Box | undefined> {
  return (await boxesIn(file, start, end)).find((box) => box.type === type);
}

/** The boxes from `start` to `end`, which they must fill; or only the first one. Throws the fault. */
async function boxesIn(file: MasterBytes, start: number, end: number, isFirstEnough = false): Promise<Box[]> {
  const boxes: Box[] = [];
  for (let at = start; at < end;) {
    const head = await readExactly(file, at, 8);
    const length = head.readUInt32BE(0);
    const isLong = length === 1;
    const headBytes = isLong ? 16 : 8;
    const whole = isLong ? Number((await readExactly(file, at + 8, 8)).readBigUInt64BE()) : length;
    // A length of 0 means up to the end.
    const next = whole === 0 ? end : at + whole;
    boxes.push({ type: head.toString('latin1', 4), start: at + headBytes, end: next });
    if (isFirstEnough) return boxes;
    if (next < at + headBytes || boxes.length > MOST_BOXES) throw new Error('its boxes are damaged');
    if (next > end) throw new Error('it is cut off');
    at = next;
  }
  return boxes;
}

const textAt = async (file: MasterBytes, at: number): Promise<string> =>
  Buffer.from(await file.read(at, 4)).toString('latin1');
