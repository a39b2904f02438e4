import type { Resolution } from '../../../core/render/video';
import { type MasterBytes, type PictureCheck, readExactly, sizeFault } from './saved-files';

/** Bytes read at once, and bytes that one step may read. */
const PIECE = 1 << 20;
const STEP_BYTES = 4;

/** Counts packed pixels. */
interface PackedPixels {
  readonly isDone: () => boolean;
  /** Counts the pixels of the packet at `at` and returns its bytes, at least 1. Throws if there are too many pixels. */
  readonly take: (bytes: Buffer, at: number) => number;
}

/** The end of the run-length packed pixels that begin at `start`. Throws if it is beyond the file's end. */
async function packedEnd(file: MasterBytes, start: number, pixels: PackedPixels): Promise<number> {
  let base = start;
  let bytes = Buffer.alloc(0);
  let at = 0;
  while (!pixels.isDone()) {
    if (at + STEP_BYTES > bytes.length) {
      base += at;
      at = 0;
      if (base >= file.size) throw new Error('it is cut off');
      bytes = Buffer.from(await file.read(base, PIECE));
      // Pad with zeros: a packet that needs them is found to be too long.
      if (bytes.length < STEP_BYTES) bytes = Buffer.concat([bytes, Buffer.alloc(STEP_BYTES)]);
    }
    at += pixels.take(bytes, at);
    if (base + at > file.size) throw new Error('it is cut off');
  }
  return base + at;
}

/**
 * Formats whose pixels are run-length packed: Radiance HDR (https://www.graphics.cornell.edu/~bjw/rgbe.html), Targa
 * (https://www.dca.fee.unicamp.br/~martino/disciplinas/ea978/tgaffs.pdf) and IRIS (https://paulbourke.net/dataformats/sgirgb/).
 */

/** Bytes of a Radiance header at most: Blender writes a few lines. */
const MOST_HEADER_BYTES = 64 << 10;

export async function hdrFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, MOST_HEADER_BYTES)).toString('latin1');
  if (!head.startsWith('#?RADIANCE')) return 'it is not a Radiance HDR file';
  const match = /\n\n-Y (\d{1,6}) \+X (\d{1,6})\n/.exec(head);
  if (!match) return 'it is cut off within its header';
  const size = { width: Number(match[2]), height: Number(match[1]) };
  const start = match.index + match[0].length;
  return sizeFault(size, expected) ?? endFault(file, await packedEnd(file, start, hdrPixels(size)));
}

/** A line is unpacked, or has a head of four bytes and four packed channels. */
function hdrPixels({ width, height }: Resolution): PackedPixels {
  let lines = height;
  let left = 0;
  return {
    isDone: () => left === 0 && lines === 0,
    take(bytes, at) {
      if (left === 0) {
        lines -= 1;
        const isPacked = bytes.readUInt16BE(at) === 0x0202 && bytes.readUInt16BE(at + 2) === width;
        if (!isPacked) return width * 4;
        left = width * 4;
        return 4;
      }
      const count = bytes[at]!;
      const samples = count > 128 ? count - 128 : count;
      if (samples === 0 || samples > left) throw new Error('its packed lines are damaged');
      left -= samples;
      return count > 128 ? 2 : 1 + samples;
    },
  };
}

const TARGA_HEADER = 18;
/** The end of a file of version 2; extensions may come between the pixels and it. */
const TARGA_FOOTER = 'TRUEVISION-XFILE.\0';

