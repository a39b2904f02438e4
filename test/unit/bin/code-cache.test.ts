import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
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

test('compile ignores the code of an earlier version with the same length, time and inode', () => {
  utimesSync(program, 1, 1);
  compile(program, cache).save();
  writeFileSync(program, 'module.exports = () => 34;');
  utimesSync(program, 1, 1);
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

test('compile ignores a link, which may be to a file that others made', () => {
  renameSync(cache, join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), cache);
  expect(runProgram()).toEqual({ value: 12, isFromCache: false });
});

test.each([
  ['folder', '.', 0o770],
  ['folder above', '..', 0o777],
])('compile ignores code if others can write to its %s', (_, name, mode) => {
  chmodSync(join(cache, '..', name), mode);
  expect(runProgram()).toEqual({ value: 12, isFromCache: false });
});

test('compile ignores code in a folder that is a link', () => {
  renameSync(join(folder, 'cache'), join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'cache'));
  expect(runProgram()).toEqual({ value: 12, isFromCache: false });
});

test('save writes through no link', () => {
  writeFileSync(join(folder, 'precious'), 'precious');
  symlinkSync(join(folder, 'precious'), `${cache}.${process.pid}`);
  rmSync(cache);
  compile(program, cache).save();
  expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('precious');
  expect(runProgram()).toEqual({ value: 12, isFromCache: true });
});

test('save writes nothing into a folder that others can write to', () => {
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  compile(program, join(open, 'program')).save();
  expect(compile(program, join(open, 'program')).isFromCache).toBe(false);
  expect(() => statSync(join(open, 'program'))).toThrow('ENOENT');
});

test('save has no effect where it cannot write', () => {
  const blocked = join(program, 'cache');
  expect(() => compile(program, blocked).save()).not.toThrow();
  expect(compile(program, blocked).isFromCache).toBe(false);
});
