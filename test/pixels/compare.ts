import { readFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { readExrHeaders } from '../../container/worker/frames/exr';
import { runProgram } from '../../core/processes/run-program';

/** The greatest difference of two pictures, in levels of 255, and where it is. 0: they are equal. */
export interface PixelDifference {
  readonly max: number;
  readonly where: string;
}

const NONE: PixelDifference = { max: 0, where: '' };

interface Pixels {
  /** What must be equal besides the samples: size, channels, depth. */
  readonly shape: string;
  readonly width: number;
  readonly samples: ArrayLike<number>;
  /** The sample that is 255 of 255. */
  readonly full: number;
}

/** Compares two pictures in the same format: samples, size, channels and depth, and nothing that only notes a time. */
export async function comparePictures(one: string, other: string): Promise<PixelDifference> {
  const [a, b] = [readFileSync(one), readFileSync(other)];
  if (a.equals(b)) return NONE;
  if (one.endsWith('.exr') && sameExrPixels(a, b)) return NONE;
  const [first, second] = await Promise.all([decode(one, a), decode(other, b)]);
  if (first.shape !== second.shape) return { max: Infinity, where: `${first.shape} and ${second.shape}` };
  const found = greatest(first, second);
  // More channels than are decoded here.
  if (found.max === 0 && one.endsWith('.exr')) return { max: Infinity, where: 'channels or layers differ' };
  return found;
}

/** Equal pixels are packed into equal bytes: the front of the file, with its notes and offsets, is left out. */
function sameExrPixels(a: Buffer, b: Buffer): boolean {
  const [first, second] = [exrChunks(a), exrChunks(b)];
  return first.channels === second.channels && first.bytes.equals(second.bytes);
}

function exrChunks(file: Buffer): { readonly channels: string; readonly bytes: Buffer } {
  const { end } = readExrHeaders(file);
  const channels = file.subarray(0, end).toString('latin1');
  const from = channels.indexOf('channels\0chlist\0') + 'channels\0chlist\0'.length;
  // The first offset is where the chunks begin.
  return {
    channels: channels.slice(from, from + 4 + file.readUInt32LE(from)),
    bytes: file.subarray(Number(file.readBigUInt64LE(end))),
  };
}

async function decode(path: string, bytes: Buffer): Promise<Pixels> {
  if (path.endsWith('.png')) return decodePng(bytes);
  const format = path.endsWith('.exr') || path.endsWith('.hdr') ? 'gbrapf32le' : 'rgba64le';
  return decodeByFfmpeg(path, format);
}

function decodePng(bytes: Buffer): Pixels {
  // `skipRescale`: 16 bits stay 16 bits.
  const { width, height, data } = PNG.sync.read(bytes, { skipRescale: true });
  const [depth, colour] = [bytes[24]!, bytes[25]!];
  return {
    shape: `${width}×${height}, ${depth} bits, PNG colour type ${colour}`,
    width,
    samples: data,
    full: depth === 16 ? 65_535 : 255,
  };
}

async function decodeByFfmpeg(path: string, format: 'gbrapf32le' | 'rgba64le'): Promise<Pixels> {
  const probe = ['ffprobe', '-v', 'error', '-show_entries', 'stream=width,height,pix_fmt', '-of', 'csv=p=0'];
  const shape = (await runProgram([...probe, path], { environment: process.env })).stdout.toString().trim();
  const command = ['ffmpeg', '-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', format, '-'];
  const { stdout } = await runProgram(command, { environment: process.env });
  const bytes = Uint8Array.from(stdout).buffer;
  const [width = 1] = shape.split(',').map(Number);
  if (format === 'rgba64le') return { shape, width, samples: new Uint16Array(bytes), full: 65_535 };
  return { shape, width, samples: new Float32Array(bytes), full: 1 };
}

function greatest(one: Pixels, other: Pixels): PixelDifference {
  let [max, at] = [0, 0];
  for (let index = 0; index < one.samples.length; index++) {
    const difference = Math.abs(one.samples[index]! - other.samples[index]!);
    if (difference > max) [max, at] = [difference, index];
  }
  if (max === 0) return NONE;
  const pixel = Math.floor(at / 4);
  const where = `pixel ${pixel % one.width},${Math.floor(pixel / one.width)}`;
  return { max: (max * 255) / one.full, where };
}