export async function targaFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = await readExactly(file, 0, TARGA_HEADER);
  const [idBytes, hasMap, type] = head;
  // Colour or grey, packed or not.
  if (hasMap !== 0 || ![2, 3, 10, 11].includes(type!)) return 'it is not a Targa file';
  const size = { width: head.readUInt16LE(12), height: head.readUInt16LE(14) };
  const fault = sizeFault(size, expected);
  if (fault !== undefined) return fault;
  const pixelBytes = Math.ceil(head[16]! / 8);
  const start = TARGA_HEADER + idBytes!;
  const pixels = size.width * size.height;
  const end =
    type! < 8 ? start + pixels * pixelBytes : await packedEnd(file, start, targaPixels(pixels, pixelBytes));
  const footer = Buffer.from(
    await file.read(Math.max(0, file.size - TARGA_FOOTER.length), TARGA_FOOTER.length),
  );
  return end < file.size && footer.toString('latin1') === TARGA_FOOTER ? undefined : endFault(file, end);
}

function targaPixels(pixels: number, pixelBytes: number): PackedPixels {
  let left = pixels;
  return {
    isDone: () => left === 0,
    take(bytes, at) {
      const packet = bytes[at]!;
      const count = (packet & 0x7f) + 1;
      if (count > left) throw new Error('its packed pixels are damaged');
      left -= count;
      return 1 + (packet & 0x80 ? 1 : count) * pixelBytes;
    },
  };
}

const IRIS_MAGIC = 0x01da;
const IRIS_HEADER = 512;

/** What is wrong with an IRIS file. A packed file has a table with the place of each line of each channel. */
export async function irisFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, IRIS_HEADER));
  if (head.length < 2 || head.readUInt16BE(0) !== IRIS_MAGIC) return 'it is not an IRIS file';
  if (head.length < IRIS_HEADER) return 'it is cut off within its header';
  const [isPacked, channelBytes] = [head[2] === 1, head[3]!];
  const [width, height, channels] = [head.readUInt16BE(6), head.readUInt16BE(8), head.readUInt16BE(10)];
  if (channels < 1 || channels > 4) return 'it holds no picture';
  const fault = sizeFault({ width, height }, expected);
  if (fault !== undefined) return fault;
  const lines = height * channels;
  if (!isPacked) return endFault(file, IRIS_HEADER + lines * width * channelBytes);
  const table = await readExactly(file, IRIS_HEADER, lines * 8);
  let end = IRIS_HEADER + table.length;
  for (let line = 0; line < lines; line += 1) {
    end = Math.max(end, table.readUInt32BE(line * 4) + table.readUInt32BE((lines + line) * 4));
  }
  return endFault(file, end);
}

function endFault({ size }: MasterBytes, end: number): string | undefined {
  if (end > size) return 'it is cut off';
  return end < size ? 'something follows its end' : undefined;
}

/**
 * Formats whose header gives the size of the file and of the picture: DPX (SMPTE 268M), Cineon
 * (https://www.loc.gov/preservation/digital/formats/fdd/fdd000234.shtml) and BMP
 * (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage).
 */

interface FilmHeader {
  readonly fileBytes: number;
  readonly dataOffset: number;
  readonly size: Resolution;
  /** Bits of a pixel at least. */
  readonly pixelBits: number;
}

export const dpxFault: PictureCheck = (file, expected) => filmFault(file, expected, 'DPX', readDpx);
export const cineonFault: PictureCheck = (file, expected) => filmFault(file, expected, 'Cineon', readCineon);
export const bmpFault: PictureCheck = (file, expected) => filmFault(file, expected, 'BMP', readBmp);

/** Bytes at the front that hold all checked fields. */
const HEADER_BYTES = 1024;

async function filmFault(
  file: MasterBytes,
  expected: Resolution | undefined,
  name: string,
  read: (head: Buffer) => FilmHeader | undefined,
): Promise<string | undefined> {
  const bytes = Buffer.from(await file.read(0, HEADER_BYTES));
  // Pad a short file with zeros: its size then shows that it is cut off.
  const header = read(Buffer.concat([bytes, Buffer.alloc(HEADER_BYTES - bytes.length)]));
  if (!header) return `it is not a ${name} file`;
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
    // Three samples of 10 bits in 32.
    pixelBits: 32,
  };
}

