import { ContentsWriter } from '../../../../support/blend-contents-writer';

const BAKED = 1;
const ON_DISK = 1 << 6;
const EXTERNAL = 1 << 9;
const RENDERED = { 'modifier.name': 'M', 'modifier.mode': 3 };
const NOT_RENDERED = { 'modifier.name': 'M', 'modifier.mode': 1 };
const WHERE = 'modifier "M" of object "Cube"';

const cube = (): ContentsWriter => new ContentsWriter().object('Cube');

/** Writes the one that has the cache, at the address that it is given. */
type Write = (writer: ContentsWriter, cache: bigint, modifier?: object) => unknown;

const CACHED: [string, string, Write][] = [
  [
    'cloth',
    WHERE,
    (writer, cache, modifier = RENDERED) =>
      writer.data('ClothModifierData', { ...modifier, point_cache: cache }),
  ],
  [
    'soft-body',
    WHERE,
    (writer, cache, modifier = RENDERED) =>
      writer
        .data('SoftbodyModifierData', { ...modifier })
        .data('SoftBody')
        .data('SoftBody_Shared', { pointcache: cache }),
  ],
  [
    'particles',
    'particle system "P" of object "Cube"',
    (writer, cache, modifier = RENDERED) =>
      writer
        .data('ParticleSystem', { name: 'P', part: 50n, pointcache: cache }, 40n)
        .data('ParticleSystemModifierData', { ...modifier, psys: 40n }),
  ],
  [
    'dynamic-paint',
    `surface "S" of ${WHERE}`,
    (writer, cache, modifier = RENDERED) =>
      writer
        .data('DynamicPaintModifierData', { ...modifier })
        .data('DynamicPaintSurface', { name: 'S', format: 1, flags: 1, pointcache: cache }),
  ],
  [
    'smoke',
    WHERE,
    (writer, cache, modifier = RENDERED) =>
      writer.data('SmokeModifierData', { ...modifier }).data('SmokeDomainSettings', { point_cache: cache }),
  ],
];

const withSettings = (writer: ContentsWriter): ContentsWriter =>
  writer.id('PA', 'ParticleSettings', 'Settings', { type: 0, phystype: 1 }, 50n);

describe.each(CACHED)('%s', (kind, what, write) => {
  const read = async (flag: number | undefined, modifier?: object) => {
    const writer = cube();
    write(writer, 7n, modifier);
    if (flag !== undefined) writer.data('PointCache', { flag, path: '//cache' }, 7n);
    return withSettings(writer).read('film.blend');
  };

  test('without a bake is reported, even with a disk cache or a dangling one', async () => {
    for (const flag of [0, ON_DISK, 1 << 2, undefined]) {
      await expect(read(flag)).resolves.toMatchObject({ unbaked: [{ kind, what }], dependencies: [] });
    }
  });

  test('with a bake in the file, on disk or elsewhere is not reported', async () => {
    await expect(read(BAKED)).resolves.toMatchObject({ unbaked: [], dependencies: [] });
    const folder = { kind: 'point-cache', extent: 'folder', packed: false, usedBy: [what] };
    await expect(read(BAKED | ON_DISK)).resolves.toMatchObject({
      unbaked: [],
      dependencies: [{ ...folder, path: '//blendcache_film/' }],
    });
    for (const flag of [EXTERNAL, EXTERNAL | ON_DISK | BAKED]) {
      await expect(read(flag)).resolves.toMatchObject({
        unbaked: [],
        dependencies: [{ ...folder, path: '//cache' }],
      });
    }
  });

  test('that is not rendered is not reported', async () => {
    expect((await read(0, NOT_RENDERED)).unbaked).toEqual([]);
  });

  test('does not use the cache of another object', async () => {
    const writer = cube();
    write(writer, 7n);
    writer.object('Other').data('PointCache', { flag: BAKED }, 7n);
    expect((await withSettings(writer).read()).unbaked).toEqual([{ kind, what }]);
  });
});

