import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readBlendFacts } from '../../../../../core/scene/blend/facts';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import { StorageError } from '../../../../../core/storage/storage';
import { emptyOutcome, fuzzRound } from '../../../../fuzz/fuzz-rounds';
import { fuzzSubjects } from '../../../../fuzz/subjects';
import {
  BLENDER_3_4,
  BLENDER_5_0,
  type BlendShape,
  BlendWriter,
  STRUCTS,
  type Values,
} from '../../../../support/blend-writer';
import { bytesSource } from '../../../../support/counting-source';
import { runsHeavy } from '../../../../support/heavy';
import {
  bombFrame,
  seekableZstd,
  seekTable,
  storedFrame,
  storedFrames,
} from '../../../../support/zstd-frames';

describe('denoises', () => {
  const TABLE = {
    ...STRUCTS,
    ID: [...STRUCTS['ID']!, 'IDProperty *properties', 'IDProperty *system_properties'],
    ListBase: ['void *first', 'void *last'],
    IDPropertyData: ['void *pointer', 'ListBase group', 'int val', 'int val2'],
    IDProperty: ['IDProperty *next', 'IDProperty *prev', 'char type', 'char name[63]', 'IDPropertyData data'],
    ViewLayer: ['ViewLayer *next', 'char name[62]', 'short flag', 'IDProperty *id_properties'],
  };
  const GROUP = 6;

  /** A scene whose properties are a group at 10, and a view layer with a group at 30. */
  class Scene extends BlendWriter {
    constructor(shape: BlendShape = BLENDER_3_4, at: 'properties' | 'system_properties' = 'properties') {
      super(shape, TABLE);
      this.scene('A', { [`id.${at}`]: 10n });
    }

    property(address: bigint, type: number, name: string, value: bigint | number, next = 0n): this {
      const data: Values = typeof value === 'bigint' ? { 'data.group.first': value } : { 'data.val': value };
      return this.struct('DATA', 'IDProperty', { type, name, next, ...data }, { address });
    }

    /** The group `cycles` with one switch. */
    cycles(root: bigint, type: number, value: number): this {
      return this.property(root, GROUP, '', root + 1n)
        .property(root + 1n, 1, 'other', 7, root + 2n)
        .property(root + 2n, GROUP, 'cycles', root + 3n)
        .property(root + 3n, type, 'use_denoising', value);
    }

    layer(flag: number): this {
      return this.struct('DATA', 'ViewLayer', { name: 'L', flag, id_properties: 30n });
    }

    async denoises(): Promise<boolean> {
      return (await readBlendFacts(bytesSource(this.end()))).scenes[0]!.denoises;
    }
  }

  describe('readBlendFacts reads whether Cycles denoises', () => {
    test.each([
      ['by default since 3.0', new Scene(), true],
      ['not by default before', new Scene({ ...BLENDER_3_4, version: 293 }), false],
      ['if the scene says so', new Scene({ ...BLENDER_3_4, version: 293 }).cycles(10n, 1, 1), true],
      ['not if the scene says so', new Scene().cycles(10n, 1, 0), false],
      ['by a truth value', new Scene().cycles(10n, 10, 0), false],
      ['by the properties of add-ons', new Scene(BLENDER_3_4, 'system_properties').cycles(10n, 10, 0), false],
      ['not by a text', new Scene().cycles(10n, 0, 0), true],
      ['not if its only view layer says so', new Scene().layer(1).cycles(30n, 1, 0), false],
      ['not by a view layer that does not render', new Scene().layer(0).layer(1).cycles(30n, 1, 0), false],
      ['if one of its view layers says nothing', new Scene().layer(1), true],
    ])('%s', async (_, scene, expected) => {
      expect(await scene.denoises()).toBe(expected);
    });

    test('in a list of properties that loops', async () => {
      const scene = new Scene().property(10n, GROUP, '', 11n).property(11n, 1, 'x', 1, 11n);
      expect(await scene.denoises()).toBe(true);
    });
  });
});

