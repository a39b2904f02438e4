import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import type { FoundDependency } from '../../../../../core/scene/project/dependencies';
import { withFileFaults } from '../../../../../core/scene/project/file-faults';
import { FileStorage } from '../../../../../core/storage/file-storage';

const PNG = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  deflateSync(Buffer.alloc(5000)),
  Buffer.from('\0\0\0\0IEND\xae\x42\x60\x82', 'latin1'),
]);
const JPEG = Buffer.from('\xff\xd8\xff\xe0 picture \xff\xd9', 'latin1');
const WEBP = Buffer.concat([Buffer.from('RIFF\x10\0\0\0WEBP', 'latin1'), Buffer.alloc(12)]);
const POINTER = Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n');

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'file-faults-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function faultsOf(name: string, bytes: Buffer): Promise<string[]> {
  await writeFile(join(folder, name), bytes);
  const url = pathToFileURL(join(folder, name));
  const found: FoundDependency = {
    dependency: { kind: 'image', extent: 'file', path: `//${name}`, packed: false, usedBy: ['image "A"'] },
    state: 'found',
    isAbsolute: false,
    files: [{ path: name, url, size: bytes.length, modified: '2026-01-01T00:00:00.000Z' }],
    absent: [],
  };
  const [judged] = await withFileFaults([found], new FileStorage(), () => true);
  return (judged?.faults ?? []).map(({ why }) => why);
}

test.each([
  ['a whole PNG', 'a.png', PNG],
  ['a PNG with some bytes after its end', 'b.png', Buffer.concat([PNG, Buffer.alloc(3000)])],
  ['a whole JPEG under another name', 'c.png', JPEG],
  ['a whole WebP', 'd.webp', WEBP],
  ['a film as an image', 'e.mp4', Buffer.alloc(2000)],
  ['a TGA, which has no mark', 'f.tga', Buffer.alloc(2000)],
])('%s has no fault', async (_, name, bytes) => {
  expect(await faultsOf(name, bytes)).toEqual([]);
});

test.each([
  ['an empty file', 'g.vdb', Buffer.alloc(0), 'is empty'],
  ['a Git LFS pointer', 'h.png', POINTER, 'is a Git LFS pointer, not the file itself: run git lfs pull'],
  [
    'a pointer instead of a film',
    'i.mp4',
    POINTER,
    'is a Git LFS pointer, not the file itself: run git lfs pull',
  ],
  [
    'text instead of a picture',
    'j.png',
    Buffer.from('not a png'),
    'is damaged: it does not start like a picture',
  ],
  ['a PNG without its end', 'k.png', PNG.subarray(0, -12), 'is damaged: its end is missing'],
  ['a JPEG without its end', 'l.jpg', JPEG.subarray(0, -2), 'is damaged: its end is missing'],
  ['a WebP without its end', 'm.webp', WEBP.subarray(0, -8), 'is damaged: its end is missing'],
])('%s is reported', async (_, name, bytes, why) => {
  expect(await faultsOf(name, bytes)).toEqual([why]);
});
