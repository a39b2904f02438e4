import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4 } from '../../../../support/blend-writer';

describe('geometry nodes', () => {
  const RENDERED = { 'modifier.name': 'M', 'modifier.mode': 3 };
  const NOT_RENDERED = { 'modifier.name': 'M', 'modifier.mode': 1 };
  const WHERE = 'modifier "M" of object "Cube"';

  const cube = (): ContentsWriter => new ContentsWriter().object('Cube');

  describe('geometry nodes', () => {
    const zone = (writer: ContentsWriter, address = 20n): ContentsWriter =>
      writer
        .id('NT', 'bNodeTree', 'Zone', { type: 3 }, address)
        .data('bNode', { storage: 5n })
        .data('NodeGeometrySimulationOutput', {}, 5n);
    const NODES = { ...RENDERED, node_group: 20n };
    const UNBAKED = [{ kind: 'geometry-nodes', what: WHERE }];

    test('count with a simulation zone, even in nested or cyclic groups', async () => {
      expect((await zone(cube().data('NodesModifierData', NODES)).read()).unbaked).toEqual(UNBAKED);
      const nested = cube()
        .data('NodesModifierData', NODES)
        .id('NT', 'bNodeTree', 'Outer', { type: 3 }, 20n)
        .data('bNode', { id: 21n })
        .data('bNode', { id: 20n })
        .id('NT', 'bNodeTree', 'Middle', { type: 3 }, 21n)
        .data('bNode', { id: 22n })
        .data('bNode', { id: 20n });
      expect((await zone(nested, 22n).read()).unbaked).toEqual(UNBAKED);
    });

    test('do not count without a zone, if not rendered, or with a linked group', async () => {
      const plain = cube().data('NodesModifierData', NODES).id('NT', 'bNodeTree', 'Plain', { type: 3 }, 20n);
      expect((await plain.data('bNode', { id: 20n }).read()).unbaked).toEqual([]);
      expect((await cube().data('NodesModifierData', NODES).read()).unbaked).toEqual([]);
      const hidden = cube().data('NodesModifierData', { ...NODES, ...NOT_RENDERED });
      expect((await zone(hidden).read()).unbaked).toEqual([]);
    });

    test('of shaders and materials do not count', async () => {
      const writer = cube()
        .data('NodesModifierData', NODES)
        .id('MA', 'Material', 'Wood')
        .data('bNodeTree', { type: 3 }, 20n)
        .data('NodeGeometrySimulationOutput');
      expect((await writer.read()).unbaked).toEqual([]);
    });

    const OWN = 1 << 1;
    const bake = (path: string) => ({
      kind: 'bake',
      extent: 'folder',
      path,
      packed: false,
      usedBy: [WHERE],
    });

    test('that are baked into the file need nothing', async () => {
      const writer = cube()
        .data('NodesModifierData', { ...NODES, bakes: 31n, simulation_bake_directory: 32n })
        .array('NodesModifierBake', [{ packed: 1n, directory: 33n, flag: OWN }], 31n)
        .block('DATA', Buffer.from('//unused\0'), { address: 32n })
        .block('DATA', Buffer.from('//unused\0'), { address: 33n });
      await expect(zone(writer).read()).resolves.toMatchObject({ unbaked: [], dependencies: [] });
    });

    test('that are baked to disk need the folder of the modifier, or their own, or both', async () => {
      const write = (bakes: object[], folder: string): ContentsWriter =>
        cube()
          .data('NodesModifierData', { ...NODES, bakes: 31n, simulation_bake_directory: 32n })
          .array(
            'NodesModifierBake',
            bakes.map((each) => ({ ...each })),
            31n,
          )
          .block('DATA', Buffer.from(`${folder}\0`), { address: 32n })
          .block('DATA', Buffer.from('//own\0'), { address: 33n });
      const read = async (bakes: object[], folder: string) => {
        const { dependencies, unbaked } = await zone(write(bakes, folder)).read();
        return { dependencies, unbaked };
      };
      expect(await read([{}], '//bakes')).toEqual({ dependencies: [bake('//bakes')], unbaked: [] });
      expect(await read([{ flag: OWN, directory: 33n }], '//bakes')).toEqual({
        dependencies: [bake('//own')],
        unbaked: [],
      });
      expect(await read([{ flag: OWN, directory: 33n }, {}], '//bakes')).toEqual({
        dependencies: [bake('//own'), bake('//bakes')],
        unbaked: [],
      });
      expect(await read([{}], '')).toEqual({ dependencies: [], unbaked: UNBAKED });
    });

    test('of 3.6 have only the folder of the modifier, by either name', async () => {
      const structs = {
        ...CONTENTS_STRUCTS,
        NodesModifierData: ['ModifierData modifier', 'bNodeTree *node_group', 'char *bake_directory'],
      };
      const writer = new ContentsWriter(BLENDER_3_4, structs)
        .object('Cube')
        .data('NodesModifierData', { ...NODES, bake_directory: 32n })
        .block('DATA', Buffer.from('//bakes'), { address: 32n });
      await expect(zone(writer).read()).resolves.toMatchObject({
        unbaked: [],
        dependencies: [bake('//bakes')],
      });
    });
  });
});

