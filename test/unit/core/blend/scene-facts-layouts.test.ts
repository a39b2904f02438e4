import { readBlendFacts } from '../../../../core/blend/scene-facts';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  BlendWriter,
  STRUCTS_2_4,
  type BlendShape,
  type Values,
} from '../../../support/blend-writer';
import { bytesSource } from '../../../support/counting-source';
import { seekableZstd } from './zstd-frames';

const read = (bytes: Uint8Array) => readBlendFacts(bytesSource(bytes));
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
      switchesCameras: false,
      usesSequencer: false,
      hasSoundStrips: false,
      hasSceneStrips: false,
      usesCompositor: false,
      denoises: shape.version >= 300,
      viewLayers: [],
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

  test('zstd with a table of checksums, and blocks that straddle frames of 100 bytes', async () => {
    const raw = new BlendWriter().scene('A', SETTINGS).struct('DATA', 'TimeMarker', { camera: 1n }).end();
    const facts = await read(seekableZstd(raw, 100, 0x80));
    expect(facts).toMatchObject({
      compression: 'zstd',
      scenes: [{ frameEnd: 1_048_574, markerCameras: true }],
    });
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
