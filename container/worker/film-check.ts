/**
 * Formats whose header gives the size of the file and of the picture: DPX (SMPTE 268M), Cineon
 * (https://www.loc.gov/preservation/digital/formats/fdd/fdd000234.shtml) and BMP
 * (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage).
 */

import type { Resolution } from '../../core/render/resolution';
import { sizeFault, type MasterBytes, type PictureCheck } from './master-bytes';

interface FilmHeader {
  readonly fileBytes: number;
  readonly dataOffset: number;
  readonly size: Resolution;
  /** Of a pixel at least, in bits. */
  readonly pixelBits: number;
}

/** What is wrong with a DPX file. */
export const dpxFault: PictureCheck = (file, expected) => fault(file, expected, 'DPX', readDpx);
/** What is wrong with a Cineon file. */
export const cineonFault: PictureCheck = (file, expected) => fault(file, expected, 'Cineon', readCineon);
/** What is wrong with a BMP file. */
export const bmpFault: PictureCheck = (file, expected) => fault(file, expected, 'BMP', readBmp);

/** Bytes at the front that hold all that is looked at. */
const HEADER_BYTES = 1024;

async function fault(
  file: MasterBytes,
  expected: Resolution | undefined,
  name: string,
  read: (head: Buffer) => FilmHeader | undefined,
): Promise<string | undefined> {
  const bytes = Buffer.from(await file.read(0, HEADER_BYTES));
  // Zeros beyond the end of a short file: its size then shows that it is cut off.
  const header = read(Buffer.concat([bytes, Buffer.alloc(HEADER_BYTES - bytes.length)]));
  if (!header) return `it is no ${name} file`;
  const { fileBytes, dataOffset, size, pixelBits } = header;
  if (fileBytes > file.size) return 'it is cut off';
  if (fileBytes < file.size) return 'something follows its end';
  const wrong = sizeFault(size, expected);
  if (wrong !== undefined) return wrong;
  const pictureEnd = dataOffset + (size.width * size.height * pixelBits) / 8;
  return pictureEnd > file.size ? 'it is cut off' : undefined;
}

/** Components of a pixel, by SMPTE 268M's descriptor: luma, RGB, RGBA. */
const DPX_COMPONENTS: Readonly<Record<number, number>> = { 6: 1, 50: 3, 51: 4 };

function readDpx(head: Buffer): FilmHeader | undefined {
  const magic = head.toString('latin1', 0, 4);
  if (magic !== 'SDPX' && magic !== 'XPDS') return undefined;
  const long = (at: number): number => (magic === 'SDPX' ? head.readUInt32BE(at) : head.readUInt32LE(at));
  return {
    fileBytes: long(16),
    dataOffset: long(4),
    size: { width: long(772), height: long(776) },
    pixelBits: (DPX_COMPONENTS[head[800]!] ?? 1) * head[803]!,
  };
}

function readCineon(head: Buffer): FilmHeader | undefined {
  if (head.readUInt32BE(0) !== 0x802a5fd7) return undefined;
  return {
    fileBytes: head.readUInt32BE(20),
    dataOffset: head.readUInt32BE(4),
    size: { width: head.readUInt32BE(200), height: head.readUInt32BE(204) },
    // Three of 10 bits in 32.
    pixelBits: 32,
  };
}

function readBmp(head: Buffer): FilmHeader | undefined {
  if (head.toString('latin1', 0, 2) !== 'BM') return undefined;
  return {
    fileBytes: head.readUInt32LE(2),
    dataOffset: head.readUInt32LE(10),
    // A negative height is that of a picture whose first line is the upper one.
    size: { width: head.readInt32LE(18), height: Math.abs(head.readInt32LE(22)) },
    pixelBits: head.readUInt16LE(28),
  };
}
