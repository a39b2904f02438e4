import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type BlendFacts, readBlendFacts } from '../../../../../core/scene/blend/facts';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  BlendWriter,
  STRUCTS_2_7,
  STRUCTS_5_0,
  type Values,
} from '../../../../support/blend-writer';
import { bytesSource } from '../../../../support/counting-source';

describe('scene facts sdna', () => {
  const MIB = 2 ** 20;

  async function errorOf(bytes: Uint8Array): Promise<BlendFormatError> {
    const error: unknown = await readBlendFacts(bytesSource(bytes)).catch((thrown: unknown) => thrown);
    if (error instanceof BlendFormatError) return error;
    throw new Error('it was read, or failed in another way', { cause: error });
  }

  const withDna = (dna: Uint8Array): Buffer =>
    new BlendWriter().scene('A').block('DNA1', dna).block('ENDB').bytes();

  describe('readBlendFacts throws bad-sdna', () => {
    const DNA = new BlendWriter().dna();

    test.each(['NAME', 'TYPE', 'STRC'])('for four billion of %s', async (section) => {
      for (const count of [0xffffffff, 0x7fffffff, 0x10001, 5000]) {
        const dna = Buffer.from(DNA);
        dna.writeUInt32LE(count, dna.indexOf(section) + 4);
        expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
      }
    });

    test('for structs that are cut anywhere', async () => {
      for (let length = 0; length < DNA.length; length += 7) {
        expect((await errorOf(withDna(DNA.subarray(0, length)))).code).toBe('bad-sdna');
      }
    });

    test('for missing structs, and for arrays of absurd sizes', async () => {
      expect((await errorOf(new BlendWriter().scene('A').block('ENDB').bytes())).code).toBe('bad-sdna');
      for (const name of ['pic[9999]', 'pic[1e99]', 'pi[99999]', '[][][][]]']) {
        const dna = Buffer.from(DNA.toString('latin1').replace('pic[1024]', name), 'latin1');
        expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
      }
    });

    test('for names without an end, and for names that are too long', async () => {
      for (const name of ['x'.repeat(5000), 'Scene'.padEnd(1025, 'e')]) {
        const dna = Buffer.from(DNA.toString('latin1').replace('Scene\0', `${name}\0`), 'latin1');
        expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
      }
      const endless = Buffer.from(
        DNA.toString('latin1')
          .replaceAll('\0', 'x')
          .replace(/^SDNANAME..../s, 'SDNANAME\x09\0\0\0'),
        'latin1',
      );
      expect(await errorOf(withDna(endless))).toMatchObject({
        code: 'bad-sdna',
        reason: expect.stringContaining('a name has no end'),
      });
    });

    test('for a Scene whose frames are missing or not numbers', async () => {
      for (const name of ['afra', '*fra']) {
        const dna = Buffer.from(DNA.toString('latin1').replace('\0sfra\0', `\0${name}\0`), 'latin1');
        expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
      }
    });

    // A file in memory is walked through; of a larger one only the end is looked at, unless in doubt.
    describe.each([0, 3 * MIB])('not for a decoy, in a file with a block of %d bytes', (size) => {
      const front = (): BlendWriter => new BlendWriter().scene('A').block('ME', Buffer.alloc(size));
      const decoy = new BlendWriter(BLENDER_3_4, { FileGlobal: ['Scene *curscene'] }).end().subarray(12);
      const stub = new BlendWriter()
        .block('DNA1', Buffer.from('SDNANAME'))
        .block('ENDB')
        .bytes()
        .subarray(12);

      test.each([
        ['in the data of the last block', () => front().block('DATA', decoy).end()],
        ['that is but a stub', () => front().block('DATA', stub).end()],
        ['twice', () => front().block('DATA', decoy).block('DATA', decoy).end()],
        ['behind the end block', () => Buffer.concat([front().end(), decoy])],
        ['after 200 kB of trailing bytes', () => Buffer.concat([front().end(), Buffer.alloc(200_000)])],
      ])('%s', async (_, bytes) => {
        const facts = await readBlendFacts(bytesSource(bytes()));
        expect(facts).toMatchObject({ activeScene: 'A', incomplete: false });
      });
    });
  });
});

