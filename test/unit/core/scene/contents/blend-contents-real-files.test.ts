import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, type InputType } from 'node:zlib';
import { DECODE_LIMITS } from '../../../../../core/scene/blend/bytes';
import { openDecodedBlend } from '../../../../../core/scene/blend/open-blend';
import type { BlendContents, Dependency } from '../../../../../core/scene/contents/blend-contents';
import { readBlendContents } from '../../../../../core/scene/contents/read-contents';
import { bytesSource } from '../../../../support/counting-source';

// The script that made these files lists their contents: test/fixtures/blend-contents/make.py.

const FOLDER = join(__dirname, '../../../../fixtures/blend-contents');
const read = (name: string): Promise<BlendContents> =>
  readBlendContents(bytesSource(readFileSync(join(FOLDER, name)), name));

const NOTHING: BlendContents = {
  dependencies: [],
  unbaked: [],
  scripts: { texts: [], driverExpressions: 0, freestyleModules: [], unsafeNames: [], scriptNodes: [] },
  fileOutputs: [],
  // See cameras.test.ts.
  cameras: expect.any(Array),
  addonTrees: [],
  denoiseNodes: [],
  speakers: [],
  incomplete: false,
};

/** Of the material that names an OSL file. */
const OSL = { ...NOTHING.scripts, scriptNodes: ['material "Scripted"'] };

function dependency(
  kind: Dependency['kind'],
  path: string,
  usedBy: string,
  others: Partial<Dependency> = {},
): Dependency {
  return { kind, extent: 'file', path, packed: false, usedBy: [usedBy], ...others };
}

const IMAGES = [
  dependency('image', '//film.mp4', 'image "Film"'),
  dependency('image', 'C:\\Users\\Zoë\\wood.png', 'image "Missing"'),
  dependency('image', '//packed.png', 'image "Packed"', { packed: true }),
  dependency('image', '//skin.<UDIM>.png', 'image "Skin"', { extent: 'tiles', tiles: [1001, 1002] }),
  dependency('image', '//walk_001.png', 'image "Walk"', { extent: 'sequence' }),
  dependency('image', '//wood.png', 'image "Wood"'),
];

const STRIPS = [
  dependency('strip', '//still.png', 'sequencer strip "Still"'),
  dependency('strip', '//strip_001.png', 'sequencer strip "Walk"', { extent: 'sequence', runs: [[1, 3]] }),
  dependency('strip', '//a.png', 'sequencer strip "Pair"'),
  dependency('strip', '//b.png', 'sequencer strip "Pair"'),
  dependency('strip', '//film.mp4', 'sequencer strip "Film"'),
  dependency('strip', '//sub/inner.png', 'sequencer strip "Inner"'),
];

const SONG = dependency('sound', '//song.wav', 'sound "song.wav"');

/** In the order of the file: data blocks go by their kinds. */
const FILES_BEFORE_IMAGES = [
  dependency('mesh-cache', '//moved.mdd', 'modifier "Baked mesh" of object "Moved"'),
  dependency('ies', '//lamp.ies', 'light "Lamp"'),
  dependency('volume', '//cloud_0001.vdb', 'volume "Cloud"', { extent: 'sequence' }),
  dependency('custom-data', '//sculpted.btx', 'mesh "Sculpted"'),
  dependency('cache-file', '//character.abc', 'cache file "character.abc"'),
  dependency('osl', '//noise.osl', 'material "Scripted"'),
  dependency('movie-clip', '//film.mp4', 'movie clip "film.mp4"'),
  dependency('movie-clip', '//walk_001.png', 'movie clip "walk_001.png"', { extent: 'sequence' }),
];
const FILES_AFTER_IMAGES = [
  dependency('sound', '//held.wav', 'sound "Held"', { packed: true }),
  SONG,
  dependency('font', '//type.ttf', 'font "DejaVu Math TeX Gyre Regular"'),
  dependency('library', '//props.blend', 'library "props.blend"', {
    linked: ['OBStone', 'OBTree', 'MABark'],
  }),
];

const SIMULATIONS: BlendContents['unbaked'] = [
  { kind: 'dynamic-paint', what: 'surface "Surface" of modifier "Dynamic Paint" of object "Canvas"' },
  { kind: 'soft-body', what: 'modifier "Softbody" of object "Jelly"' },
  { kind: 'cloth', what: 'modifier "Cloth" of object "Sheet"' },
  { kind: 'smoke', what: 'modifier "Fluid" of object "Smoke"' },
];
const PARTICLES_AND_BODIES: BlendContents['unbaked'] = [
  { kind: 'particles', what: 'particle system "Flock" of object "Flock"' },
  { kind: 'particles', what: 'particle system "Loose hair" of object "Loose hair"' },
  { kind: 'particles', what: 'particle system "Sparks" of object "Sparks"' },
  { kind: 'rigid-body', what: 'rigid body world of scene "Scene"' },
];

const SCRIPTS = {
  texts: ['Notes', 'setup.py'],
  driverExpressions: 3,
  freestyleModules: ['line.py'],
  unsafeNames: [],
  scriptNodes: [],
};

