import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findExecutable, usualPaths } from '../../../../core/processes/run-program';

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

describe('on Windows findExecutable', () => {
  const system = (...files: string[]) => ({
    platform: 'win32' as const,
    endings: '.COM;.EXE',
    isExecutable: (path: string) => files.includes(path),
  });

  test('finds a name with an ending of PATHEXT', () => {
    const path = 'C:\\Blender\\blender.exe';
    expect(findExecutable('blender', 'C:\\Windows;C:\\Blender', system(path))).toBe(path);
  });

  test('keeps an ending that the name has', () => {
    const path = 'C:\\Blender\\blender.exe';
    expect(findExecutable('blender.exe', 'C:\\Blender', system(path))).toBe(path);
    expect(findExecutable(path, '', system(path))).toBe(path);
  });

  test('takes a name with a slash as a path', () => {
    const path = 'C:\\Blender\\blender.exe';
    expect(findExecutable('C:/Blender/blender', 'C:\\Windows', system(path))).toBe(path);
  });

  test('tries the usual endings without PATHEXT', () => {
    const path = 'C:\\a\\ffmpeg.exe';
    const { platform, isExecutable } = system(path);
    expect(findExecutable('ffmpeg', 'C:\\a', { platform, isExecutable })).toBe(path);
  });
});

describe('usualPaths', () => {
  test('names the application and the folders of Homebrew on macOS', () => {
    expect(usualPaths('blender', 'darwin')).toEqual([
      '/Applications/Blender.app/Contents/MacOS/Blender',
      '/opt/homebrew/bin/blender',
      '/usr/local/bin/blender',
    ]);
    expect(usualPaths('ffmpeg', 'darwin')).toEqual(['/opt/homebrew/bin/ffmpeg', '/usr/local/bin/ffmpeg']);
  });

  test('names nothing on other systems', () => {
    expect(usualPaths('blender', 'linux')).toEqual([]);
    expect(usualPaths('blender', 'win32')).toEqual([]);
  });
});