function readBmp(head: Buffer): FilmHeader | undefined {
  if (head.toString('latin1', 0, 2) !== 'BM') return undefined;
  return {
    fileBytes: head.readUInt32LE(2),
    dataOffset: head.readUInt32LE(10),
    // A negative height means that the top line comes first.
    size: { width: head.readInt32LE(18), height: Math.abs(head.readInt32LE(22)) },
    pixelBits: head.readUInt16LE(28),
  };
}

/** Tags. Source of the TIFF part: TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf (sections 2 and 8). */
const [WIDTH, HEIGHT, STRIP_OFFSETS, STRIP_BYTES] = [256, 257, 273, 279];

/** Bytes of a value, by type. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];
const SHORT = 3;

const ENTRY = 12;

/** Strips at most: one for each line of a very high picture. */
const MOST_STRIPS = 1 << 20;

/** A file with either byte order. */
class TiffFile {
  constructor(
    readonly file: MasterBytes,
    private readonly isLittle: boolean,
  ) {}

  short(bytes: Buffer, at: number): number {
    return this.isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }

  long(bytes: Buffer, at: number): number {
    return this.isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }
}

type Directory = ReadonlyMap<number, readonly number[]>;

/** What is wrong with a TIFF file of one picture in strips: its directory, values and strips must be within the file. */
export async function tiffFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, 8));
  const order = head.toString('latin1', 0, 2);
  const tiff = new TiffFile(file, order === 'II');
  if (head.length < 8 || !['II', 'MM'].includes(order) || tiff.short(head, 2) !== 42)
    return 'it is not a TIFF file';
  const directory = await readDirectory(tiff, tiff.long(head, 4));
  const [width = 0, height = 0] = [directory.get(WIDTH)?.[0], directory.get(HEIGHT)?.[0]];
  return sizeFault({ width, height }, expected) ?? stripFault(directory, file);
}

function stripFault(directory: Directory, { size }: MasterBytes): string | undefined {
  const [offsets = [], lengths = []] = [directory.get(STRIP_OFFSETS), directory.get(STRIP_BYTES)];
  if (offsets.length === 0 || offsets.length !== lengths.length) return 'it holds no picture';
  const isWhole = offsets.every((offset, i) => offset > 0 && lengths[i]! > 0 && offset + lengths[i]! <= size);
  return isWhole ? undefined : 'it is cut off';
}

/** The numbers of the checked tags. Throws if a value of any tag is beyond the file's end. */
async function readDirectory(tiff: TiffFile, at: number): Promise<Directory> {
  const { file } = tiff;
  const count = tiff.short(await readExactly(file, at, 2), 0);
  const entries = await readExactly(file, at + 2, count * ENTRY + 4);
  const directory = new Map<number, number[]>();
  for (let i = 0; i < count; i += 1) {
    const entry = entries.subarray(i * ENTRY, (i + 1) * ENTRY);
    const [tag, type, values] = [tiff.short(entry, 0), tiff.short(entry, 2), tiff.long(entry, 4)];
    const length = (TYPE_BYTES[type] ?? 0) * values;
    const start = length <= 4 ? at + 2 + i * ENTRY + 8 : tiff.long(entry, 8);
    if (start + length > file.size) throw new Error('it is cut off');
    if (![WIDTH, HEIGHT, STRIP_OFFSETS, STRIP_BYTES].includes(tag)) continue;
    if (values > MOST_STRIPS) throw new Error('it is in too many pieces');
    const bytes = await readExactly(file, start, length);
    directory.set(tag, numbersOf(tiff, bytes, type));
  }
  return directory;
}

function numbersOf(tiff: TiffFile, bytes: Buffer, type: number): number[] {
  const size = type === SHORT ? 2 : 4;
  const numbers: number[] = [];
  for (let at = 0; at + size <= bytes.length; at += size)
    numbers.push(size === 2 ? tiff.short(bytes, at) : tiff.long(bytes, at));
  return numbers;
}
