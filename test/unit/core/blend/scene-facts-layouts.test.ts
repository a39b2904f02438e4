import { readBlendFacts } from '../../../../core/blend/scene-facts';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  BlendWriter,
  bytesSource,
  STRUCTS_2_4,
  type BlendShape,
  type Values,
} from '../../../support/blend-writer';
import { seekableZstd } from './zstd-frames';

const read = (bytes: Uint8Array) => readBlendFacts(bytesSource(bytes));
const GIB = 2 ** 30;
const addTwoScenes = (writer: BlendWriter): BlendWriter =>
  writer.scene('A', {}, { address: 1n }).scene('B', {}, { address: 2n });

const SETTINGS: Values = {
  camera: 0x77n,
  'r.im_format.imtype': 23,
  'r.imtype': 17,
  'r.frs_sec': 30_000,
  'r.sfra': -1_048_574,
  'r.efra': 1_048_574,
  'r.frame_step': -3,
  'r.frs_sec_base': 1001,
  'r.size': 25,
  'r.xsch': 65_536,
  'r.ysch': 4,
  'r.pic': '/tmp/out_',
  'r.engine': 'CYCLES',
};

describe('readBlendFacts by the shape of the file', () => {
  const shapes: [string, BlendShape, string][] = [
    ['64-bit, little-endian', BLENDER_3_4, '3.4'],
    ['64-bit, big-endian', { ...BLENDER_3_4, littleEndian: false, version: 279 }, '2.79'],
    ['32-bit, little-endian', { ...BLENDER_3_4, pointerBytes: 4, version: 280 }, '2.80'],
    ['32-bit, big-endian', { ...BLENDER_3_4, pointerBytes: 4, littleEndian: false, version: 260 }, '2.60'],
    ['format 1', BLENDER_5_0, '5.0'],
    ['format 1 of a later version', { ...BLENDER_5_0, version: 1012 }, '10.12'],
  ];

  test.each(shapes)('%s', async (_, shape, version) => {
    const facts = await read(
      new BlendWriter(shape)
        .struct('GLOB', 'FileGlobal', { curscene: 0x12345678n })
        .block('WM', Buffer.alloc(5))
        .scene('A')
        .struct('DATA', 'TimeMarker', { frame: 1 })
        .struct('DATA', 'TimeMarker', { camera: 0x88n })
        .scene('B', SETTINGS, { address: 0x12345678n })
        .block('OB', Buffer.alloc(7))
        .struct('DATA', 'TimeMarker', { camera: 0x88n })
        .end(),
    );
    expect(facts.blenderVersion.text).toBe(version);
    expect(facts.activeScene).toBe('B');
    expect(facts.scenes.map((scene) => scene.markerCameras)).toEqual([true, false]);
    expect(facts.scenes[1]).toEqual({
      name: 'B',
      frameStart: -1_048_574,
      frameEnd: 1_048_574,
      frameStep: -3,
      fps: 30_000,
      fpsBase: 1001,
      width: 65_536,
      height: 4,
      resolutionPercent: 25,
      engine: 'CYCLES',
      outputFormat: 'OPEN_EXR',
      outputPath: '/tmp/out_',
      hasCamera: true,
      markerCameras: false,
      usesSequencer: false,
    });
  });

  test('a file of 2.4x lacks members, and has others with fewer bits', async () => {
    const values = {
      'r.imtype': 4,
      'r.sfra': -7,
      'r.efra': 300,
      'r.frs_sec': 25,
      'r.xsch': 720,
      'r.ysch': 576,
    };
    const shape: BlendShape = { ...BLENDER_3_4, pointerBytes: 4, version: 241 };
    const { scenes } = await read(
      new BlendWriter(shape, STRUCTS_2_4)
        .scene('1', { ...values, 'r.size': 50 })
        .struct('DATA', 'TimeMarker', {})
        .end(),
    );
    expect(scenes[0]).toMatchObject({ frameStart: -7, frameEnd: 300, frameStep: 1, fps: 25, fpsBase: 1 });
    expect(scenes[0]).toMatchObject({ width: 720, height: 576, resolutionPercent: 50, markerCameras: false });
    expect(scenes[0]).toMatchObject({ engine: 'BLENDER_RENDER', outputFormat: 'JPEG' });
  });

  test('blocks after the end block do not count, and it may be cut short', async () => {
    const writer = new BlendWriter().scene('A');
    const whole = writer.end();
    for (const cut of [0, 16, 20]) {
      await expect(read(whole.subarray(0, whole.length - cut))).resolves.toMatchObject({ activeScene: 'A' });
    }
    await expect(read(Buffer.concat([whole, Buffer.from('trailing bytes')]))).resolves.toMatchObject({
      activeScene: 'A',
    });
  });

  test('a block of 5 GiB is not read', async () => {
    const head = new BlendWriter(BLENDER_5_0)
      .scene('A')
      .block('ME', new Uint8Array(0), { length: BigInt(5 * GIB) })
      .bytes();
    const tail = new BlendWriter(BLENDER_5_0).end().subarray(17);
    let readBytes = 0;
    const { scenes } = await readBlendFacts({
      ...bytesSource(head, 'large.blend'),
      size: head.length + 5 * GIB + tail.length,
      async read(offset, length) {
        const bytes = Buffer.alloc(Math.min(length, this.size - offset));
        if (offset < head.length) head.copy(bytes, 0, offset);
        const gap = head.length + 5 * GIB - offset;
        if (gap < bytes.length) tail.copy(bytes, Math.max(gap, 0), Math.max(-gap, 0));
        readBytes += bytes.length;
        return bytes;
      },
    });
    expect(scenes[0]!.name).toBe('A');
    expect(readBytes).toBeLessThan(4 << 20);
  });

  test('zstd with a table of checksums, and blocks that straddle frames of 100 bytes', async () => {
    const raw = new BlendWriter().scene('A', SETTINGS).struct('DATA', 'TimeMarker', { camera: 1n }).end();
    const facts = await read(seekableZstd(raw, 100, 0x80));
    expect(facts).toMatchObject({
      compression: 'zstd',
      scenes: [{ frameEnd: 1_048_574, markerCameras: true }],
    });
  });

  test('of a zstd file with a table, only the frames in use are unpacked', async () => {
    const content = new BlendWriter()
      .scene('A')
      .block('ME', Buffer.alloc(40 << 20))
      .end();
    const source = bytesSource(seekableZstd(content, 2 << 20));
    await expect(readBlendFacts(source)).resolves.toMatchObject({ activeScene: 'A' });
    expect(source.readBytes).toBeLessThan(8 << 20);
  });

  test('100,000 blocks and 300 scenes', async () => {
    const writer = new BlendWriter();
    for (let index = 0; index < 300; index++) writer.scene(`S${index}`).struct('DATA', 'TimeMarker', {});
    const block = new BlendWriter().block('DATA').bytes().subarray(12);
    writer.raw(Buffer.alloc(1e5 * block.length, block));
    const source = bytesSource(writer.end());
    expect((await readBlendFacts(source)).scenes).toHaveLength(300);
    expect(source.reads).toBeLessThan(20);
  });
});