describe('a soft body', () => {
  test('of Blender ≤ 2.79 has its cache in its own struct', async () => {
    for (const [flag, count] of [
      [BAKED, 0],
      [0, 1],
    ] as const) {
      const writer = cube()
        .data('SoftBody', { pointcache: 7n })
        .data('PointCache', { flag }, 7n)
        .data('SoftbodyModifierData', RENDERED);
      expect((await writer.read()).unbaked).toHaveLength(count);
    }
  });

  test('without its modifier is not reported', async () => {
    expect((await cube().data('SoftBody').read()).unbaked).toEqual([]);
  });
});

describe('particles', () => {
  const read = (settings: object, flag = 0) =>
    cube()
      .data('ParticleSystem', { name: 'P', flag, part: 50n }, 40n)
      .data('ParticleSystemModifierData', { ...RENDERED, psys: 40n })
      .id('PA', 'ParticleSettings', 'Settings', { ...settings }, 50n)
      .read();

  test.each([
    ['without physics', 0, 0, false],
    ['newtonian', 0, 1, true],
    ['keyed', 0, 2, false],
    ['boids', 0, 3, true],
    ['fluid', 0, 4, true],
    ['hair', 2, 1, false],
    ['of a fluid domain', 4, 1, false],
  ])('%s', async (_, type, phystype, counts) => {
    expect((await read({ type, phystype })).unbaked).toHaveLength(counts ? 1 : 0);
  });

  test('of hair with dynamics have a cloth that is not a modifier', async () => {
    const { unbaked } = await cube()
      .data('ParticleSystem', { name: 'Fur', flag: 1 << 2, part: 50n, clmd: 60n, pointcache: 7n }, 40n)
      .data('ClothModifierData', { 'modifier.mode': 3 }, 60n)
      .data('PointCache', {}, 7n)
      .data('ParticleSystemModifierData', { ...RENDERED, psys: 40n })
      .id('PA', 'ParticleSettings', 'Settings', { type: 2, phystype: 1 }, 50n)
      .read();
    expect(unbaked).toEqual([{ kind: 'particles', what: 'particle system "Fur" of object "Cube"' }]);
  });

  test('that are disabled or have linked settings are not reported', async () => {
    expect((await read({ type: 0, phystype: 1 }, 1 << 13)).unbaked).toEqual([]);
    const linked = cube()
      .data('ParticleSystem', { name: 'P', part: 50n }, 40n)
      .data('ParticleSystemModifierData', { ...RENDERED, psys: 40n })
      .id('LI', 'Library', 'a.blend', { name: '//a.blend' }, 9n)
      .id('ID', 'ID', '', { name: 'PASettings', lib: 9n }, 50n);
    expect((await linked.read()).unbaked).toEqual([]);
  });

  test('may precede their objects in the file', async () => {
    const { unbaked } = await new ContentsWriter()
      .id('PA', 'ParticleSettings', 'Settings', { type: 0, phystype: 1 }, 50n)
      .object('Cube')
      .data('ParticleSystemModifierData', { ...RENDERED, psys: 40n })
      .data('ParticleSystem', { name: 'P', part: 50n }, 40n)
      .read();
    expect(unbaked).toHaveLength(1);
  });
});

describe('dynamic paint', () => {
  test.each([
    ['onto images', { format: 2, flags: 1 }],
    ['that is switched off', { format: 1, flags: 0 }],
  ])('%s is not reported', async (_, surface) => {
    const writer = cube().data('DynamicPaintModifierData', RENDERED).data('DynamicPaintSurface', surface);
    expect((await writer.read()).unbaked).toEqual([]);
  });
});

describe('fluid domains', () => {
  const read = (settings: object, modifier = RENDERED) =>
    cube()
      .data('FluidModifierData', modifier)
      .data('FluidDomainSettings', { cache_directory: '//cache_fluid', ...settings })
      .read();
  const CACHE = {
    kind: 'fluid-cache',
    extent: 'folder',
    path: '//cache_fluid',
    packed: false,
    usedBy: [WHERE],
  };

  test('need their folder if they are baked', async () => {
    await expect(read({ cache_flag: 1 << 1 })).resolves.toMatchObject({ unbaked: [], dependencies: [CACHE] });
    // A mesh was baked whose data were freed again.
    await expect(read({ cache_flag: 1 << 5, type: 1 })).resolves.toMatchObject({
      unbaked: [{ kind: 'fluid', what: WHERE }],
      dependencies: [CACHE],
    });
  });

  test('are smoke or a fluid', async () => {
    for (const [type, kind] of ['smoke', 'fluid'].entries()) {
      await expect(read({ type })).resolves.toMatchObject({
        unbaked: [{ kind, what: WHERE }],
        dependencies: [],
      });
    }
    expect((await read({}, NOT_RENDERED)).unbaked).toEqual([]);
  });
});

