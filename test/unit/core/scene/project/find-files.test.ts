import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import type { DependencyExtent } from '../../../../../core/scene/contents/blend-contents';
import { FileFinder } from '../../../../../core/scene/project/find-files';
import { projectRootOf } from '../../../../../core/scene/project/paths';
import { FileStorage } from '../../../../../core/storage/file-storage';
import { fileUrl } from '../../../../../core/storage/storage';
import { CountingStorage, putAll } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

const at = useScratchFolder();
const FILES = {
  'textures/wood.png': 'wood',
  'textures/tile.1001.png': '1001',
  'textures/tile.1002.png': '1002',
  'textures/tile.txt': 'no tile',
  'plates/plate_0001.png': 'p1',
  'plates/plate_0003.png': 'p3',
  'cache/sub/a.vdb': 'a',
  'cache/b.vdb': 'b',
  'Odd names/100% +?#&.png': 'odd',
};

const CASES: Array<[string, DependencyExtent, string[]]> = [
  ['textures/wood.png', 'file', ['textures/wood.png']],
  ['textures/none.png', 'file', []],
  ['nowhere/none.png', 'file', []],
  ['textures', 'file', []],
  ['textures/wood.png/x.png', 'file', []],
  ['textures/tile.<UDIM>.png', 'tiles', ['textures/tile.1001.png', 'textures/tile.1002.png']],
  ['plates/plate_0002.png', 'sequence', ['plates/plate_0001.png', 'plates/plate_0003.png']],
  ['cache', 'folder', ['cache/b.vdb', 'cache/sub/a.vdb']],
  ['no cache', 'folder', []],
  ['Odd names/100% +?#&.png', 'file', ['Odd names/100% +?#&.png']],
];

describe('in a bucket', () => {
  async function bucket() {
    const storage = new CountingStorage();
    const below = Object.entries(FILES).map(([path, text]) => [`uploads/${path}`, text]);
    await putAll(storage, Object.fromEntries(below));
    return { storage, root: projectRootOf(new URL('memory://films/uploads/shot.blend')) };
  }

  test.each(CASES)('%s as %s', async (path, extent, expected) => {
    const { storage, root } = await bucket();
    const { files } = await new FileFinder(storage, root).find(path.split('/'), extent);
    expect(files.map((file) => file.path)).toEqual(expected);
    for (const { url, size, etag } of files) {
      expect(await storage.head(url)).toMatchObject({ size, etag });
    }
  });

  test('a folder is listed once for any number of its files', async () => {
    const { storage, root } = await bucket();
    const finder = new FileFinder(storage, root);
    const names = Array.from({ length: 1000 }, (_, index) => `none-${index}.png`);
    await Promise.all(names.map((name) => finder.find(['textures', name], 'file')));
    await finder.find(['textures', 'tile.<UDIM>.png'], 'tiles');
    // The folder above is looked at for another spelling of the folder's name.
    expect(storage.counts).toMatchObject({ listFolder: 2, head: 0 });
  });

  test('a folder that is too large to list is searched by name', async () => {
    const { storage, root } = await bucket();
    const finder = new FileFinder(storage, root, { mostListed: 3 });
    const { files } = await finder.find(['textures', 'tile.<UDIM>.png'], 'tiles');
    expect(files).toHaveLength(2);
    expect((await finder.find(['textures', 'wood.png'], 'file')).files).toHaveLength(1);
  });
});

test('too many folders are reported as cut', async () => {
  const storage = new CountingStorage();
  const root = projectRootOf(new URL('memory://films/uploads/shot.blend'));
  const finder = new FileFinder(storage, root, { mostFolders: 3 });
  for (const folder of ['a', 'b']) await finder.find([folder, 'x.png'], 'file');
  // Those two, and the folder above.
  expect([finder.isCut, storage.counts.listFolder]).toEqual([false, 3]);
  expect(await finder.find(['c', 'x.png'], 'file')).toMatchObject({ files: [] });
  expect([finder.isCut, storage.counts.listFolder]).toEqual([true, 3]);
});

test('too many files below folders are reported as cut', async () => {
  const storage = new CountingStorage();
  await putAll(storage, { 'uploads/film/a.txt': 'a', 'uploads/film/b.txt': 'b', 'uploads/film/c.vdb': 'c' });
  const root = projectRootOf(new URL('memory://films/uploads/film/shot.blend'));
  const isVolume = (path: string) => path.endsWith('.vdb');
  const finder = new FileFinder(storage, root, { mostBelow: 5 });
  expect((await finder.find([], 'folder', undefined, isVolume)).files).toHaveLength(1);
  expect(finder.isCut).toBe(false);
  expect((await finder.find([], 'folder', undefined, isVolume)).files).toHaveLength(0);
  expect(finder.isCut).toBe(true);
});

describe('sequences that many paths name', () => {
  async function finderOf(limits: ConstructorParameters<typeof FileFinder>[2]) {
    const storage = new CountingStorage();
    await putAll(storage, { 'uploads/film/f_1.png': '1', 'uploads/film/f_9.png': '9' });
    const root = projectRootOf(new URL('memory://films/uploads/film/shot.blend'));
    return new FileFinder(storage, root, limits);
  }

  test('yield no files after the limit', async () => {
    const finder = await finderOf({ mostNumbered: 3 });
    const counts: number[] = [];
    for (let path = 0; path < 3; path += 1)
      counts.push((await finder.find(['f_1.png'], 'sequence')).files.length);
    expect([counts, finder.isCut]).toEqual([[2, 2, 0], true]);
  });

  test('yield no missing names after the limit', async () => {
    const finder = await finderOf({ mostAbsent: 10 });
    const counts: number[] = [];
    for (let path = 0; path < 3; path += 1)
      counts.push((await finder.find(['f_1.png'], 'sequence')).absent.length);
    expect([counts, finder.isCut]).toEqual([[7, 7, 0], true]);
  });
});

describe('on a disk', () => {
  function disk() {
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(at(path, '..'), { recursive: true });
      writeFileSync(at(path), text);
    }
    const root = { ...projectRootOf(fileUrl('/')), url: fileUrl(`${at()}/`) };
    return new FileFinder(new FileStorage(), root);
  }

  test.each(CASES)('%s as %s', async (path, extent, expected) => {
    const { files } = await disk().find(path.split('/'), extent);
    expect(files.map((file) => file.path)).toEqual(expected);
    for (const { url } of files) expect((await new FileStorage().get(url)).length).toBeGreaterThan(0);
  });

  test('a link counts only if it leads to a file', async () => {
    const finder = disk();
    symlinkSync(at('textures/wood.png'), at('textures/link.png'));
    symlinkSync(at('textures/gone.png'), at('textures/dead.png'));
    expect((await finder.find(['textures', 'link.png'], 'file')).files).toHaveLength(1);
    expect((await finder.find(['textures', 'dead.png'], 'file')).files).toHaveLength(0);
  });

  test.each([
    ['textures/WOOD.png', 'wood.png'],
    ['Textures/wood.png', 'textures/'],
    ['textures/Tile.<UDIM>.png', 'tile.1001.png'],
    ['textures/stone.png', undefined],
  ])('%s is found as %s', async (path, otherCase) => {
    expect(await disk().find(path.split('/'), 'file')).toEqual({ files: [], absent: [], otherCase });
  });
});
