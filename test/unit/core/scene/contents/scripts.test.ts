import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4 } from '../../../../support/blend-writer';

const PYTHON = 1;
const BY_SCRIPTS = 1;
const BY_EDITOR = 2;
const USES_FREESTYLE = 1 << 25;
const COMPOSITES = 1 << 6;

describe('texts', () => {
  test('count if they are registered', async () => {
    const { scripts } = await new ContentsWriter()
      .id('TX', 'Text', 'setup.py', { flags: (1 << 4) | 1 })
      .id('TX', 'Text', 'notes', { flags: 1 })
      .read();
    expect(scripts.texts).toEqual(['setup.py']);
  });
});

describe('drivers', () => {
  const count = async (write: (writer: ContentsWriter) => unknown): Promise<number> => {
    const writer = new ContentsWriter().object('Cube');
    write(writer);
    return (await writer.read()).scripts.driverExpressions;
  };

  test('count if their expression needs scripts, apart from their own variables', async () => {
    expect(await count((writer) => writer.data('ChannelDriver', { type: PYTHON, expression: 'bpy.x' }))).toBe(
      1,
    );
    const driver = { type: PYTHON, expression: 'height * 2' };
    expect(await count((writer) => writer.data('ChannelDriver', driver))).toBe(1);
    const known = (writer: ContentsWriter) =>
      writer.data('ChannelDriver', driver).data('DriverVar', { name: 'height' });
    expect(await count(known)).toBe(0);
    // The variable is another driver's.
    expect(await count((writer) => known(writer).data('ChannelDriver', driver))).toBe(1);
    expect(await count((writer) => known(writer).object('Other').data('ChannelDriver', driver))).toBe(1);
  });

  test('of other kinds, or without an expression, do not count', async () => {
    expect(await count((writer) => writer.data('ChannelDriver', { type: 0, expression: 'bpy.x' }))).toBe(0);
    expect(await count((writer) => writer.data('ChannelDriver', { type: PYTHON }))).toBe(0);
  });
});

describe("Freestyle's modules", () => {
  const withLayer = (mode: number, layer: string, config: string, displayed = 1): ContentsWriter =>
    new ContentsWriter(BLENDER_3_4, {
      ...CONTENTS_STRUCTS,
      SceneRenderLayer: ['char name[64]', 'FreestyleConfig freestyleConfig'],
    })
      .id('SC', 'Scene', 'Scene', { 'r.mode': mode })
      .data(layer, { [`${config}.mode`]: 1 })
      .data('FreestyleModuleConfig', { script: 90n, is_displayed: displayed })
      .data('FreestyleModuleConfig', { script: 91n, is_displayed: 1 })
      .id('TX', 'Text', 'line.py', {}, 90n);
  const modulesOf = async (writer: ContentsWriter) => (await writer.read()).scripts.freestyleModules;

  test('are reported by the names of their texts, from view layers and render layers', async () => {
    expect(await modulesOf(withLayer(USES_FREESTYLE, 'ViewLayer', 'freestyle_config'))).toEqual(['line.py']);
    expect(await modulesOf(withLayer(USES_FREESTYLE, 'SceneRenderLayer', 'freestyleConfig'))).toEqual([
      'line.py',
    ]);
  });

  test('are not reported if nothing uses them', async () => {
    expect(await modulesOf(withLayer(0, 'ViewLayer', 'freestyle_config'))).toEqual([]);
    expect(await modulesOf(withLayer(USES_FREESTYLE, 'ViewLayer', 'freestyle_config', 0))).toEqual([]);
    const byEditor = withLayer(USES_FREESTYLE, 'ViewLayer', 'other');
    expect(await modulesOf(byEditor)).toEqual([]);
  });
});

