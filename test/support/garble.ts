import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A bare number of up to three digits in JSON. */
const NUMBER = /(?<=[:[ ])\d{1,3}(?=[,}\]\n])/g;

/** Ways in which a JSON file may be damaged; some leave a file as it is. */
export const GARBLES: Readonly<Record<string, (text: string) => string | Buffer | undefined>> = {
  empty: () => '',
  half: (text) => text.slice(0, text.length / 2),
  null: () => 'null',
  object: () => '{}',
  array: () => '[]',
  binary: () => Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 89 + 131) % 256)),
  'version 9': (text) => text.replace(/"version": ?1/, '"version":9'),
  'huge numbers': (text) => text.replace(NUMBER, '1e308'),
  'endless numbers': (text) => text.replace(NUMBER, '1e999'),
  'negative numbers': (text) => text.replace(NUMBER, '-7'),
  'a clock set back': (text) => text.replace(/("stoppedAt": ?)"[^"]+"/g, '$1"2001-01-01T00:00:00.000Z"'),
  /** A folder takes the place of the file. */
  folder: () => undefined,
};

/** The state files below a render's folder: JSON and journals. */
export function stateFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.jsonl?$/.test(path) && statSync(join(folder, path)).isFile())
    .toSorted();
}

/** Damages a file; `false` if this garble leaves it as it is. */
export function garble(path: string, name: string): boolean {
  const text = readFileSync(path, 'utf8');
  const garbled = GARBLES[name]!(text);
  if (garbled === text) return false;
  rmSync(path);
  if (garbled === undefined) mkdirSync(path);
  else writeFileSync(path, garbled);
  return true;
}
