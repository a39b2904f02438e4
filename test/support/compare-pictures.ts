import { PNG } from 'pngjs';

/** How far two pictures are from each other, in levels of 8 bits, over all samples of red, green, blue and alpha. */
export interface Difference {
  readonly mean: number;
  readonly max: number;
}

/** Compares two PNGs. Throws if their sizes differ. */
export function comparePictures(golden: Buffer, frame: Buffer): Difference {
  const [a, b] = [PNG.sync.read(golden), PNG.sync.read(frame)];
  if (a.width !== b.width || a.height !== b.height) {
    throw new Error(`the golden one is ${a.width}×${a.height}, this one ${b.width}×${b.height}`);
  }
  let [sum, max] = [0, 0];
  for (const [index, sample] of a.data.entries()) {
    const difference = Math.abs(sample - b.data[index]!);
    sum += difference;
    max = Math.max(max, difference);
  }
  return { mean: sum / a.data.length, max };
}