describe('readBlendContents of files that Blender 3.4 wrote', () => {
  test('images of all kinds', async () => {
    await expect(read('images.blend')).resolves.toEqual({ ...NOTHING, dependencies: IMAGES });
  });

  test('a library and other files', async () => {
    const dependencies = [...FILES_BEFORE_IMAGES, ...FILES_AFTER_IMAGES];
    await expect(read('files.blend')).resolves.toEqual({ ...NOTHING, scripts: OSL, dependencies });
  });

  test('strips', async () => {
    await expect(read('strips.blend')).resolves.toEqual({ ...NOTHING, dependencies: [...STRIPS, SONG] });
  });

  test('scripts and File Output nodes', async () => {
    const fileOutputs = [{ path: '//passes/' }, { path: '/tmp/elsewhere' }];
    await expect(read('scripts.blend')).resolves.toEqual({ ...NOTHING, scripts: SCRIPTS, fileOutputs });
  });

  test('unbaked simulations', async () => {
    await expect(read('unbaked.blend')).resolves.toEqual({
      ...NOTHING,
      dependencies: [
        dependency('point-cache', '//elsewhere/', 'modifier "Cloth" of object "Outside"', {
          extent: 'folder',
        }),
      ],
      unbaked: [
        ...SIMULATIONS,
        { kind: 'fluid', what: 'modifier "Fluid" of object "Water"' },
        ...PARTICLES_AND_BODIES,
      ],
    });
  });

  test('the same simulations, baked', async () => {
    await expect(read('baked.blend')).resolves.toEqual({
      ...NOTHING,
      dependencies: [
        {
          ...dependency('point-cache', '//blendcache_baked/', '', { extent: 'folder' }),
          usedBy: [
            'surface "Surface" of modifier "Dynamic Paint" of object "Canvas"',
            // Its other surface paints onto images, for which Blender marks a cache as baked as well.
            'object "Canvas"',
            'modifier "Cloth" of object "On disk"',
          ],
          caches: [
            {
              usedBy: 'surface "Surface" of modifier "Dynamic Paint" of object "Canvas"',
              head: '43616E766173_',
              tail: '_00.bphys',
              start: 1,
              end: 5,
              step: 1,
            },
            {
              usedBy: 'modifier "Cloth" of object "On disk"',
              head: '4F6E206469736B_',
              tail: '_00.bphys',
              start: 1,
              end: 3,
              step: 1,
            },
          ],
        },
        dependency('fluid-cache', '//cache_smoke', 'modifier "Fluid" of object "Smoke"', {
          extent: 'folder',
        }),
      ],
    });
  });
});

describe('readBlendContents of files that Blender 5.2 wrote', () => {
  test('files', async () => {
    const dependencies = [...STRIPS, ...FILES_BEFORE_IMAGES, ...IMAGES, ...FILES_AFTER_IMAGES];
    await expect(read('5.2-files.blend')).resolves.toEqual({ ...NOTHING, scripts: OSL, dependencies });
  });

  test('scripts and simulations, geometry nodes among them', async () => {
    await expect(read('5.2-scripts.blend')).resolves.toEqual({
      ...NOTHING,
      // A group without a Render Layers node.
      composites: [{ scene: 'Scene', from: [] }],
      dependencies: [
        dependency('bake', '//bakes', 'modifier "Nodes" of object "In folder"', { extent: 'folder' }),
        dependency('bake', '//own_bake', 'modifier "Nodes" of object "In own folder"', { extent: 'folder' }),
      ],
      unbaked: [
        ...SIMULATIONS,
        ...PARTICLES_AND_BODIES,
        { kind: 'geometry-nodes', what: 'modifier "Nodes" of object "Nested"' },
        { kind: 'geometry-nodes', what: 'modifier "Nodes" of object "Open"' },
      ],
      scripts: SCRIPTS,
      fileOutputs: [{ path: '//passes/' }],
    });
  });
});

test('readBlendContents returns the same for any compression', async () => {
  const packed = readFileSync(join(FOLDER, 'files.blend'));
  const decoded = await openDecodedBlend(bytesSource(packed), DECODE_LIMITS);
  const raw = await decoded.read(0, decoded.size);
  const tableBytes = packed.readUInt32LE(packed.length - 9) * 8 + 17;
  const expected = await read('files.blend');
  const packings: [string, InputType & Uint8Array][] = [
    ['raw', raw],
    ['gzip', gzipSync(raw)],
    ['zstd without a seek table', packed.subarray(0, packed.length - tableBytes)],
  ];
  for (const [name, bytes] of packings) {
    expect([name, await readBlendContents(bytesSource(bytes))]).toEqual([name, expected]);
  }
});

test('a disk cache uses the current name of the file', async () => {
  const bytes = readFileSync(join(FOLDER, 'baked.blend'));
  const { dependencies } = await readBlendContents(bytesSource(bytes, 'Der Film.v2.BLEND'));
  expect(dependencies[0]!.path).toBe('//blendcache_Der Film.v2/');
});