describe('rigid bodies', () => {
  const WORLD = { group: 30n };
  const scene = (world: object): ContentsWriter =>
    new ContentsWriter().id('SC', 'Scene', 'Scene').data('RigidBodyWorld', { ...WORLD, ...world });
  const ACTIVE = { type: 0 };
  const UNBAKED = [{ kind: 'rigid-body', what: 'rigid body world of scene "Scene"' }];

  test('count if physics moves one of them', async () => {
    const read = async (body: object) =>
      (
        await scene({})
          .object('Cube')
          .data('RigidBodyOb', { ...body })
          .read()
      ).unbaked;
    expect(await read(ACTIVE)).toEqual(UNBAKED);
    expect(await read({ type: 1 })).toEqual([]);
    expect(await read({ type: 0, flag: 1 })).toEqual([]);
    expect(await read({ type: 0, flag: 1 << 5 })).toEqual([]);
  });

  test('count if the collection is linked', async () => {
    const writer = scene({})
      .id('LI', 'Library', 'a.blend', { name: '//a.blend' }, 9n)
      .id('ID', 'ID', '', { name: 'GRBodies', lib: 9n }, 30n);
    expect((await writer.read()).unbaked).toEqual(UNBAKED);
    expect((await scene({}).read()).unbaked).toEqual([]);
  });

  test.each([
    ['nothing', {}, []],
    ['an object', { 'gobject.first': 31n }, UNBAKED],
    ['a collection', { 'children.first': 31n }, UNBAKED],
  ])('a world whose collection holds %s counts only if there are bodies in it', async (_, held, unbaked) => {
    const writer = scene({}).object('Of another scene').data('RigidBodyOb', ACTIVE);
    expect((await writer.id('GR', 'Collection', 'Bodies', held, 30n).read()).unbaked).toEqual(unbaked);
  });

  test('do not count if the world is muted, empty or baked', async () => {
    const read = async (writer: ContentsWriter) =>
      (await writer.object('Cube').data('RigidBodyOb', ACTIVE).read()).unbaked;
    expect(await read(scene({ flag: 1 }))).toEqual([]);
    expect(await read(scene({ group: 0n }))).toEqual([]);
    const shared = scene({}).data('RigidBodyWorld_Shared', { pointcache: 7n });
    expect(await read(shared.data('PointCache', { flag: BAKED }, 7n))).toEqual([]);
    const old = scene({ pointcache: 7n });
    expect(await read(old.data('PointCache', { flag: BAKED }, 7n))).toEqual([]);
    const unbaked = scene({ pointcache: 7n });
    expect(await read(unbaked.data('PointCache', { flag: 0 }, 7n))).toEqual(UNBAKED);
  });
});

test.each([
  ['Grid', '', '47726964_'],
  ['Ä', '', 'FFFFFFC3FFFFFF84_'],
  ['Grid', 'cape', 'cape_'],
])(
  'a disk cache of object %s with the name "%s" has files that start with %s',
  async (object, name, head) => {
    const cache = { flag: BAKED | ON_DISK, name, index: 2, startframe: 3, endframe: 9, step: 1 };
    const { dependencies } = await new ContentsWriter()
      .object(object)
      .data('ClothModifierData', { ...RENDERED, point_cache: 9n })
      .data('PointCache', cache, 9n)
      .read();
    expect(dependencies.map(({ caches }) => caches)).toEqual([
      [{ usedBy: `modifier "M" of object "${object}"`, head, tail: '_02.bphys', start: 3, end: 9, step: 1 }],
    ]);
  },
);
