import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { DECODE_LIMITS } from '../../../../../core/scene/blend/bytes';
import { BlendFormatError } from '../../../../../core/scene/blend/header';
import { openDecodedBlend } from '../../../../../core/scene/blend/open-blend';
import type { BlendContents } from '../../../../../core/scene/contents/blend-contents';
import { readBlendContents } from '../../../../../core/scene/contents/read-contents';
import { StorageError } from '../../../../../core/storage/storage';
import { CONTENTS_STRUCTS, ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_3_4, BLENDER_5_0 } from '../../../../support/blend-writer';
import { bytesSource } from '../../../../support/counting-source';
import { fewOrAll, runsHeavy } from '../../../../support/heavy';
import { bombFrame, seekableZstd, storedFrame } from '../../../../support/zstd-frames';

const MIB = 2 ** 20;
const FOLDER = join(__dirname, '../../../../fixtures/blend-contents');
const LIMITS = { wholeBytes: 8 * MIB, seekableBytes: 16 * MIB };
const small = (): ContentsWriter =>
  new ContentsWriter().id('IM', 'Image', 'A', { name: '//a.png', source: 1 });

const read = (bytes: Uint8Array): Promise<BlendContents> => readBlendContents(bytesSource(bytes), LIMITS);

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await read(bytes);
  } catch (error) {
    if (error instanceof BlendFormatError) return error.code;
    throw error;
  }
  return 'none';
}

describe('readBlendContents throws', () => {
  test.each<[string, () => Uint8Array]>([
    ['not-blend', () => Buffer.alloc(0)],
    ['not-blend', () => Buffer.from('hello world')],
    ['not-blend', () => gzipSync('hello world')],
    ['not-blend', () => bombFrame(60)],
    ['future-format', () => Buffer.from('BLENDER18-02v0700xxxxxx')],
    ['truncated', () => small().bytes()],
    ['truncated', () => small().end().subarray(0, -30)],
    ['truncated', () => new ContentsWriter().block('OB', Buffer.alloc(9), { length: 2n ** 31n - 1n }).end()],
    ['bad-block', () => new ContentsWriter().raw(Buffer.alloc(100, 0xa5)).end()],
    ['bad-block', () => small().block('OB', Buffer.alloc(9), { length: -1n }).end()],
    ['bad-block', () => new ContentsWriter(BLENDER_5_0).block('OB', Buffer.alloc(9), { length: -24n }).end()],
    ['bad-block', () => small().block('IM', Buffer.alloc(9), { sdnaIndex: 2 }).end()],
    ['bad-sdna', () => small().block('ENDB').bytes()],
    ['bad-sdna', () => small().block('DNA1', Buffer.from('SDNANAME\xff\xff\xff\xff')).block('ENDB').bytes()],
  ])('%s', async (code, bytes) => {
    expect(await codeOf(bytes())).toBe(code);
  });

  test('naming the file and the offset', async () => {
    const bytes = small().block('OB', Buffer.alloc(9), { length: -1n }).end();
    await expect(readBlendContents(bytesSource(bytes, 'Meine Szene.blend'))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Meine Szene\.blend is damaged: the block OB has the negative length -1 \(at 0x[0-9a-f]+\); copy or upload/,
      ),
    });
  });

  test('the errors of storage, for any compression', async () => {
    const raw = small().end();
    for (const bytes of [raw, gzipSync(raw), seekableZstd(raw), storedFrame(raw)]) {
      const source = bytesSource(bytes);
      const broken = new StorageError('changed', source.url, 'the file changed');
      await expect(readBlendContents({ ...source, read: () => Promise.reject(broken) })).rejects.toBe(broken);
    }
  });
});

