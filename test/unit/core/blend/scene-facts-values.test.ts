import { readBlendFacts } from '../../../../core/blend/scene-facts';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  BlendWriter,
  STRUCTS_2_7,
  STRUCTS_5_0,
  type Values,
} from '../../../support/blend-writer';
import { bytesSource } from '../../../support/counting-source';

const read = (bytes: Uint8Array) => readBlendFacts(bytesSource(bytes));

describe('readBlendFacts reports raw', () => {
  test('values that make no sense', async () => {
    const values = {
      'r.frs_sec_base': Number.NaN,
      'r.xsch': -5,
      'r.im_format.imtype': 99,
      'r.sfra': 5,
      'r.efra': 1,
    };
    const [scene] = (await read(new BlendWriter().scene('A', values).end())).scenes;
    expect(scene).toMatchObject({
      fps: 0,
      fpsBase: Number.NaN,
      frameStep: 0,
      width: -5,
      frameStart: 5,
      frameEnd: 1,
    });
    expect(scene).toMatchObject({
      outputFormat: 'UNKNOWN(99)',
      resolutionPercent: 0,
      engine: 'BLENDER_RENDER',
    });
  });

  test.each(['../../$(reboot)', '<script>alert(1)</script>', 'é'.repeat(31)])('the name %s', async (name) => {
    const [scene] = (await read(new BlendWriter().scene(name).end())).scenes;
    expect(scene!.name).toBe(name);
  });

  test('texts that are meant to be taken for something else', async () => {
    const texts = { 'r.engine': 'CYCLES --python-expr x', 'r.pic': '//../../etc/passwd' };
    const [scene] = (await read(new BlendWriter().scene('A', texts).end())).scenes;
    expect(scene).toMatchObject({ engine: 'CYCLES --python-expr x', outputPath: '//../../etc/passwd' });
    const [other] = (await read(new BlendWriter().scene('A', { 'r.pic': '/etc/cron.d/x' }).end())).scenes;
    expect(other!.outputPath).toBe('/etc/cron.d/x');
  });

  test('a range of four billion frames', async () => {
    const range = { 'r.sfra': -(2 ** 31), 'r.efra': 2 ** 31 - 1 };
    const [scene] = (await read(new BlendWriter().scene('A', range).end())).scenes;
    expect(scene).toMatchObject({ frameStart: -2147483648, frameEnd: 2147483647 });
  });

  test('a name of 255 bytes, as since 5.0', async () => {
    const name = `${'渲'.repeat(84)}é!`;
    const facts = await read(
      new BlendWriter(BLENDER_5_0, STRUCTS_5_0).render(name, { nameBytes: 256 }).scene(name).end(),
    );
    expect(Buffer.byteLength(name)).toBe(255);
    expect(facts).toMatchObject({ activeScene: name, renderRanges: [{ scene: name }] });
  });

  test('a name that is no UTF-8, and one without an end', async () => {
    const bytes = new BlendWriter()
      .scene('', { 'id.name': Buffer.from([0x53, 0x43, 0x61, 0xff, 0x62, 0]) })
      .end();
    expect((await read(bytes)).scenes[0]!.name).toBe('a\ufffdb');
    const endless = new BlendWriter().scene('', { 'id.name': 'SC'.padEnd(66, 'x') }).end();
    expect((await read(endless)).scenes[0]!.name).toBe('x'.repeat(64));
  });

  test('a crop only where both of its switches are on', async () => {
    const border = { 'r.border.xmin': 0.25, 'r.border.xmax': 1, 'r.border.ymin': 0, 'r.border.ymax': 0.5 };
    for (const mode of [0, 1 << 9, 1 << 11]) {
      const facts = await read(new BlendWriter().scene('A', { ...border, 'r.mode': mode }).end());
      expect(facts.scenes[0]).not.toHaveProperty('crop');
    }
    const facts = await read(
      new BlendWriter().scene('A', { ...border, 'r.mode': (1 << 9) | (1 << 11) | 1 }).end(),
    );
    expect(facts.scenes[0]!.crop).toEqual({ xmin: 0.25, xmax: 1, ymin: 0, ymax: 0.5 });
  });

  test('a sequencer only with strips of pictures, and not switched off', async () => {
    const facts = await read(
      new BlendWriter()
        .scene('an empty sequencer', { ed: 5n, 'r.scemode': 1 })
        .scene('sound', { ed: 5n, 'r.scemode': 1 })
        .struct('DATA', 'Sequence', { type: 4 })
        .scene('switched off', { ed: 5n })
        .struct('DATA', 'Sequence', { type: 3 })
        .scene('pictures', { ed: 5n, 'r.scemode': 1 })
        .struct('DATA', 'Sequence', { type: 4 })
        .struct('DATA', 'Sequence', { type: 3 })
        .end(),
    );
    expect(facts.scenes.map((scene) => scene.usesSequencer)).toEqual([false, false, false, true]);
  });

  test('sound where strips are heard: not muted, unless an animation may change that', async () => {
    const [muted, sound, shown] = [1 << 5, { type: 4 }, { type: 2 }];
    const strip = (writer: BlendWriter, values: Values): BlendWriter =>
      writer.struct('DATA', 'Sequence', values);
    const writer = new BlendWriter().scene('none');
    strip(strip(writer, { type: 3 }).scene('after a picture'), { type: 3 });
    strip(strip(writer, sound).scene('muted'), { ...sound, flag: muted });
    strip(writer.scene('muted, animated', { adt: 9n }), { ...sound, flag: muted });
    strip(strip(writer.scene('a silent scene', { 'audio.flag': 1 }), sound), shown);
    strip(writer.scene('of another scene'), shown);
    strip(writer.scene('of a muted scene'), { ...shown, flag: muted });
    const { scenes } = await read(writer.end());
    expect(scenes.map((scene) => [scene.hasSoundStrips, scene.hasSceneStrips])).toEqual([
      [false, false],
      [true, false],
      [false, false],
      [true, false],
      [false, false],
      [false, true],
      [false, false],
    ]);
  });

  test('cameras as bound to markers, and as switched only where they differ', async () => {
    const marker = (writer: BlendWriter, camera: bigint): BlendWriter =>
      writer.struct('DATA', 'TimeMarker', { camera });
    const writer = new BlendWriter().scene('none');
    marker(writer, 0n).scene('one, twice');
    marker(marker(marker(writer, 0n), 7n), 7n).scene('two');
    marker(marker(marker(writer, 7n), 0n), 8n);
    const { scenes } = await read(writer.end());
    expect(scenes.map((scene) => [scene.markerCameras, scene.switchesCameras])).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
  });

  test('a compositor only with nodes, and not switched off in one of two places', async () => {
    const on = { nodetree: 9n, use_nodes: 1, 'r.scemode': 1 << 6 };
    const { scenes } = await read(
      new BlendWriter()
        .scene('on', on)
        .scene('no tree', { ...on, nodetree: 0n })
        .scene('no nodes', { ...on, use_nodes: 0 })
        .scene('switched off', { ...on, 'r.scemode': 1 })
        .end(),
    );
    expect(scenes.map((scene) => scene.usesCompositor)).toEqual([true, false, false, false]);
  });

  test('a compositor since 5.0 by its node group, whatever the old switch says', async () => {
    const old = { nodetree: 9n, use_nodes: 1, 'r.scemode': 1 << 6 };
    const { scenes } = await read(
      new BlendWriter(BLENDER_5_0, STRUCTS_5_0)
        .scene('old nodes', old)
        .scene('a group', { ...old, use_nodes: 0, compositing_node_group: 3n })
        .scene('switched off', { compositing_node_group: 3n })
        .end(),
    );
    expect(scenes.map((scene) => scene.usesCompositor)).toEqual([false, true, false]);
  });

  test.each([
    ['view layers', 'ViewLayer', undefined],
    ['render layers, as up to 2.79', 'SceneRenderLayer', STRUCTS_2_7],
  ])('%s of each scene, in their order', async (_, struct, structs) => {
    const { scenes } = await read(
      new BlendWriter(BLENDER_3_4, structs)
        .scene('A')
        .struct('DATA', struct, { name: 'Vordergrund' })
        .block('DATA', Buffer.alloc(8), { sdnaIndex: 0 })
        .struct('DATA', struct, { name: 'Äther' })
        .scene('B')
        .block('LS')
        .struct('DATA', struct, { name: 'of something else' })
        .end(),
    );
    expect(scenes.map((scene) => scene.viewLayers)).toEqual([['Vordergrund', 'Äther'], []]);
  });

  test('what REND and GLOB say, in either byte order', async () => {
    for (const shape of [BLENDER_3_4, BLENDER_5_0, { ...BLENDER_3_4, littleEndian: false, version: 279 }]) {
      const facts = await read(
        new BlendWriter(shape)
          .render('A', { frameStart: -3, frameEnd: 70_000 })
          .render('Ü', { frameStart: 1, frameEnd: 2, nameBytes: 24 })
          .block('REND', Buffer.alloc(8))
          .block('TEST', Buffer.alloc(100))
          .struct('GLOB', 'FileGlobal', { subversion: 14 })
          .scene('A')
          .end(),
      );
      expect(facts.blenderSubversion).toBe(14);
      expect(facts.renderRanges).toEqual([
        { scene: 'A', frameStart: -3, frameEnd: 70_000 },
        { scene: 'Ü', frameStart: 1, frameEnd: 2 },
      ]);
    }
  });
});
