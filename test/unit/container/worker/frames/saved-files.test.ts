import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import {
  removeSaved,
  type SavedFile,
  takeBytes,
  takeCopy,
} from '../../../../../container/worker/frames/saved-files';
import { useScratchFolder } from '../../../../support/scratch-folder';

const at = useScratchFolder();
const MIB = 1024 * 1024;

beforeEach(() => {
  for (const name of ['saved', 'own']) mkdirSync(at(name));
  writeFileSync(at('secret'), 'secret');
});

const frame12 = (mostBytes = 64 * MIB): SavedFile => ({
  path: at('saved/0012.png'),
  writer: 'Blender',
  name: 'frame 12',
  mostBytes,
});

/** Takes it in both ways; gives the reason of each refusal, and checks that neither leaves anything. */
async function refusals(saved: SavedFile): Promise<unknown[]> {
  const reasonOf = (error: unknown) => (error instanceof Error ? error.message : error);
  const reasons = [
    await takeBytes(saved).catch(reasonOf),
    await takeCopy(saved, at('own/0012.png')).catch(reasonOf),
  ];
  expect(readdirSync(at('own'))).toEqual([]);
  return reasons;
}

test('takeBytes and takeCopy take exactly the bytes of a file', async () => {
  const bytes = Buffer.alloc(3 * MIB + 17, 'frame');
  writeFileSync(at('saved/0012.png'), bytes, { mode: 0o444 });
  expect((await takeBytes(frame12())).equals(bytes)).toBe(true);
  await takeCopy(frame12(), at('own/0012.png'));
  expect(readFileSync(at('own/0012.png')).equals(bytes)).toBe(true);
  appendFileSync(at('own/0012.png'), 'x');
  expect(statSync(at('saved/0012.png'))).toMatchObject({ size: bytes.length, nlink: 1 });
});

test('takeBytes and takeCopy take an empty file', async () => {
  writeFileSync(at('saved/0012.png'), '');
  expect(await takeBytes(frame12())).toHaveLength(0);
  await takeCopy(frame12(), at('own/0012.png'));
  expect(statSync(at('own/0012.png')).size).toBe(0);
});

test('takeCopy replaces an existing link without following it', async () => {
  writeFileSync(at('saved/0012.png'), 'frame');
  symlinkSync(at('secret'), at('own/0012.png'));
  await takeCopy(frame12(), at('own/0012.png'));
  expect(readFileSync(at('own/0012.png'), 'utf8')).toBe('frame');
  expect(readFileSync(at('secret'), 'utf8')).toBe('secret');
});

test.each<[string, () => void, string]>([
  [
    'a symbolic link',
    () => symlinkSync(at('secret'), at('saved/0012.png')),
    'as a symbolic link, not a file',
  ],
  [
    'a link to a device',
    () => symlinkSync('/dev/zero', at('saved/0012.png')),
    'as a symbolic link, not a file',
  ],
  [
    'a link to nothing',
    () => symlinkSync(at('nothing'), at('saved/0012.png')),
    'as a symbolic link, not a file',
  ],
  ['a hard link', () => linkSync(at('secret'), at('saved/0012.png')), 'as a hard link to another file'],
  ['a folder', () => mkdirSync(at('saved/0012.png')), 'as a folder, not a file'],
])('takeBytes and takeCopy refuse %s with a reason', async (_, make, words) => {
  make();
  const reason = `Blender saved frame 12 ${words}`;
  expect(await refusals(frame12())).toEqual([reason, reason]);
});

test('takeBytes and takeCopy refuse a socket with a reason', async () => {
  const server = createServer();
  // The path of a socket is short, and the folder of a test is not.
  const folder = process.cwd();
  process.chdir(at('saved'));
  try {
    await new Promise<void>((listening) => server.listen('0012.png', listening));
  } finally {
    process.chdir(folder);
  }
  const reason = 'Blender saved frame 12 as a socket, not a file';
  expect(await refusals(frame12())).toEqual([reason, reason]);
  await new Promise((closed) => server.close(closed));
});

test('takeBytes and takeCopy refuse a device with a reason', async () => {
  const device = { ...frame12(), path: '/dev/zero' };
  const reason = 'Blender saved frame 12 as a device, not a file';
  expect(await refusals(device)).toEqual([reason, reason]);
});

test('takeBytes and takeCopy refuse a missing file with a reason', async () => {
  const reason = 'Blender reported frame 12 as saved but wrote no file';
  expect(await refusals(frame12())).toEqual([reason, reason]);
});

test('takeBytes and takeCopy refuse a sparse file over the size limit before reading it', async () => {
  writeFileSync(at('saved/0012.png'), '');
  truncateSync(at('saved/0012.png'), 2 ** 42);
  const reason = `Blender saved frame 12 with ${2 ** 42} bytes; Spotreel accepts ${MIB} bytes at most`;
  expect(await refusals(frame12(MIB))).toEqual([reason, reason]);
});

test('takeBytes and takeCopy refuse a file that grows while it is read', async () => {
  writeFileSync(at('saved/0012.png'), Buffer.alloc(4 * MIB));
  let isGrowing = true;
  const grow = () => {
    if (!isGrowing) return;
    appendFileSync(at('saved/0012.png'), 'x');
    setImmediate(grow);
  };
  grow();
  const reasons = await refusals(frame12()).finally(() => (isGrowing = false));
  expect(reasons).toEqual(Array(2).fill('Blender changed the file of frame 12 while Spotreel read it'));
});

test('takeBytes and takeCopy refuse an unreadable file with a reason', async () => {
  writeFileSync(at('saved/0012.png'), 'frame');
  chmodSync(at('saved/0012.png'), 0);
  // Root may read everything.
  for (const name of ['', 'saved', 'own']) chmodSync(at(name), 0o777);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid!(10_001);
  try {
    const reason = 'Blender saved frame 12 as a file that Spotreel may not read';
    expect(await refusals(frame12())).toEqual([reason, reason]);
  } finally {
    if (isRoot) process.seteuid!(0);
  }
});

test('removeSaved follows no link and keeps folders', async () => {
  symlinkSync(at('secret'), at('saved/link'));
  mkdirSync(at('saved/folder/inner'), { recursive: true });
  for (const name of ['link', 'folder', 'nothing']) await removeSaved(at('saved', name));
  expect(readdirSync(at('saved'), { recursive: true })).toEqual(['folder', 'folder/inner']);
  expect(readFileSync(at('secret'), 'utf8')).toBe('secret');
});