describe('scene facts values', () => {
  const read = (bytes: Uint8Array) => readBlendFacts(bytesSource(bytes));

  describe('readBlendFacts reports unchanged', () => {
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

    test.each(['../../$(reboot)', '<script>alert(1)</script>', 'é'.repeat(31)])(
      'the name %s',
      async (name) => {
        const [scene] = (await read(new BlendWriter().scene(name).end())).scenes;
        expect(scene!.name).toBe(name);
      },
    );

    test('texts that imitate something else', async () => {
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

    test('a name that is not UTF-8, and one without an end', async () => {
      const bytes = new BlendWriter()
        .scene('', { 'id.name': Buffer.from([0x53, 0x43, 0x61, 0xff, 0x62, 0]) })
        .end();
      expect((await read(bytes)).scenes[0]!.name).toBe('a\ufffdb');
      const endless = new BlendWriter().scene('', { 'id.name': 'SC'.padEnd(66, 'x') }).end();
      expect((await read(endless)).scenes[0]!.name).toBe('x'.repeat(64));
    });

    test('a crop only if both of its switches are on', async () => {
      const border = { 'r.border.xmin': 0.25, 'r.border.xmax': 1, 'r.border.ymin': 0, 'r.border.ymax': 0.5 };
      for (const mode of [0, 1 << 9, 1 << 11]) {
        const facts = await read(new BlendWriter().scene('A', { ...border, 'r.mode': mode }).end());
        expect(facts.scenes[0]!.crop).toBeUndefined();
      }
      const facts = await read(
        new BlendWriter().scene('A', { ...border, 'r.mode': (1 << 9) | (1 << 11) | 1 }).end(),
      );
      expect(facts.scenes[0]!.crop).toEqual({ xmin: 0.25, xmax: 1, ymin: 0, ymax: 0.5 });
    });

    test('an enabled sequencer with strips of pictures', async () => {
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

    test('sound of strips that are not muted or whose scene is animated', async () => {
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

    test('cameras that are bound to markers, as switched only if they differ', async () => {
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

    test('a compositor only with nodes and both switches on', async () => {
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

    test('a compositor since 5.0 by its node group, regardless of the old switch', async () => {
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

    test('REND and GLOB in either byte order', async () => {
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
});

describe('scene facts', () => {
  const FIXTURES = join(__dirname, '../../../../fixtures/blend');
  const fixture = (name: string): Buffer => readFileSync(join(FIXTURES, `${name}.blend`));

  /** What the Blender that wrote the file says of it, see make.py. */
  function asked(name: string): Pick<BlendFacts, 'scenes' | 'activeScene'> & { version: number[] } {
    return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
  }

  const RANGE = { scene: 'Zähne 🎬', frameStart: 101, frameEnd: 119 };

  describe('readBlendFacts agrees with the Blender that wrote the file', () => {
    test.each([
      ['3.4-zstd', '3.4', 'zstd', [RANGE]],
      ['3.4-raw', '3.4', 'none', []],
      ['4.5-zstd', '4.5', 'zstd', []],
      ['5.0-zstd', '5.0', 'zstd', [RANGE]],
      ['5.2-zstd', '5.2', 'zstd', [RANGE]],
      ['5.2-raw', '5.2', 'none', []],
    ])('%s', async (name, text, compression, renderRanges) => {
      const { version, scenes, activeScene } = asked(name);
      const [major, minor, blenderSubversion] = version;
      const source = bytesSource(fixture(name));
      await expect(readBlendFacts(source)).resolves.toEqual({
        blenderVersion: { major, minor, text },
        blenderSubversion,
        compression,
        scenes,
        activeScene,
        renderRanges,
        incomplete: false,
      });
      expect(source.reads).toBe(1);
    });

    test('on scenes that differ', () => {
      const { scenes, activeScene } = asked('3.4-zstd');
      expect(activeScene).toBe('Zähne 🎬');
      expect(scenes).toMatchObject([
        { name: 'A plain one', usesSequencer: false, usesCompositor: false, viewLayers: ['ViewLayer'] },
        { name: 'The cut', usesSequencer: true, usesCompositor: true, viewLayers: ['ViewLayer', 'Staub'] },
        { name: activeScene, frameStep: 3, switchesCameras: true, crop: { xmin: 0.25 } },
      ]);
    });
  });

  describe('readBlendFacts returns the same for any compression', () => {
    const { scenes, activeScene } = asked('3.4-zstd');

    test('gzip, as up to 2.93', async () => {
      const facts = await readBlendFacts(bytesSource(gzipSync(fixture('3.4-raw'))));
      expect(facts).toMatchObject({
        compression: 'gzip',
        scenes: asked('3.4-raw').scenes,
        incomplete: false,
      });
    });

    test('zstd without the seek table, and with bytes behind it', async () => {
      const packed = fixture('3.4-zstd');
      const tableBytes = packed.readUInt32LE(packed.length - 9) * 8 + 17;
      const cut = packed.subarray(0, packed.length - tableBytes);
      for (const bytes of [cut, Buffer.concat([packed, Buffer.from('trailing')])]) {
        await expect(readBlendFacts(bytesSource(bytes))).resolves.toMatchObject({ scenes, activeScene });
      }
    });
  });
});