describe('readBlendFacts on the active scene', () => {
  test.each([
    ['the one that GLOB points to, whatever REND says', 2n, 'A', 'B'],
    ['the one that REND names, where the pointer is null', 0n, 'B', 'B'],
    ['the one that REND names, where the pointer leads nowhere', 9n, 'B', 'B'],
    ['the first, where REND names none of them', 9n, 'C', 'A'],
    ['the first, where there is no REND', 0n, undefined, 'A'],
  ])('%s', async (_, curscene, render, expected) => {
    const writer = new BlendWriter();
    if (render) writer.render(render);
    writer.struct('GLOB', 'FileGlobal', { curscene });
    await expect(read(addTwoScenes(writer).end())).resolves.toMatchObject({ activeScene: expected });
  });

  test('GLOB may stand last, as up to 2.41, or be missing', async () => {
    const last = addTwoScenes(new BlendWriter()).struct('GLOB', 'FileGlobal', { curscene: 2n }).end();
    await expect(read(last)).resolves.toMatchObject({ activeScene: 'B' });
    await expect(read(addTwoScenes(new BlendWriter()).end())).resolves.toMatchObject({ activeScene: 'A' });
  });
});

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
    expect(scene).toMatchObject({ outputFormat: 'UNKNOWN(99)', resolutionPercent: 0, engine: '' });
  });

  test.each(['../../$(reboot)', '<script>alert(1)</script>', 'é'.repeat(31)])('the name %s', async (name) => {
    const [scene] = (await read(new BlendWriter().scene(name).end())).scenes;
    expect(scene!.name).toBe(name);
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
});
