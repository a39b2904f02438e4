/**
 * Formats whose pixels are run-length packed: Radiance HDR (https://www.graphics.cornell.edu/~bjw/rgbe.html), Targa
 * (https://www.dca.fee.unicamp.br/~martino/disciplinas/ea978/tgaffs.pdf) and IRIS (https://paulbourke.net/dataformats/sgirgb/).
 */

import type { Resolution } from '../../core/render/resolution';
import { readExactly, sizeFault, type MasterBytes } from './master-bytes';
import { packedEnd, type PackedPixels } from './packed-walk';

/** Bytes of a Radiance header at most: Blender writes some lines. */
const MOST_HEADER_BYTES = 64 << 10;

/** What is wrong with a Radiance HDR file. */
export async function hdrFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, MOST_HEADER_BYTES)).toString('latin1');
  if (!head.startsWith('#?RADIANCE')) return 'it is no Radiance HDR file';
  const match = /\n\n-Y (\d{1,6}) \+X (\d{1,6})\n/.exec(head);
  if (!match) return 'it is cut off within its header';
  const size = { width: Number(match[2]), height: Number(match[1]) };
  const start = match.index + match[0].length;
  return sizeFault(size, expected) ?? endFault(file, await packedEnd(file, start, hdrPixels(size)));
}

/** A line has a head of four bytes and four packed channels, or is not packed. */
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
/** The end of a file of version 2: after the pixels, with what it leads to before it. */
const TARGA_FOOTER = 'TRUEVISION-XFILE.\0';

/** What is wrong with a Targa file. */
export async function targaFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = await readExactly(file, 0, TARGA_HEADER);
  const [idBytes, hasMap, type] = head;
  // Colour or grey, packed or not.
  if (hasMap !== 0 || ![2, 3, 10, 11].includes(type!)) return 'it is no Targa file';
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

/** What is wrong with an IRIS file: if it is packed, a table says where each line of each channel is. */
export async function irisFault(file: MasterBytes, expected?: Resolution): Promise<string | undefined> {
  const head = Buffer.from(await file.read(0, IRIS_HEADER));
  if (head.length < 2 || head.readUInt16BE(0) !== IRIS_MAGIC) return 'it is no IRIS file';
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
