import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './source-files';

/** The cells of each row of the tables in a Markdown page, without head and rule lines. */
export function tableRows(page: string): string[][] {
  return readFileSync(join(ROOT, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s:-]+\|/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** `a/{b,c}.test.ts` as its two paths. */
function expand(path: string): string[] {
  const [, before, choices, after] = /^(.*)\{(.*)\}(.*)$/.exec(path) ?? [];
  return choices === undefined ? [path] : choices.split(',').map((choice) => `${before}${choice}${after}`);
}

/** Whether a test's file holds a name as a page quotes it; `…` matches anything. */
function holds(text: string, quoted: string): boolean {
  const parts = quoted.split('…').map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('[^\\n]*')).test(text);
}

/** The test files that a cell names. */
export function namedFiles(cell: string): string[] {
  return [...cell.matchAll(/`(test\/[^`]+\.ts)`/g)].flatMap(([, path]) => expand(path!));
}

/** The files and test names of a cell that do not exist. */
export function unknownTests(cell: string): string[] {
  const files = namedFiles(cell);
  const unknown = files.filter((file) => !existsSync(join(ROOT, file)));
  if (unknown.length > 0) return unknown;
  const texts = files.map((file) => readFileSync(join(ROOT, file), 'utf8'));
  const names = [...cell.matchAll(/"([^"]+)"/g)].map(([, name]) => name!);
  return names.filter((name) => !texts.some((text) => holds(text, name)));
}
