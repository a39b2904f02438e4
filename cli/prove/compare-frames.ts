import { PNG } from 'pngjs';

/** How far two pictures of one size differ, in steps of 255. */
export interface Difference {
  /** Values (red, green, blue, alpha) that differ. */
  readonly values: number;
  readonly max: number;
  readonly mean: number;
}

/** Compares the pixels of two PNGs. Throws if they differ in size or one cannot be read. Pure. */
export function differenceOf(one: Uint8Array, other: Uint8Array): Difference {
  const [a, b] = [PNG.sync.read(Buffer.from(one)), PNG.sync.read(Buffer.from(other))];
  if (a.width !== b.width || a.height !== b.height)
    throw new Error(`the sizes differ: ${a.width}x${a.height} and ${b.width}x${b.height}`);
  let [values, max, sum] = [0, 0, 0];
  for (const [index, value] of a.data.entries()) {
    const step = Math.abs(value - b.data[index]!);
    if (step === 0) continue;
    values += 1;
    sum += step;
    if (step > max) max = step;
  }
  return { values, max, mean: sum / a.data.length };
}