describe('import nodes', () => {
  /** A node group with an Import STL node whose path is `//own.stl`. */
  function group(): ContentsWriter {
    return new ContentsWriter()
      .id('NT', 'bNodeTree', 'G', { type: 3 }, 10n)
      .data('bNode', { idname: 'GeometryNodeImportSTL', name: 'Import STL' })
      .data('bNodeSocket', { identifier: 'Path', default_value: 20n }, 21n)
      .data('bNodeSocketValueString', { value: '//own.stl' }, 20n);
  }

  const text = (value: string): Buffer => Buffer.from(`${value}\0`);

  /** A modifier that sets the input `Socket_2` of the group. */
  const withModifier = (writer: ContentsWriter): ContentsWriter =>
    writer
      .object('Cube')
      .data('NodesModifierData', { 'modifier.name': 'GN', node_group: 10n })
      .data('IDProperty', { type: 0, name: 'Socket_2', 'data.pointer': 50n })
      .block('DATA', text('//modifier.stl'), { address: 50n });

  async function pathsOf(writer: ContentsWriter): Promise<string[]> {
    const { dependencies } = await writer.read();
    return dependencies.map(({ kind, path, usedBy }) => `${kind} ${path} ${usedBy.join()}`);
  }

  describe('an Import node needs the file', () => {
    const node = 'node "Import STL" of node group "G"';

    test('at its own path', async () => {
      expect(await pathsOf(group())).toEqual([`import //own.stl ${node}`]);
    });

    test('from a linked String node', async () => {
      const writer = group()
        .data('bNode', { idname: 'FunctionNodeInputString', storage: 30n })
        .data('bNodeSocket', { identifier: 'String' }, 31n)
        .data('NodeInputString', { string: 32n }, 30n)
        .block('DATA', text('//string.stl'), { address: 32n })
        .data('bNodeLink', { fromsock: 31n, tosock: 21n });
      expect(await pathsOf(writer)).toEqual([`import //string.stl ${node}`]);
    });

    test('that a modifier sets through an input of the group', async () => {
      const writer = group()
        .data('bNode', { idname: 'NodeGroupInput' })
        .data('bNodeSocket', { identifier: 'Socket_2' }, 41n)
        .data('bNodeLink', { fromsock: 41n, tosock: 21n });
      expect(await pathsOf(withModifier(writer))).toEqual([
        'import //modifier.stl modifier "GN" of object "Cube"',
      ]);
    });

    test('which is unknown if another node computes the path', async () => {
      expect(await pathsOf(group().data('bNodeLink', { fromsock: 99n, tosock: 21n }))).toEqual([]);
    });
  });

  test('a modifier that sets another input needs no file', async () => {
    expect(await pathsOf(withModifier(new ContentsWriter()))).toEqual([]);
  });
});

describe('special nodes', () => {
  const TABLE = {
    ...CONTENTS_STRUCTS,
    bNodeTree: ['ID id', 'char idname[64]'],
    bNode: ['bNode *next', 'char idname[62]', 'short flag'],
  };

  test('readBlendContents lists types of node trees of add-ons once each', async () => {
    const { addonTrees } = await new ContentsWriter(BLENDER_3_4, TABLE)
      .id('NT', 'bNodeTree', 'A', { idname: 'an_AnimationNodeTree' })
      .id('NT', 'bNodeTree', 'B', { idname: 'an_AnimationNodeTree' })
      .id('NT', 'bNodeTree', 'C', { idname: 'GeometryNodeTree' })
      .id('NT', 'bNodeTree', 'D')
      .read();
    expect(addonTrees).toEqual(['an_AnimationNodeTree']);
  });

  test('readBlendContents finds unmuted Denoise nodes of the compositor', async () => {
    const { denoiseNodes } = await new ContentsWriter(BLENDER_3_4, TABLE)
      .id('SC', 'Scene', 'On')
      .data('bNode', { idname: 'CompositorNodeDenoise' })
      .id('SC', 'Scene', 'Muted')
      .data('bNode', { idname: 'CompositorNodeDenoise', flag: 1 << 9 })
      .read();
    expect(denoiseNodes).toEqual(['scene "On"']);
  });
});
