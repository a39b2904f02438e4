import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from '../../../bin/code-cache';

let folder: string;
let program: string;
let cache: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spotreel-code-'));
  [program, cache] = [join(folder, 'program.js'), join(folder, 'cache/program')];
  writeFileSync(program, 'module.exports = () => 12;');
  compile(program, cache).save();
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the program returns, and whether its code came from the cache. */
function runProgram(): { readonly value: unknown; readonly isFromCache: boolean } {
  const { script, isFromCache } = compile(program, cache);
  const module: { exports: () => unknown } = { exports: () => undefined };
  script.runInThisContext()(module.exports, undefined, module);
  return { value: module.exports(), isFromCache };
}

test('compile uses the code that an earlier process saved', () => {
  expect(runProgram()).toEqual({ value: 12, isFromCache: true });
});

test('compile ignores the code of an earlier version of the same length', () => {
  writeFileSync(program, 'module.exports = () => 34;');
  expect(runProgram()).toEqual({ value: 34, isFromCache: false });
});

test('compile ignores damaged code', () => {
  const saved = readFileSync(cache);
  saved[saved.length - 1]! ^= 1;
  writeFileSync(cache, saved);
  expect(runProgram()).toEqual({ value: 12, isFromCache: false });
});

test('compile ignores code that other users can write', () => {
  chmodSync(cache, 0o620);
  expect(runProgram()).toEqual({ value: 12, isFromCache: false });
});

test('save has no effect where it cannot write', () => {
  const blocked = join(program, 'cache');
  expect(() => compile(program, blocked).save()).not.toThrow();
  expect(compile(program, blocked).isFromCache).toBe(false);
});
