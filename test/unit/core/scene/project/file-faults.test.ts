import type { DependencyKind } from '../../../../../core/scene/contents/blend-contents';
import { isAsset, isTextInstead } from '../../../../../core/scene/project/file-faults';

test.each<[DependencyKind, string]>([
  ['image', 'textures/Wood.PNG'],
  ['image', 'film.mp4'],
  ['image', 'tile.1001.exr'],
  ['movie-clip', 'plates/walk_001.dpx'],
  ['sound', 'music.opus'],
  ['sound', 'film.mov'],
  ['strip', 'a.b.wav'],
  ['font', 'title.otf'],
  ['library', 'lib/props.blend'],
  ['volume', 'cloud_0001.vdb'],
  ['cache-file', 'hero.usdc'],
  ['mesh-cache', 'cloth.pc2'],
  ['ocean-cache', 'cache/disp_0001.exr'],
  ['fluid-cache', 'cache_fluid/mesh/lMesh_0001.bobj.gz'],
  ['fluid-cache', 'cache_fluid/config/config_0001.uni'],
  ['point-cache', 'blendcache_shot/rain_000001_00.bphys'],
  ['bake', 'bake/123/meta/000001_00000.json'],
  ['bake', 'bake/123/blobs/000001_00000.blob'],
  ['custom-data', 'sculpted.btx'],
  ['ies', 'lamp.ies'],
  ['osl', 'noise.oso'],
  ['ocio', 'colors/config.ocio'],
  ['ocio', 'studio.ocioz'],
  ['ocio', 'luts/show.SPI3D'],
])('a file of kind %s can be %s', (kind, path) => {
  expect(isAsset(kind, path)).toBe(true);
});

const KINDS: readonly DependencyKind[] = [
  'image',
  'movie-clip',
  'sound',
  'strip',
  'font',
  'library',
  'volume',
  'cache-file',
  'mesh-cache',
  'ocean-cache',
  'fluid-cache',
  'point-cache',
  'bake',
  'custom-data',
  'ies',
  'osl',
  'ocio',
];

test.each([
  'credentials',
  'id_rsa',
  'id_ed25519.pub',
  'server.pem',
  'server.key',
  'store.p12',
  'passwords.kdbx',
  'notes.txt',
  'config.json',
  'script.py',
  'png',
  '.png',
  'folder/.exr',
  'wood.png/secret',
  'wood.png\nsecret',
])('%j cannot be a dependency', (path) => {
  expect(KINDS.filter((kind) => isAsset(kind, path))).toEqual([]);
});

test('a folder of baked geometry has no JSON files except those of its frames', () => {
  expect(isAsset('bake', 'home/config.json')).toBe(false);
  expect(isAsset('bake', 'home/meta/secrets.json')).toBe(false);
});

const KEY = Buffer.from('-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n');

test.each<[string, string, Uint8Array, boolean]>([
  ['a key called an image', 'wood.png', KEY, true],
  ['a key called a library', 'props.blend', KEY, true],
  ['a key with a letter beyond ASCII', 'wood.png', Buffer.from('# Zoë\n-----BEGIN PRIVATE KEY-----\n'), true],
  ['UTF-8 text with a mark', 'wood.png', Buffer.from('\ufeffpassword'), true],
  ['UTF-8 text that is cut within a letter', 'wood.png', Buffer.from('password ë').subarray(0, -1), true],
  ['UTF-16 text', 'wood.png', Buffer.from('\ufeffpassword', 'utf16le'), true],
  ['source code called like a film', 'config.ts', Buffer.from('// © Zoë\nexport const key = 1;\n'), true],
  ['a film', 'shot.ts', Uint8Array.of(0x47, 0x40, 0x11, 0x10), false],
  ['sound that begins like UTF-16 text', 'a.mp3', Uint8Array.of(0xff, 0xfe, 0x10, 0x00, 0x00, 0xd8), false],
  ['an image', 'wood.png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), false],
  ['a TGA, which has no mark', 'wood.tga', Uint8Array.of(0, 0, 2, 0, 65, 66), false],
  ['an empty file', 'wood.png', Buffer.from(''), false],
  ['an HDR, whose head is text', 'sky.hdr', Buffer.from('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n'), false],
  ['a light profile', 'lamp.ies', Buffer.from('IESNA:LM-63-1995\n'), false],
])('text instead of an asset is detected: %s', (_, path, start, expected) => {
  expect(isTextInstead(path, start)).toBe(expected);
});