test('a Freestyle module linked from a library is reported by its name', async () => {
  const { scripts } = await new ContentsWriter()
    .id('SC', 'Scene', 'Scene', { 'r.mode': USES_FREESTYLE })
    .data('ViewLayer', { 'freestyle_config.mode': BY_SCRIPTS })
    .data('FreestyleModuleConfig', { script: 90n, is_displayed: 1 })
    .id('LI', 'Library', 'lib.blend', { name: '//lib.blend' }, 70n)
    .struct('ID', 'ID', { name: 'TXline.py', lib: 70n }, { address: 90n })
    .read();
  expect(scripts.freestyleModules).toEqual(['line.py']);
});

describe('names of line sets and view layers that Blender 3.4 runs', () => {
  const EVIL = "\\'+str(exec(x)))#";
  const namesOf = async (freestyle: number, mode: number): Promise<readonly string[]> => {
    const writer = new ContentsWriter()
      .id('SC', 'Scene', 'Scene', { 'r.mode': freestyle })
      .data('ViewLayer', { name: 'new\nline', 'freestyle_config.mode': mode })
      .data('FreestyleLineSet', { name: EVIL })
      .data('FreestyleLineSet', { name: "Ann's lines" });
    return (await writer.read()).scripts.unsafeNames;
  };

  test('are those with a backslash or a control character', async () => {
    expect(await namesOf(USES_FREESTYLE, BY_EDITOR)).toEqual(['new\nline', EVIL]);
  });

  test('are not reported if Freestyle is off or runs style modules', async () => {
    expect(await namesOf(0, BY_EDITOR)).toEqual([]);
    expect(await namesOf(USES_FREESTYLE, BY_SCRIPTS)).toEqual([]);
  });
});

test('Script nodes are reported by their data block', async () => {
  const { scripts } = await new ContentsWriter()
    .id('MA', 'Material', 'Wood')
    .data('NodeShaderScript', { mode: 0 })
    .data('NodeShaderScript', { mode: 1, filepath: '//a.osl' })
    .read();
  expect(scripts.scriptNodes).toEqual(['material "Wood"']);
});

test('cameras with their own shader count as Script nodes', async () => {
  const { scripts } = await new ContentsWriter(BLENDER_3_4, {
    ...CONTENTS_STRUCTS,
    Camera: ['ID id', 'char type'],
  })
    .id('CA', 'Camera', 'Lens', { type: 3 })
    .id('CA', 'Camera', 'Usual', { type: 0 })
    .read();
  expect(scripts.scriptNodes).toEqual(['camera "Lens"']);
});

describe('File Output nodes', () => {
  const outputs = async (scene: object, write: (writer: ContentsWriter) => unknown) => {
    const writer = new ContentsWriter().id('SC', 'Scene', 'Scene', { ...scene });
    write(writer);
    return (await writer.read()).fileOutputs.map(({ path }) => path);
  };
  const IN_USE = { use_nodes: 1, 'r.scemode': COMPOSITES };
  const MUTED = 1 << 9;
  const node = (writer: ContentsWriter, flag: number, path: string) =>
    writer.data('bNode', { flag, storage: 5n }).data('NodeImageMultiFile', { base_path: path }, 5n);

  test('are listed by folder, each once', async () => {
    const write = (writer: ContentsWriter) => node(node(node(writer, 0, '/a'), 0, '//b/'), 0, '/a');
    expect(await outputs(IN_USE, write)).toEqual(['/a', '//b/']);
  });

  test('are not listed if they are muted or unused by the scene', async () => {
    expect(await outputs(IN_USE, (writer) => node(node(writer, MUTED, '/a'), 0, '/b'))).toEqual(['/b']);
    expect(await outputs({ ...IN_USE, use_nodes: 0 }, (writer) => node(writer, 0, '/a'))).toEqual([]);
    expect(await outputs({ use_nodes: 1, 'r.scemode': 1 }, (writer) => node(writer, 0, '/a'))).toEqual([]);
  });

  test('in a group are listed for any scene', async () => {
    const group = (writer: ContentsWriter) =>
      node(writer.id('NT', 'bNodeTree', 'Group', { type: 1 }), 0, '/a');
    expect(await outputs({ use_nodes: 0 }, group)).toEqual(['/a']);
  });
});
