import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source-files';

/** Parts of the program whose tests are too heavy for each run, and the paths whose change requires them. */
export const HEAVY_PARTS: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(join(ROOT, 'test/heavy.json'), 'utf8'),
);

/** Whether `SPOTREEL_HEAVY`, parts with commas between them or `all`, names this part. Throws if either names no part. */
export function runsHeavy(part: string, wanted = process.env.SPOTREEL_HEAVY ?? ''): boolean {
  const named = wanted.split(',').filter((one) => one !== '' && one !== 'all');
  const unknown = [part, ...named].find((one) => !(one in HEAVY_PARTS));
  if (unknown !== undefined) throw new Error(`test/heavy.json has no part "${unknown}"`);
  return named.includes(part) || wanted.split(',').includes('all');
}

/** The rows of a table to test now: all if the heavy tests of the part run, else those that are always tested. */
export function fewOrAll<T>(
  part: string,
  rows: readonly T[],
  isUsual: (row: T, index: number) => boolean,
): T[] {
  const isHeavy = runsHeavy(part);
  return rows.filter((row, index) => isHeavy || isUsual(row, index));
}
