import type { Resolution } from '../../core/render/resolution';
import { readExactly, sizeFault, type MasterBytes } from './master-bytes';

/** Tags. Source of all this: TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf (sections 2 and 8). */
const [WIDTH, HEIGHT, STRIP_OFFSETS, STRIP_BYTES] = [256, 257, 273, 279];

/** Bytes of a value, by its type. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];
const SHORT = 3;

const ENTRY = 12;

/** Strips at most: one for each line of a very high picture. */
const MOST_STRIPS = 1 << 20;

/** A file with either order of bytes. */
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

/**
 * What is wrong with a TIFF file, which holds one picture in strips: its directory, all values of it and all strips are within the
 * file.
 */
export async function tiffFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, 8));
  const order = head.toString('latin1', 0, 2);
  const tiff = new TiffFile(file, order === 'II');
  if (head.length < 8 || !['II', 'MM'].includes(order) || tiff.short(head, 2) !== 42)
    return 'it is no TIFF file';
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

/** The numbers of those tags that are looked at. Throws if a value of any tag is beyond the file's end. */
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
