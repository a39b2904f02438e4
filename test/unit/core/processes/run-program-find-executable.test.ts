import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findExecutable } from '../../../../core/processes/run-program';

let directory: string;
let searchPath: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spotreel-path-'));
  for (const name of ['a', 'b']) mkdirSync(join(directory, name));
  searchPath = ['', join(directory, 'missing'), join(directory, 'a'), join(directory, 'b')].join(delimiter);
});
afterEach(() => rmSync(directory, { recursive: true }));

function makeFile(path: string, mode: number): string {
  const file = join(directory, path);
  writeFileSync(file, '');
  chmodSync(file, mode);
  return file;
}

test('findExecutable finds the first executable file on the search path', () => {
  makeFile('a/blender', 0o644);
  const blender = makeFile('b/blender', 0o755);
  expect(findExecutable('blender', searchPath)).toBe(blender);
});

test('findExecutable ignores a folder with the name', () => {
  mkdirSync(join(directory, 'a', 'blender'));
  expect(findExecutable('blender', searchPath)).toBeUndefined();
});

test('findExecutable does not search for a path', () => {
  const blender = makeFile('a/blender', 0o755);
  expect(findExecutable(blender, '')).toBe(blender);
  expect(findExecutable(join(directory, 'blender'), searchPath)).toBeUndefined();
  expect(findExecutable('./blender', searchPath)).toBeUndefined();
});

test('findExecutable finds nothing for an empty name', () => {
  expect(findExecutable('', searchPath)).toBeUndefined();
});
