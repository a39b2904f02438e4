import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { readBlendFacts } from '../../../../../core/scene/blend/facts';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  type BlendShape,
  BlendWriter,
  STRUCTS_2_4,
  type Values,
} from '../../../../support/blend-writer';
import { bytesSource, type CountingSource, sparseSource } from '../../../../support/counting-source';
import { fewOrAll, runsHeavy } from '../../../../support/heavy';
import { seekableZstd, storedFrames } from '../../../../support/zstd-frames';

describe('scene facts layouts', () => {
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

  describe('readBlendFacts reads any layout', () => {
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

    test('a file of 2.4x with missing and smaller members', async () => {
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
      expect(scenes[0]).toMatchObject({
        width: 720,
        height: 576,
        resolutionPercent: 50,
        markerCameras: false,
      });
      expect(scenes[0]).toMatchObject({ engine: 'BLENDER_RENDER', outputFormat: 'JPEG' });
    });

    test('a file with a short end block and blocks after it', async () => {
      const writer = new BlendWriter().scene('A');
      const whole = writer.end();
      for (const cut of [0, 16, 20]) {
        await expect(read(whole.subarray(0, whole.length - cut))).resolves.toMatchObject({
          activeScene: 'A',
        });
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
      ['the one of GLOB, regardless of REND', 2n, 'A', 'B'],
      ['the one of REND, if the pointer is null', 0n, 'B', 'B'],
      ['the one of REND, if the pointer leads nowhere', 9n, 'B', 'B'],
      ['the first, if REND names an unknown one', 9n, 'C', 'A'],
      ['the first, without REND', 0n, undefined, 'A'],
    ])('%s', async (_, curscene, render, expected) => {
      const writer = new BlendWriter();
      if (render) writer.render(render);
      writer.struct('GLOB', 'FileGlobal', { curscene });
      await expect(read(addTwoScenes(writer).end())).resolves.toMatchObject({ activeScene: expected });
    });

    test('reads GLOB at the end, as up to 2.41, or works without it', async () => {
      const last = addTwoScenes(new BlendWriter()).struct('GLOB', 'FileGlobal', { curscene: 2n }).end();
      await expect(read(last)).resolves.toMatchObject({ activeScene: 'B' });
      await expect(read(addTwoScenes(new BlendWriter()).end())).resolves.toMatchObject({ activeScene: 'A' });
    });
  });
});

describe('scene facts requests', () => {
  const MIB = 2 ** 20;
  const GIB = 2 ** 30;

  /** What an ordinary file may take, whatever its size. */
  const ORDINARY = { reads: 2, bytes: 1.25 * MIB };

  /** What any file may take. */
  const ANY = { reads: 64, bytes: 64 * MIB };

  function expectWithin(source: CountingSource, budget: { reads: number; bytes: number }): void {
    expect(source.reads).toBeLessThanOrEqual(budget.reads);
    expect(source.readBytes).toBeLessThanOrEqual(budget.bytes);
  }

  /** Scenes at their place in real files, 300 kB from the start. */
  function ordinaryFront(shape?: BlendShape): BlendWriter {
    return new BlendWriter(shape)
      .render('B', { frameStart: 1, frameEnd: 9 })
      .block('TEST', Buffer.alloc(65_544))
      .struct('GLOB', 'FileGlobal', { curscene: 2n, subversion: 3 })
      .block('WM', Buffer.alloc(250_000))
      .scene('A', {}, { address: 1n })
      .struct('DATA', 'ViewLayer', { name: 'Layer' })
      .scene('B', { 'r.efra': 9 }, { address: 2n })
      .struct('DATA', 'TimeMarker', { camera: 5n });
  }

  const EXPECTED = {
    blenderSubversion: 3,
    activeScene: 'B',
    scenes: [
      { name: 'A', viewLayers: ['Layer'] },
      { name: 'B', frameEnd: 9, markerCameras: true },
    ],
    incomplete: false,
  };

  /** The same file with so many more bytes, all zero, in blocks of other data before its end, and behind its end. */
  function sparseFile(shape: BlendShape, extra: readonly number[], trailing = 0): CountingSource {
    const head = ordinaryFront(shape).bytes();
    const parts = [{ offset: 0, bytes: head }];
    let offset = head.length;
    const headerOf = (length: number): Buffer => {
      const empty = new BlendWriter(shape);
      const start = empty.bytes().length;
      return empty
        .block('ME', new Uint8Array(0), { length: BigInt(length) })
        .bytes()
        .subarray(start);
    };
    for (const length of extra) {
      const header = headerOf(length);
      parts.push({ offset, bytes: header });
      offset += header.length + length;
    }
    const end = new BlendWriter(shape);
    const start = end.bytes().length;
    const tail = end.end().subarray(start);
    parts.push({ offset, bytes: tail });
    return sparseSource(offset + tail.length + trailing, parts);
  }

  describe('an ordinary file takes two requests and 1.25 MiB at most', () => {
    test('of 5 GB, in one block, sparse', async () => {
      const source = sparseFile(BLENDER_5_0, [5 * GIB]);
      expect(source.size).toBeGreaterThan(5 * GIB);
      await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
      expectWithin(source, ORDINARY);
    });

    test('of 6 GB, in blocks of the old format, sparse', async () => {
      const source = sparseFile(BLENDER_3_4, [2 * GIB - 1, 2 * GIB - 1, 2 * GIB - 1, 1000]);
      await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
      expectWithin(source, ORDINARY);
    });

    test('of 200,000 blocks', async () => {
      const block = new BlendWriter().block('DATA', Buffer.alloc(360)).bytes().subarray(12);
      const source = bytesSource(
        ordinaryFront()
          .block('OB')
          .raw(Buffer.alloc(200_000 * block.length, block))
          .end(),
      );
      await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
      expectWithin(source, ORDINARY);
    });

    if (runsHeavy('reader'))
      test('of zstd with its seek table, which fetches only used frames', async () => {
        const content = ordinaryFront()
          .block('ME', randomBytes(40 * MIB))
          .end();
        const source = bytesSource(seekableZstd(content, 64 << 10));
        await expect(readBlendFacts(source)).resolves.toMatchObject({ compression: 'zstd', ...EXPECTED });
        expectWithin(source, ORDINARY);
      });

    test('with a few trailing bytes', async () => {
      const content = ordinaryFront()
        .block('ME', Buffer.alloc(4 * MIB))
        .end();
      const source = bytesSource(Buffer.concat([content, Buffer.alloc(50_000, 'DNA1')]));
      await expect(readBlendFacts(source)).resolves.toMatchObject(EXPECTED);
      expectWithin(source, ORDINARY);
    });

    test.each([0, 11, MIB, 1.1875 * MIB])('of %d bytes takes one request', async (size) => {
      const source = bytesSource(Buffer.alloc(size, 'BLENDER-v304'));
      await expect(readBlendFacts(source)).rejects.toThrow(BlendFormatError);
      expect(source.reads).toBe(size > 0 ? 1 : 0);
    });
  });

  describe('any file takes 64 requests and 64 MiB at most', () => {
    const NAMES = Array.from({ length: 301 }, (_, index) => `Scene ${index}`);

    if (runsHeavy('reader'))
      test('301 scenes, with 40,000 objects in the first, are all read', async () => {
        const base = new BlendWriter().block('DATA', Buffer.alloc(120)).bytes().subarray(12);
        const writer = new BlendWriter().struct('GLOB', 'FileGlobal', {}).scene(NAMES[0]!);
        writer.raw(Buffer.alloc(40_000 * base.length, base));
        for (const name of NAMES.slice(1)) writer.scene(name).raw(Buffer.alloc(100 * base.length, base));
        const source = bytesSource(writer.block('ME', Buffer.alloc(40 * MIB)).end());
        const facts = await readBlendFacts(source);
        expect(facts.scenes.map(({ name }) => name)).toEqual(NAMES);
        expect(facts.incomplete).toBe(false);
        expectWithin(source, { reads: 8, bytes: 20 * MIB });
      });

    // The scene comes last, or never.
    const dense = new BlendWriter().block('DATA', Buffer.alloc(1000)).bytes().subarray(12);
    const front = (): BlendWriter =>
      new BlendWriter()
        .render('B', { frameStart: 1, frameEnd: 9 })
        .struct('GLOB', 'FileGlobal', { curscene: 2n, subversion: 3 });
    const endless = (): BlendWriter => front().raw(Buffer.alloc(80_000 * dense.length, dense));
    const UNKNOWN = {
      incomplete: true,
      blenderSubversion: 3,
      scenes: [],
      activeScene: 'B',
      renderRanges: [{ scene: 'B', frameStart: 1, frameEnd: 9 }],
    };

    const ENDLESS: ReadonlyArray<readonly [string, () => Buffer]> = [
      ['80 MB of small blocks before the scene', () => endless().scene('B').end()],
      ['80 MB of small blocks, and no end block', () => endless().bytes()],
      ['zstd of it, in small frames', () => seekableZstd(endless().scene('B').end(), 64 << 10)],
      [
        'zstd of it, without a seek table',
        () => Buffer.concat(storedFrames(endless().end(), 64 << 10).frames),
      ],
      [
        'gzip of more than 64 MiB',
        () =>
          gzipSync(
            front()
              .block('ME', randomBytes(70 * MIB))
              .end(),
            { level: 0 },
          ),
      ],
    ];
    test.each(fewOrAll('reader', ENDLESS, (_, index) => index === 1))(
      'otherwise the answer is incomplete: %s',
      async (_, bytes) => {
        const source = bytesSource(bytes());
        await expect(readBlendFacts(source)).resolves.toMatchObject(UNKNOWN);
        expectWithin(source, ANY);
        // It did not give up before.
        expect(source.reads > 60 || source.readBytes > 50 * MIB).toBe(true);
      },
    );

    if (runsHeavy('reader'))
      test('an incomplete answer has the scenes that were found, and the active one if it is among them', async () => {
        const writer = new BlendWriter()
          .struct('GLOB', 'FileGlobal', { curscene: 2n })
          .scene('A', {}, { address: 1n })
          .scene('B', {}, { address: 2n })
          .scene('C', {}, { address: 3n })
          .raw(Buffer.alloc(80_000 * dense.length, dense));
        const source = bytesSource(writer.end());
        const facts = await readBlendFacts(source);
        expect(facts.scenes.map(({ name }) => name)).toEqual(['A', 'B']);
        expect(facts).toMatchObject({ activeScene: 'B', incomplete: true });
        expectWithin(source, ANY);
      });

    if (runsHeavy('reader'))
      test('four million empty blocks', async () => {
        const empty = new BlendWriter().block('DATA').bytes().subarray(12);
        const source = bytesSource(
          front()
            .raw(Buffer.alloc(4_000_000 * empty.length, empty))
            .end(),
        );
        await expect(readBlendFacts(source)).resolves.toMatchObject(UNKNOWN);
        expectWithin(source, ANY);
      });

    test('a hundred blocks with gaps between them, and the structs out of reach', async () => {
      const blocks = Array.from({ length: 100 }, () => 10 * MIB);
      const source = sparseFile(BLENDER_5_0, blocks, 300_000);
      await expect(readBlendFacts(source)).resolves.toMatchObject({ ...UNKNOWN, scenes: [] });
      expectWithin(source, ANY);
    });

    if (runsHeavy('reader'))
      test('gzip of up to 64 MiB is read through', async () => {
        const source = bytesSource(
          gzipSync(
            ordinaryFront()
              .block('ME', randomBytes(50 * MIB))
              .end(),
            { level: 0 },
          ),
        );
        await expect(readBlendFacts(source)).resolves.toMatchObject({ compression: 'gzip', ...EXPECTED });
        expectWithin(source, ANY);
      });
  });
});
