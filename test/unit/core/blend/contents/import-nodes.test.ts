import { ContentsWriter } from '../../../../support/blend-contents-writer';

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

  test('of its own path', async () => {
    expect(await pathsOf(group())).toEqual([`import //own.stl ${node}`]);
  });

  test('of the String node that is linked to it', async () => {
    const writer = group()
      .data('bNode', { idname: 'FunctionNodeInputString', storage: 30n })
      .data('bNodeSocket', { identifier: 'String' }, 31n)
      .data('NodeInputString', { string: 32n }, 30n)
      .block('DATA', text('//string.stl'), { address: 32n })
      .data('bNodeLink', { fromsock: 31n, tosock: 21n });
    expect(await pathsOf(writer)).toEqual([`import //string.stl ${node}`]);
  });

  test('that a modifier sets, where an input of the group is linked to it', async () => {
    const writer = group()
      .data('bNode', { idname: 'NodeGroupInput' })
      .data('bNodeSocket', { identifier: 'Socket_2' }, 41n)
      .data('bNodeLink', { fromsock: 41n, tosock: 21n });
    expect(await pathsOf(withModifier(writer))).toEqual([
      'import //modifier.stl modifier "GN" of object "Cube"',
    ]);
  });

  test('that is unknown, where another node works it out', async () => {
    expect(await pathsOf(group().data('bNodeLink', { fromsock: 99n, tosock: 21n }))).toEqual([]);
  });
});

test('a modifier that sets another input needs no file', async () => {
  expect(await pathsOf(withModifier(new ContentsWriter()))).toEqual([]);
});