describe('readBlendContents reads', () => {
  test('a bomb up to the limit, or throws too-large', async () => {
    const bomb = Buffer.concat([small().bytes(), Buffer.alloc(32 * MIB)]);
    const contents = await read(gzipSync(bomb));
    expect(contents.incomplete).toBe(true);
    await expect(
      read(Buffer.concat([storedFrame(small().bytes()), bombFrame(32_768)])),
    ).resolves.toMatchObject({
      incomplete: true,
    });
  });

  test('structs with an invalid index or missing members', async () => {
    const writer = small()
      .block('DATA', Buffer.alloc(10), { sdnaIndex: 60_000 })
      .block('DATA', Buffer.alloc(10), { sdnaIndex: -1 });
    await expect(read(writer.end())).resolves.toMatchObject({ dependencies: [{ path: '//a.png' }] });
    const bare = Object.fromEntries(Object.keys(CONTENTS_STRUCTS).map((name) => [name, ['int pad']]));
    const lacking = new ContentsWriter(BLENDER_3_4, bare);
    for (const name of Object.keys(bare)) lacking.struct('DATA', name, {}).struct('ZZ', name, {});
    await expect(read(lacking.end())).resolves.toMatchObject({ dependencies: [], incomplete: false });
  });

  test('names without an end, and empty names', async () => {
    const writer = new ContentsWriter()
      .struct('IM', 'Image', { 'id.name': 'IM'.padEnd(66, 'x'), name: 'y'.repeat(1024), source: 1 })
      .struct('IM', 'Image', { 'id.name': '', name: '//z', source: 1 });
    const { dependencies } = await read(writer.end());
    expect(dependencies.map(({ usedBy }) => usedBy)).toEqual([[`image "${'x'.repeat(64)}"`], ['image ""']]);
  });

  test('the same structs as Blender despite a decoy', async () => {
    const decoy = new ContentsWriter(BLENDER_3_4, { Image: ['char name[8]'] }).dna();
    const within = small().block('DATA', new ContentsWriter().block('DNA1', decoy).block('ENDB').bytes());
    await expect(read(within.end())).resolves.toMatchObject({ dependencies: [{ path: '//a.png' }] });
    const behind = new ContentsWriter().block('DNA1', decoy).block('ENDB').bytes().subarray(12);
    await expect(read(Buffer.concat([small().end(), behind]))).resolves.toMatchObject({
      dependencies: [{ path: '//a.png' }],
    });
  });

  test('files with trailing bytes or a short end block', async () => {
    const whole = small().end();
    for (const bytes of [whole.subarray(0, -20), Buffer.concat([whole, Buffer.alloc(1000, 'x')])]) {
      await expect(read(bytes)).resolves.toMatchObject({ dependencies: [{ path: '//a.png' }] });
    }
  });
});

describe('readBlendContents stays within its memory', () => {
  /** With short texts, so that many of them fit into a file. */
  const SHORT = Object.fromEntries(
    Object.entries(CONTENTS_STRUCTS).map(([name, members]) => [
      name,
      members.map((member) => member.replace(/\[(1024|768|256|64)\]/, '[16]')),
    ]),
  );
  const writer = (): ContentsWriter => new ContentsWriter(BLENDER_3_4, SHORT);
  const many = (one: ContentsWriter, count: number): Buffer => {
    const block = one.bytes().subarray(12);
    return Buffer.alloc(count * block.length, block);
  };

  test('for 40,000 files, and reports the limit', async () => {
    const blocks = many(writer().data('CustomDataExternal'), 40_000);
    for (let index = 0; index < 40_000; index++) blocks.write(`//${index}`, index * 40 + 24);
    const { dependencies, incomplete } = await readBlendContents(
      bytesSource(writer().object('A').raw(blocks).end()),
    );
    expect(incomplete).toBe(true);
    expect(dependencies).toHaveLength(32_768);
    expect(dependencies[32_767]!.path).toBe('//32767');
  });

  if (runsHeavy('reader'))
    test('for 10,000 files with the longest paths', async () => {
      const blocks = many(
        new ContentsWriter().data('CustomDataExternal', { filename: Buffer.alloc(1024, 'x') }),
        10_000,
      );
      for (let index = 0; index < 10_000; index++) blocks.write(`//${index}/`, index * 1048 + 24);
      const { dependencies, incomplete } = await readBlendContents(
        bytesSource(new ContentsWriter().raw(blocks).end()),
      );
      expect(incomplete).toBe(true);
      expect(dependencies.length).toBeGreaterThan(1000);
      expect(dependencies.length).toBeLessThan(9000);
    });

  const BLOCKS = [
    ['LI', 'Library'],
    ['PA', 'ParticleSettings'],
    ['NT', 'bNodeTree'],
    ['TX', 'Text'],
  ] as const;
  test.each(fewOrAll('reader', BLOCKS, ([code]) => code === 'NT'))(
    'for 70,000 data blocks %s',
    async (code, struct) => {
      const blocks = many(writer().id(code, struct, 'A', { name: '//a', type: 3 }), 70_000);
      expect((await readBlendContents(bytesSource(writer().raw(blocks).end()))).incomplete).toBe(true);
    },
  );

  // Each of these points to the same one: a loop within a loop would not come to its end in time.
  const LOOPS = [
    'Sequence',
    'Strip',
    'StripElem',
    'PointCache',
    'ClothModifierData',
    'SoftBody_Shared',
    'ParticleSystem',
    'RigidBodyWorld_Shared',
    'NodesModifierData',
    'NodesModifierBake',
    'bNode',
    'DriverVar',
    'FreestyleModuleConfig',
  ];
  test.each(fewOrAll('reader', LOOPS, (struct) => ['Strip', 'bNode'].includes(struct)))(
    'for 30,000 structs %s in one data block',
    async (struct) => {
      const pointers = { strip: 5n, stripdata: 5n, part: 5n, bakes: 5n, node_group: 5n, id: 5n };
      const values = { 'modifier.mode': 3, name: 'a', ...pointers };
      const head = writer()
        .id('NT', 'bNodeTree', 'A', { type: 3 }, 5n)
        .raw(struct === 'bNode' ? many(writer().data(struct, values, 5n), 30_000) : '')
        .id('SC', 'Scene', 'A', { 'r.scemode': 1 })
        .data('RigidBodyWorld', { group: 1n })
        .data('ChannelDriver', { type: 1, expression: 'x' });
      const bytes = head.raw(many(writer().data(struct, values, 5n), 30_000)).end();
      await expect(readBlendContents(bytesSource(bytes))).resolves.toMatchObject({
        dependencies: expect.any(Array),
      });
    },
  );
});

