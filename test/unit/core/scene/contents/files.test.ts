import type {
  Dependency,
  DependencyExtent,
  DependencyKind,
} from '../../../../../core/scene/contents/blend-contents';
import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4, BLENDER_5_0, type BlendShape } from '../../../../support/blend-writer';

describe('file paths', () => {
  const dependency = (
    kind: DependencyKind,
    path: string,
    usedBy: string,
    extent: DependencyExtent = 'file',
    packed = false,
  ): Dependency => ({ kind, extent, path, packed, usedBy: [usedBy] });

  const MODIFIER = { 'modifier.name': 'M', 'modifier.mode': 3 };

  /** One of each kind, and what has to be found of them. */
  function writeAll(writer: ContentsWriter): Dependency[] {
    writer
      .object('Sea')
      .data('MeshCacheModifierData', { ...MODIFIER, filepath: '//mesh.mdd' })
      .data('OceanModifierData', { ...MODIFIER, cachepath: '//ocean', cached: 1 })
      .data('FluidsimSettings', { type: 2, surfdataPath: '//elbeem/' })
      .id('ME', 'Object', 'Head')
      .data('CustomDataExternal', { filename: '//head.btx' })
      .id('MA', 'Material', 'Lamp')
      .data('NodeShaderTexIES', { mode: 1, filepath: '//lamp.ies' })
      .data('NodeShaderScript', { mode: 1, filepath: '//noise.osl' })
      .id('IM', 'Image', 'Wood', { name: '//wood.png', source: 1 })
      .id('IM', 'Image', 'Walk', { name: '//walk_001.png', source: 2 })
      .id('IM', 'Image', 'Film', { name: '//film.mp4', source: 3 })
      .id('IM', 'Image', 'Skin', { name: '//skin.<UDIM>.exr', source: 6 })
      .data('ImageTile', { tile_number: 1001 })
      .data('ImageTile', { tile_number: 1012 })
      .id('IM', 'Image', 'Old', { name: '//old.1001.exr', source: 6 })
      .id('VF', 'VFont', 'Inter', { name: 'C:\\Fonts\\Inter.ttf' })
      .id('SO', 'bSound', 'Song', { name: '//song.ogg' })
      .id('MC', 'MovieClip', 'Plate', { name: '//plate_1.jpg', source: 1 })
      .id('MC', 'MovieClip', 'Shot', { name: '//shot.mov', source: 2 })
      .id('VO', 'Volume', 'Cloud', { filepath: '//cloud_0001.vdb', is_sequence: 1 })
      .id('CF', 'CacheFile', 'Char', { filepath: '//char.abc' })
      .data('CacheFileLayer', { filepath: '//over.abc' })
      .data('CacheFileLayer', { filepath: '//hidden.abc', flag: 1 });
    return [
      dependency('mesh-cache', '//mesh.mdd', 'modifier "M" of object "Sea"'),
      dependency('ocean-cache', '//ocean', 'modifier "M" of object "Sea"', 'folder'),
      dependency('fluid-cache', '//elbeem/', 'object "Sea"', 'folder'),
      dependency('custom-data', '//head.btx', 'mesh "Head"'),
      dependency('ies', '//lamp.ies', 'material "Lamp"'),
      dependency('osl', '//noise.osl', 'material "Lamp"'),
      dependency('image', '//wood.png', 'image "Wood"'),
      dependency('image', '//walk_001.png', 'image "Walk"', 'sequence'),
      dependency('image', '//film.mp4', 'image "Film"'),
      { ...dependency('image', '//skin.<UDIM>.exr', 'image "Skin"', 'tiles'), tiles: [1001, 1012] },
      dependency('image', '//old.1001.exr', 'image "Old"', 'sequence'),
      dependency('font', 'C:\\Fonts\\Inter.ttf', 'font "Inter"'),
      dependency('sound', '//song.ogg', 'sound "Song"'),
      dependency('movie-clip', '//plate_1.jpg', 'movie clip "Plate"', 'sequence'),
      dependency('movie-clip', '//shot.mov', 'movie clip "Shot"'),
      dependency('volume', '//cloud_0001.vdb', 'volume "Cloud"', 'sequence'),
      dependency('cache-file', '//char.abc', 'cache file "Char"'),
      dependency('cache-file', '//over.abc', 'cache file "Char"'),
    ];
  }

  const SHAPES: [string, BlendShape][] = [
    ['64-bit, little-endian', BLENDER_3_4],
    ['64-bit, big-endian', { ...BLENDER_3_4, littleEndian: false, version: 279 }],
    ['32-bit, little-endian', { ...BLENDER_3_4, pointerBytes: 4, version: 280 }],
    ['32-bit, big-endian', { ...BLENDER_3_4, pointerBytes: 4, littleEndian: false, version: 260 }],
    ['format 1', BLENDER_5_0],
  ];

  test.each(SHAPES)('one of each kind, in the order of the file: %s', async (_, shape) => {
    const writer = new ContentsWriter(shape);
    const expected = writeAll(writer);
    await expect(writer.read()).resolves.toEqual({
      dependencies: expected,
      cameras: [],
      addonTrees: [],
      denoiseNodes: [],
      unbaked: [],
      speakers: [],
      scripts: {
        texts: [],
        driverExpressions: 0,
        freestyleModules: [],
        unsafeNames: [],
        scriptNodes: ['material "Lamp"'],
      },
      fileOutputs: [],
      incomplete: false,
    });
  });

  test('member names that a later Blender may write', async () => {
    const renamed = Object.fromEntries(
      ['Image', 'VFont', 'bSound', 'MovieClip'].map((struct) => [
        struct,
        CONTENTS_STRUCTS[struct]!.map((member) => member.replace('char name[', 'char filepath[')),
      ]),
    );
    const writer = new ContentsWriter(BLENDER_5_0, { ...CONTENTS_STRUCTS, ...renamed })
      .id('IM', 'Image', 'Wood', { filepath: '//wood.png', source: 1 })
      .id('VF', 'VFont', 'Inter', { filepath: '//inter.ttf' })
      .id('SO', 'bSound', 'Song', { filepath: '//song.ogg' })
      .id('MC', 'MovieClip', 'Shot', { filepath: '//shot.mov', source: 2 });
    const { dependencies } = await writer.read();
    expect(dependencies.map(({ path }) => path)).toEqual([
      '//wood.png',
      '//inter.ttf',
      '//song.ogg',
      '//shot.mov',
    ]);
  });

  test('a file of 2.4x, whose images have no source and no list of packed files', async () => {
    const old = { ...CONTENTS_STRUCTS, Image: ['ID id', 'char name[240]', 'PackedFile *packedfile'] };
    const { dependencies } = await new ContentsWriter({ ...BLENDER_3_4, version: 241 }, old)
      .id('IM', 'Image', 'Wood', { name: '//wood.tga' })
      .id('IM', 'Image', 'Packed', { name: '//packed.tga', packedfile: 5n })
      .read();
    expect(dependencies).toEqual([
      dependency('image', '//wood.tga', 'image "Wood"'),
      dependency('image', '//packed.tga', 'image "Packed"', 'file', true),
    ]);
  });

  describe('packed', () => {
    test('by a pointer, or by the list of images since 2.7x', async () => {
      const { dependencies } = await new ContentsWriter()
        .id('IM', 'Image', 'A', { name: '//a.png', source: 1, packedfile: 1n })
        .id('IM', 'Image', 'B', { name: '//b.png', source: 1, 'packedfiles.first': 1n })
        .id('VF', 'VFont', 'C', { name: '//c.ttf', packedfile: 1n })
        .id('SO', 'bSound', 'D', { name: '//d.ogg', packedfile: 1n })
        .id('VO', 'Volume', 'E', { filepath: '//e.vdb', packedfile: 1n })
        .read();
      expect(dependencies.map(({ packed }) => packed)).toEqual([true, true, true, true, true]);
    });

    test('a path with two users is packed only if both have packed it', async () => {
      const { dependencies } = await new ContentsWriter()
        .id('IM', 'Image', 'A', { name: '//a.png', source: 1, packedfile: 1n })
        .id('IM', 'Image', 'B', { name: '//a.png', source: 1 })
        .read();
      expect(dependencies).toEqual([
        { ...dependency('image', '//a.png', ''), usedBy: ['image "A"', 'image "B"'] },
      ]);
    });
  });

  describe('without a file', () => {
    test.each<[string, (writer: ContentsWriter) => unknown]>([
      ['a generated image', (writer) => writer.id('IM', 'Image', 'A', { name: '//a.png', source: 4 })],
      ['a render result', (writer) => writer.id('IM', 'Image', 'A', { name: '//a.png', source: 5 })],
      ['an image without a path', (writer) => writer.id('IM', 'Image', 'A', { source: 1 })],
      ["Blender's own font", (writer) => writer.id('VF', 'VFont', 'Bfont', { name: '<builtin>' })],
      ['an ocean without a cache', (writer) => writer.data('OceanModifierData', { cachepath: '//ocean' })],
      [
        'a fluid that is not a domain',
        (writer) => writer.data('FluidsimSettings', { type: 4, surfdataPath: '//f' }),
      ],
      ['IES in a text', (writer) => writer.data('NodeShaderTexIES', { mode: 0, filepath: '//a.ies' })],
      ['OSL in a text', (writer) => writer.data('NodeShaderScript', { mode: 0, filepath: '//a.osl' })],
    ])('%s', async (_, write) => {
      const writer = new ContentsWriter().object('Cube');
      write(writer);
      expect((await writer.read()).dependencies).toEqual([]);
    });
  });

  test('at most eight users are listed, each once', async () => {
    const writer = new ContentsWriter();
    for (const name of ['0', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
      writer.id('IM', 'Image', name, { name: '//a.png', source: 1 });
    const [image] = (await writer.read()).dependencies;
    expect(image!.usedBy).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((name) => `image "${name}"`));
  });

  test('a path that is not UTF-8 or fills its member is read', async () => {
    const { dependencies } = await new ContentsWriter()
      .id('IM', 'Image', 'A', { name: Buffer.from([0x2f, 0x2f, 0xff, 0x61]), source: 1 })
      .id('IM', 'Image', 'B', { name: Buffer.alloc(1024, 'é'), source: 1 })
      .read();
    expect(dependencies.map(({ path }) => path)).toEqual(['//\ufffda', 'é'.repeat(512)]);
  });

  describe('libraries', () => {
    test('list their linked data', async () => {
      const writer = new ContentsWriter()
        .id('LI', 'Library', 'props.blend', { name: '//lib/props.blend' }, 7n)
        .id('ID', 'ID', '', { name: 'OBTree', lib: 7n })
        .id('ID', 'ID', '', { name: 'MAWood', lib: 7n })
        .id('LI', 'Library', 'packed.blend', { name: '//packed.blend', packedfile: 1n }, 8n)
        .id('ID', 'ID', '', { name: 'OBStone', lib: 8n });
      const common = { kind: 'library', extent: 'file' };
      expect((await writer.read()).dependencies).toEqual([
        {
          ...common,
          path: '//lib/props.blend',
          packed: false,
          usedBy: ['library "props.blend"'],
          linked: ['OBTree', 'MAWood'],
        },
        {
          ...common,
          path: '//packed.blend',
          packed: true,
          usedBy: ['library "packed.blend"'],
          linked: ['OBStone'],
        },
      ]);
    });

    test('are not needed if nothing is linked or all of it is in the file', async () => {
      const writer = new ContentsWriter()
        .id('LI', 'Library', 'unused.blend', { name: '//unused.blend' }, 7n)
        .id('LI', 'Library', 'archive.blend', { name: '//archive.blend', flag: 1 }, 8n)
        .id('ID', 'ID', '', { name: 'OBStone', lib: 8n })
        .id('ID', 'ID', '', { name: 'OBLost', lib: 9n });
      expect((await writer.read()).dependencies).toEqual([]);
    });

    test('list at most eight linked data blocks', async () => {
      const writer = new ContentsWriter().id('LI', 'Library', 'a.blend', { name: '//a.blend' }, 7n);
      for (let index = 0; index < 20; index++) writer.id('ID', 'ID', '', { name: `OB${index}`, lib: 7n });
      const [library] = (await writer.read()).dependencies;
      expect(library!.linked).toEqual(['OB0', 'OB1', 'OB2', 'OB3', 'OB4', 'OB5', 'OB6', 'OB7']);
    });
  });

  test.each([
    [0, { cyclic: false, mode: 'clip' }],
    [1, { cyclic: false, mode: 'extend' }],
    [2, { cyclic: true }],
    [3, { cyclic: false, mode: 'ping-pong' }],
  ])('a sequence of volumes with mode %i shows how it plays', async (mode, expected) => {
    const values = {
      is_sequence: 1,
      sequence_mode: mode,
      frame_start: 5,
      frame_duration: 3,
      frame_offset: -2,
    };
    const writer = new ContentsWriter().id('VO', 'Volume', 'Cloud', { filepath: '//c_01.vdb', ...values });
    const { dependencies } = await writer.read();
    expect(dependencies.map(({ plays }) => plays)).toEqual([
      [{ frames: 3, start: 5, offset: -2, ...expected }],
    ]);
  });
});

describe('image users', () => {
  const REFRESHED = 1;
  const USER = { frames: 3, sfra: 5, offset: -1, cycl: 1, flag: REFRESHED };
  const PLAY = { frames: 3, start: 5, offset: -1, cyclic: true };
  const OF_TEXTURE_NODE = { ...PLAY, mode: 'from-zero' };

  /** Under `iuser`, as texture nodes have it. */
  const inNode = (user: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(user).map(([name, value]) => [`iuser.${name}`, value]));

  function writer(source = 2): ContentsWriter {
    return new ContentsWriter().id('IM', 'Image', 'Walk', { name: '//walk_001.png', source }, 70n);
  }

  async function playsOf(written: ContentsWriter) {
    const { dependencies } = await written.read();
    return dependencies.map(({ plays }) => plays);
  }

  test.each([
    ['NodeTexImage', inNode(USER), OF_TEXTURE_NODE],
    ['NodeTexEnvironment', inNode(USER), OF_TEXTURE_NODE],
    ['ImageUser', USER, PLAY],
  ])('a node with a %s shows how its sequence plays', async (struct, values, play) => {
    const written = writer().id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
    expect(await playsOf(written.data(struct, values, 80n))).toEqual([[play]]);
  });

  test('a sequence without Auto Refresh plays as with it', async () => {
    const written = writer().id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
    expect(await playsOf(written.data('ImageUser', { ...USER, flag: 0 }, 80n))).toEqual([[PLAY]]);
  });

  test('a texture of a modifier shows how its sequence plays', async () => {
    expect(await playsOf(writer().id('TE', 'Tex', 'T', { ima: 70n, ...inNode(USER) }))).toEqual([[PLAY]]);
  });

  test('an image may follow its node', async () => {
    const written = new ContentsWriter()
      .id('MA', 'Material', 'M')
      .data('bNode', { id: 70n, storage: 80n })
      .data('NodeTexImage', inNode(USER), 80n)
      .id('IM', 'Image', 'Walk', { name: '//walk_001.png', source: 2 }, 70n);
    expect(await playsOf(written)).toEqual([[OF_TEXTURE_NODE]]);
  });

  test.each([
    ['has no pictures', { ...USER, frames: 0 }, 80n, 70n],
    ["is another node's", USER, 81n, 70n],
    ['has no image', USER, 80n, 0n],
  ])('settings are ignored if one %s', async (_, user, address, id) => {
    const written = writer().id('MA', 'Material', 'M').data('bNode', { id, storage: 80n });
    expect(await playsOf(written.data('NodeTexImage', inNode(user), address))).toEqual([undefined]);
  });

  test('an image that is not a sequence does not play', async () => {
    const written = writer(1).id('MA', 'Material', 'M').data('bNode', { id: 70n, storage: 80n });
    expect(await playsOf(written.data('NodeTexImage', inNode(USER), 80n))).toEqual([undefined]);
  });

  test('at most eight ways to play a sequence are kept', async () => {
    const written = writer().id('MA', 'Material', 'M');
    for (let node = 0n; node < 20n; node += 1n) {
      written
        .data('bNode', { id: 70n, storage: 100n + node })
        .data('NodeTexImage', inNode(USER), 100n + node);
    }
    const [plays] = await playsOf(written);
    expect(plays).toHaveLength(8);
  });
});

describe('image views', () => {
  const writer = (name = '//eye.png', source = 1) =>
    new ContentsWriter().id('IM', 'Image', 'Eyes', { name, source }, 70n);
  const view = (name: string, filepath = '') => ['ImageView', { name, filepath }] as const;

  async function pathsOf(written: ContentsWriter): Promise<string[]> {
    return (await written.read()).dependencies.map(({ path }) => path);
  }

  test('an image with views needs their files instead of its own', async () => {
    const written = writer()
      .data(...view('left', '//eye_L.png'))
      .data(...view('right', '//eye_R.png'));
    expect(await pathsOf(written)).toEqual(['//eye_L.png', '//eye_R.png']);
  });

  test('views without paths use the file of the image', async () => {
    expect(
      await pathsOf(
        writer('//pair.exr')
          .data(...view('left'))
          .data(...view('right')),
      ),
    ).toEqual(['//pair.exr']);
  });

  test('a single view without a name does not count', async () => {
    expect(await pathsOf(writer().data(...view('', '//stale.png')))).toEqual(['//eye.png']);
  });

  test('the views of one image are not those of the next', async () => {
    const written = writer()
      .data(...view('left', '//eye_L.png'))
      .id('IM', 'Image', 'Plain', { name: '//plain.png', source: 1 });
    expect(await pathsOf(written)).toEqual(['//eye_L.png', '//plain.png']);
  });

  test('a tiled image keeps its tiles', async () => {
    const written = writer('//t.<UDIM>.png', 6).data('ImageTile', { tile_number: 1001 });
    expect((await written.read()).dependencies).toMatchObject([{ path: '//t.<UDIM>.png', tiles: [1001] }]);
  });

  test('at most 64 views are kept', async () => {
    const written = writer();
    for (let index = 0; index < 200; index += 1) written.data(...view(`v${index}`, `//v${index}.png`));
    expect(await pathsOf(written)).toHaveLength(64);
  });
});
