import { PNG } from 'pngjs';

/** The largest difference of any channel of any pixel, 0 to 255. Throws when the pictures are not of one size. */
export function largestDifference(one: Uint8Array, other: Uint8Array): number {
  const [a, b] = [PNG.sync.read(Buffer.from(one)), PNG.sync.read(Buffer.from(other))];
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`one picture is ${a.width} × ${a.height}, the other ${b.width} × ${b.height}`);
  }
  return differenceOf(a.data, b.data);
}

/** The same of samples that are as many. */
export function differenceOf(one: Uint8Array, other: Uint8Array): number {
  if (one.length !== other.length) throw new Error(`${one.length} samples and ${other.length}`);
  return one.reduce((largest, sample, index) => Math.max(largest, Math.abs(sample - other[index]!)), 0);
}

/** How many different colours a picture has: one that came out black or blank has one. */
export function colourCount(png: Uint8Array): number {
  const { data } = PNG.sync.read(Buffer.from(png));
  const colours = new Set<number>();
  for (let offset = 0; offset < data.length; offset += 4) colours.add(data.readUInt32LE(offset));
  return colours.size;
}