describe('scene facts hostile', () => {
  const MIB = 2 ** 20;
  const LIMITS = { wholeBytes: 8 * MIB, seekableBytes: 16 * MIB };
  const RAW = new BlendWriter()
    .struct('GLOB', 'FileGlobal', {})
    .scene('A')
    .block('OB', Buffer.alloc(300_000, 'x'))
    .end();
  const FILES = join(__dirname, '../../../../fixtures/blend');

  async function errorOf(bytes: Uint8Array | string): Promise<BlendFormatError> {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    try {
      await readBlendFacts(bytesSource(buffer), LIMITS);
    } catch (error) {
      if (error instanceof BlendFormatError) return error;
      throw error;
    }
    throw new Error('it was read without an error');
  }

  describe('readBlendFacts throws not-blend', () => {
    test.each([
      ['an empty file', ''],
      ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
      ['eleven bytes', 'hello world'],
      ['gzip of something else', gzipSync('hello world')],
      ['gzip of gzip', gzipSync(gzipSync(RAW))],
      ['zstd of gzip', storedFrame(gzipSync(RAW))],
      ['zstd of gzip with a seek table', seekableZstd(gzipSync(RAW))],
      ['a bomb of zeros in gzip', gzipSync(Buffer.alloc(32 * MIB))],
      ['a bomb of zeros in zstd', bombFrame(60)],
    ])('for %s', async (_, bytes) => {
      expect((await errorOf(bytes)).code).toBe('not-blend');
    });
  });

  describe('readBlendFacts throws future-format', () => {
    test.each(['BLENDER18-02v0700xxxxxx', 'BLENDER17-02v0600xxxxxx', 'BLENDERxxxxxxxxxxxxxxxxx'])(
      'for %s',
      async (text) => {
        expect(await errorOf(text)).toMatchObject({ code: 'future-format', offset: 7 });
      },
    );
  });

  describe('readBlendFacts throws truncated', () => {
    const packings: [string, Uint8Array][] = [
      ['raw', RAW],
      ['raw of format 1', new BlendWriter(BLENDER_5_0).scene('A').end().subarray(0, -28)],
      ['gzip', gzipSync(RAW)],
      ['zstd', seekableZstd(RAW)],
      ['zstd of Blender 3.4', readFileSync(join(FILES, '3.4-zstd.blend'))],
    ];
    test.each(packings)('for %s, cut anywhere', async (_, bytes) => {
      const cuts = [0.02, 0.1, 0.5, 0.9, 0.99].map((part) => Math.floor(bytes.length * part));
      for (const length of [...cuts, bytes.length - 21]) {
        expect(await errorOf(bytes.subarray(0, length))).toMatchObject({ code: 'truncated' });
      }
    });

    test('for a large file, cut anywhere', async () => {
      const dense = new BlendWriter().block('DATA', Buffer.alloc(1000)).bytes().subarray(12);
      const large = new BlendWriter()
        .scene('A')
        .block('ME', Buffer.alloc(2 * MIB))
        .raw(Buffer.alloc(1000 * dense.length, dense))
        .end();
      for (const missing of [25, 1000, MIB, 2 * MIB]) {
        expect((await errorOf(large.subarray(0, -missing))).code).toBe('truncated');
      }
    });

    test('for a file that ends within its header', async () => {
      expect((await errorOf('BLEN')).code).toBe('truncated');
      expect((await errorOf('BLENDER-v30')).code).toBe('truncated');
      expect((await errorOf('BLENDER17-01v05')).code).toBe('truncated');
    });

    test('for a missing end block, and for a block longer than the file', async () => {
      expect(await errorOf(new BlendWriter().scene('A').bytes())).toMatchObject({ code: 'truncated' });
      const long = new BlendWriter().block('OB', Buffer.alloc(9), { length: 2n ** 31n - 1n });
      expect(await errorOf(long.end())).toMatchObject({ code: 'truncated', offset: 12 });
    });
  });

  describe('readBlendFacts throws bad-block', () => {
    test.each<[string, () => BlendWriter]>([
      ['garbage after the header', () => new BlendWriter().raw(Buffer.alloc(100, 0xa5))],
      ['zeros after the header', () => new BlendWriter().raw(Buffer.alloc(100))],
      ['a negative length', () => new BlendWriter().block('OB', Buffer.alloc(9), { length: -1n })],
      [
        'a negative length of 64 bits',
        () => new BlendWriter(BLENDER_5_0).block('OB', Buffer.alloc(9), { length: -24n }),
      ],
      ['a scene of another struct', () => new BlendWriter().struct('SC', 'FileGlobal', {})],
      ['a scene of an unknown struct', () => new BlendWriter().scene('A', {}, { sdnaIndex: 999_999 })],
      ['a scene of a negative struct', () => new BlendWriter().scene('A', {}, { sdnaIndex: -1 })],
      ['a scene that is too short', () => new BlendWriter().block('SC', Buffer.alloc(40), { sdnaIndex: 4 })],
    ])('for %s', async (_, writer) => {
      expect((await errorOf(writer().end())).code).toBe('bad-block');
    });

    test('(or truncated) for a length of 2^63-1', async () => {
      const writer = new BlendWriter(BLENDER_5_0).block('OB', Buffer.alloc(9), { length: 2n ** 63n - 1n });
      expect((await errorOf(writer.end())).code).toBe('truncated');
    });
  });

  describe('readBlendFacts, with a wrong seek table,', () => {
    const { frames, sizes } = storedFrames(RAW, 64 << 10);
    const packed = (table: Buffer): Buffer => Buffer.concat([...frames, table]);

    // 300 kB of another block lie in the middle, which are jumped over: a lie about those frames is never met.
    const LAST = sizes.length - 1;

    test('throws bad-zstd for the size of a frame that it reads', async () => {
      for (const lying of [0, LAST]) {
        for (const difference of [-1, 1, 1000]) {
          const lie = sizes.map((size, index) =>
            index === lying ? { ...size, bytes: size.bytes + difference } : size,
          );
          expect((await errorOf(packed(seekTable(lie)))).code).toMatch(/^(bad-zstd|truncated|bad-block)$/);
        }
      }
    });

    test('answers correctly or throws bad-zstd for the size of another frame', async () => {
      for (const difference of [-1, 1, 1000]) {
        const lie = sizes.map((size, index) =>
          index === 2 ? { ...size, bytes: size.bytes + difference } : size,
        );
        const outcome = await readBlendFacts(bytesSource(packed(seekTable(lie)))).catch(
          (error) => error.code,
        );
        expect(outcome === 'bad-zstd' ? { activeScene: 'A' } : outcome).toMatchObject({ activeScene: 'A' });
      }
    });

    test('throws bad-zstd for the starts of frames', async () => {
      for (const index of [0, LAST - 1]) {
        const lie = sizes.map((size, at) => ({
          ...size,
          packedBytes: size.packedBytes + (at === index ? 1 : at === index + 1 ? -1 : 0),
        }));
        expect((await errorOf(packed(seekTable(lie)))).code).toBe('bad-zstd');
      }
    });

    test('unpacks from the start if the table is inconsistent', async () => {
      const tables = [
        seekTable(sizes, { count: sizes.length - 1 }),
        seekTable(sizes, { count: 0xffffffff }),
        seekTable(sizes, { flags: 0x20 }),
        seekTable(sizes.slice(1)),
        seekTable(sizes.map((size) => ({ ...size, bytes: 0xffffffff }))),
      ];
      for (const table of tables) {
        await expect(readBlendFacts(bytesSource(packed(table)))).resolves.toMatchObject({ activeScene: 'A' });
      }
    });
  });

  describe('readBlendFacts throws too-large', () => {
    const head = RAW.subarray(0, 1000);

    test('for a bomb in gzip', async () => {
      const error = await errorOf(gzipSync(Buffer.concat([head, Buffer.alloc(32 * MIB)])));
      expect(error.code).toBe('too-large');
      expect(error.message).toContain('save it uncompressed');
    });

    test('for a bomb in one frame of zstd, or in many', async () => {
      expect((await errorOf(Buffer.concat([storedFrame(head), bombFrame(32_768)]))).code).toBe('too-large');
      const many = Array.from({ length: 20 }, () => bombFrame(8));
      expect((await errorOf(Buffer.concat([storedFrame(head), ...many]))).code).toBe('too-large');
      const honest = storedFrame(head, { contentBytes: 2 ** 31 });
      expect((await errorOf(honest)).code).toBe('too-large');
    });

    test('for a bomb of small blocks behind a seek table', async () => {
      const block = new BlendWriter().block('DATA', Buffer.alloc(9_976)).bytes().subarray(12);
      const frame = storedFrame(Buffer.alloc(100 * block.length, block));
      const first = storedFrame(Buffer.from('BLENDER-v304'));
      const sizes = Array.from({ length: 40 }, () => ({
        packedBytes: frame.length,
        bytes: 100 * block.length,
      }));
      const frames = Array.from({ length: 40 }, () => frame);
      const table = seekTable([{ packedBytes: first.length, bytes: 12 }, ...sizes]);
      expect((await errorOf(Buffer.concat([first, ...frames, table]))).code).toBe('too-large');
    });

    test('for a frame that needs a window of gigabytes', async () => {
      const frame = Buffer.from(storedFrame(RAW));
      frame[5] = 0xff;
      expect((await errorOf(frame)).code).toBe('too-large');
    });
  });

  describe('readBlendFacts', () => {
    test('throws no-scene for a file of assets', async () => {
      expect((await errorOf(new BlendWriter().block('OB').end())).code).toBe('no-scene');
    });

    test('throws bad-gzip and bad-zstd for damaged data', async () => {
      const gzip = gzipSync(RAW);
      gzip[30] = gzip[30]! ^ 0xff;
      expect((await errorOf(gzip)).code).toBe('bad-gzip');
      const zstd = Buffer.from(storedFrame(RAW));
      zstd[10] = 0x07;
      expect((await errorOf(zstd)).code).toBe('bad-zstd');
    });

    test('names the file and the offset', async () => {
      const bytes = new BlendWriter()
        .block('OB', Buffer.alloc(4))
        .block('ME', Buffer.alloc(9), { length: -1n })
        .end();
      const facts = readBlendFacts(bytesSource(bytes, 'Meine Szene.blend'));
      await expect(facts).rejects.toMatchObject({
        code: 'bad-block',
        kind: 'scene',
        offset: 40,
        message:
          'Meine Szene.blend is damaged: the block ME has the negative length -1 (at 0x28); copy or upload it again, or open it in Blender and save it under another name',
      });
    });

    describe('passes on errors of storage', () => {
      const large = new BlendWriter()
        .block('DATA', randomBytes(3 * MIB))
        .scene('A')
        .end();

      test.each([
        ['raw, at its end', large, 2 * MIB],
        ['gzip, in its middle', gzipSync(large), MIB],
        ['zstd with a seek table, at its end', seekableZstd(large), 2 * MIB],
        ['zstd without one, in its middle', storedFrame(large), MIB],
      ])('%s', async (_, bytes, brokenFrom) => {
        const source = bytesSource(bytes);
        const broken = new StorageError('changed', source.url, 'the file changed');
        const failing = {
          ...source,
          read: async (offset: number, length: number) => {
            if (offset >= brokenFrom && offset < brokenFrom + MIB) throw broken;
            return source.read(offset, length);
          },
        };
        await expect(readBlendFacts(failing)).rejects.toBe(broken);
      });
    });
  });
});

describe('scene facts mutations', () => {
  const ROUNDS = 60;

  // `npm run fuzz` has more of it.
  if (runsHeavy('reader'))
    test('a damaged file gets an answer or a typed error, within the budget', async () => {
      const refused: Record<string, number> = {};
      let answers = 0;
      for (const subject of await fuzzSubjects()) {
        const outcome = emptyOutcome();
        for (let seed = 0; seed < ROUNDS; seed++) await fuzzRound(subject, seed, outcome);
        const errors = Object.entries(outcome.errors);
        expect(outcome.answers + errors.reduce((sum, [, count]) => sum + count, 0)).toBe(ROUNDS);
        answers += outcome.answers;
        for (const [code, count] of errors) refused[code] = (refused[code] ?? 0) + count;
      }
      // The damage is neither always harmless nor always seen at once.
      expect(answers).toBeGreaterThan(100);
      const codes = [
        'bad-block',
        'bad-gzip',
        'bad-sdna',
        'bad-zstd',
        'future-format',
        'no-scene',
        'not-blend',
        'truncated',
      ];
      expect(Object.keys(refused)).toEqual(expect.arrayContaining(codes));
    }, 120_000);
});