/** Bytes overwritten, a piece cut out, the end cut off. */
const mutation = fc.record({
  writes: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    { maxLength: 8 },
  ),
  cutAt: fc.double({ min: 0, max: 1, noNaN: true }),
  cutBytes: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 64 })),
  keep: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
});

/** One of each struct, twice, after each other. */
function oneOfEach(): Buffer {
  const writer = new ContentsWriter();
  for (const name of Object.keys(CONTENTS_STRUCTS)) {
    if (CONTENTS_STRUCTS[name]!.includes('ID id')) writer.id('XX', name, name);
    else writer.data(name, {}, 7n).data(name, { name: 'a', filepath: '//a' }, 8n);
  }
  return writer.end();
}

describe('a mutated file is read or throws BlendFormatError', () => {
  const [RUNS, FEWEST_ANSWERS] = runsHeavy('reader') ? [200, 21] : [40, 2];

  const subjects: [string, () => Promise<Buffer>][] = [
    ['one of each struct', async () => oneOfEach()],
    ['one of each struct, gzip', async () => gzipSync(oneOfEach())],
    ['one of each struct, zstd', async () => seekableZstd(oneOfEach(), 5000)],
    ...['strips', 'unbaked', '5.2-scripts'].map((name): [string, () => Promise<Buffer>] => [
      `${name}.blend, unpacked`,
      async () => {
        const bytes = readFileSync(join(FOLDER, `${name}.blend`));
        const decoded = await openDecodedBlend(bytesSource(bytes), DECODE_LIMITS);
        return Buffer.from(await decoded.read(0, decoded.size));
      },
    ]),
  ];

  test.each(subjects)('%s', async (_, subject) => {
    const whole = await subject();
    let answers = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async ({ writes, cutAt, cutBytes, keep }) => {
        let bytes = Buffer.from(whole);
        for (const { at, bytes: written } of writes) bytes.set(written, Math.floor(at * (bytes.length - 8)));
        const cut = Math.floor(cutAt * bytes.length);
        bytes = Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + cutBytes)]);
        bytes = bytes.subarray(0, Math.floor(bytes.length * keep));
        try {
          await readBlendContents(bytesSource(bytes), LIMITS);
          answers += 1;
        } catch (error) {
          if (!(error instanceof BlendFormatError)) throw error;
        }
      }),
      { numRuns: RUNS, seed: 7 },
    );
    // The mutations got further than the first check of the file.
    expect(answers).toBeGreaterThanOrEqual(FEWEST_ANSWERS);
  });
});
