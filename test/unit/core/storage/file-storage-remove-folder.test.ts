import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { removeFolder } from '../../../../core/storage/file-storage';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();

beforeEach(() => {
  mkdirSync(at('outside'));
  writeFileSync(at('outside/kept'), 'kept');
  mkdirSync(at('folder'));
});

const isKept = () => readFileSync(at('outside/kept'), 'utf8') === 'kept';

test('removeFolder removes files, folders and links, but not the targets of links', () => {
  mkdirSync(at('folder/a/b'), { recursive: true });
  writeFileSync(at('folder/a/b/file'), '');
  for (const link of ['folder/link', 'folder/a/link', 'folder/a/b/link'])
    symlinkSync(at('outside'), at(link));
  symlinkSync(at('missing'), at('folder/dangling'));
  removeFolder(at('folder'));
  expect(readdirSync(at())).toEqual(['outside']);
  expect(isKept()).toBe(true);
});

test('removeFolder removes a link that replaced the folder', () => {
  symlinkSync(at('outside'), at('link'));
  removeFolder(at('link'));
  expect(lstatSync(at('link'), { throwIfNoEntry: false })).toBeUndefined();
  expect(isKept()).toBe(true);
});

test('removeFolder ignores a missing folder', () => {
  removeFolder(at('missing'));
  expect(existsSync(at('missing'))).toBe(false);
});

test('removeFolder removes names that are not UTF-8', () => {
  const name = Buffer.from([0xff, 0xfe, 0x20]);
  const path = Buffer.concat([Buffer.from(at('folder/')), name]);
  mkdirSync(path);
  writeFileSync(Buffer.concat([path, Buffer.from('/'), name]), '');
  removeFolder(at('folder'));
  expect(existsSync(at('folder'))).toBe(false);
});

test('removeFolder removes a tree that is too deep for a path', () => {
  const name = 'd'.repeat(200);
  const before = process.cwd();
  try {
    process.chdir(at('folder'));
    for (let depth = 0; depth < 300; depth += 1) {
      mkdirSync(name);
      process.chdir(name);
    }
  } finally {
    process.chdir(before);
  }
  removeFolder(at('folder'));
  expect(existsSync(at('folder'))).toBe(false);
});

test('removeFolder removes folders without permissions', () => {
  mkdirSync(at('folder/a/b/c'), { recursive: true });
  for (const path of ['folder/a/b/c', 'folder/a/b', 'folder/a', 'folder']) chmodSync(at(path), 0);
  removeFolder(at('folder'));
  expect(existsSync(at('folder'))).toBe(false);
});
