import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/source-files';

const PAGE = readFileSync(join(ROOT, 'docs/parity.md'), 'utf8');

/** Every row of the table: its number, and what shows it. */
const ROWS = PAGE.split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter((cells) => /^\d+$/.test(cells[1] ?? ''))
  .map((cells) => ({ row: Number(cells[1]), shownBy: cells[4]! }));

test('the table has every row of the workshop', () => {
  expect(ROWS.map(({ row }) => row)).toEqual(Array.from({ length: 28 }, (_, index) => index + 1));
});

/** `a/{b,c}.test.ts` as its two paths. */
function expand(path: string): string[] {
  const [, before, choices, after] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
  return choices === undefined ? [path] : choices.split(',').map((choice) => `${before}${choice}${after}`);
}

/** A name as the page quotes it, `…` standing for anything, in a test's file. */
function holds(text: string, quoted: string): boolean {
  const parts = quoted.split('…').map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('[^\\n]*')).test(text);
}

const CLAIMS = ROWS.flatMap(({ row, shownBy }) => {
  const files = [...shownBy.matchAll(/`(test\/[^`]+\.ts)`/g)].flatMap(([, path]) => expand(path!));
  const quotes = [...shownBy.matchAll(/"([^"]+)"/g)].map(([, quote]) => quote!);
  return files.length > 0 ? [{ row, files, quotes }] : [];
});

test.each(CLAIMS)('row $row names tests that are there', ({ files, quotes }) => {
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  const texts = files.map((file) => readFileSync(join(ROOT, file), 'utf8'));
  expect(quotes.filter((quote) => !texts.some((text) => holds(text, quote)))).toEqual([]);
});
