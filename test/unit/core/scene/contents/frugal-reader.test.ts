import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { ReadBudgetSpent } from '../../../../../core/scene/blend/bytes';
import { CONTENTS_BUDGET, FrugalReader } from '../../../../../core/scene/contents/frugal-reader';
import { readBlendContents } from '../../../../../core/scene/contents/read-contents';
import { ContentsWriter } from '../../../../support/blend-contents-writer';
import { BLENDER_5_0, type BlendShape } from '../../../../support/blend-writer';
import {
  bytesSource,
  type CountingSource,
  type SparsePart,
  sparseSource,
} from '../../../../support/counting-source';
import { runsHeavy } from '../../../../support/heavy';
import { seekableZstd, storedFrames } from '../../../../support/zstd-frames';

describe('budget', () => {
  const MIB = 2 ** 20;

  const allowed = (size: number): number =>
    Math.min(3 + Math.floor(size / (2 * MIB)), CONTENTS_BUDGET.requests);

  function expectLaw(source: CountingSource): void {
    expect(source.reads).toBeLessThanOrEqual(allowed(source.size));
    expect(source.readBytes).toBeLessThanOrEqual(Math.min(source.size, CONTENTS_BUDGET.bytes));
  }

  /** A file with an image before, between and behind blocks of these sizes, whose data are zeros. */
  function withBlocks(sizes: readonly number[], shape: BlendShape = BLENDER_5_0): CountingSource {
    const parts: SparsePart[] = [];
    let offset = 0;
    const add = (writer: ContentsWriter): void => {
      const bytes = offset === 0 ? writer.bytes() : writer.bytes().subarray(shape.format === 1 ? 17 : 12);
      parts.push({ offset, bytes });
      offset += bytes.length;
    };
    const image = (name: string): ContentsWriter =>
      new ContentsWriter(shape).id('IM', 'Image', name, { name: `//${name}.png`, source: 1 });
    add(image('first'));
    sizes.forEach((size, index) => {
      add(image(`${index}`).block('DATA', new Uint8Array(0), { length: BigInt(size) }));
      offset += size;
    });
    const last = image('last');
    last.end();
    add(last);
    return sparseSource(offset, parts);
  }

  const namesOf = (sizes: readonly number[]): string[] => [
    'first',
    ...sizes.map((_, index) => `${index}`),
    'last',
  ];

  describe('readBlendContents keeps to its budget', () => {
    test('for a file of 5 GiB in few blocks', async () => {
      const sizes = [4 * 2 ** 30, 2 ** 20, 2 ** 30];
      const source = withBlocks(sizes);
      const { dependencies, incomplete } = await readBlendContents(source);
      expect(dependencies.map(({ path }) => path)).toEqual(namesOf(sizes).map((name) => `//${name}.png`));
      expect(incomplete).toBe(false);
      expect(source.reads).toBeLessThanOrEqual(6);
      expect(source.readBytes).toBeLessThan(4 * MIB);
    });

    test('for any blocks: 3 + size / 2 MiB requests, and never a byte twice', async () => {
      const size = fc.oneof(
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 0, max: 3 * MIB }),
        fc.integer({ min: 0, max: 20 * MIB }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(size, { maxLength: 30 }), async (sizes) => {
          const source = withBlocks(sizes);
          const { dependencies, incomplete } = await readBlendContents(source);
          expectLaw(source);
          const found = dependencies.map(({ path }) => path);
          const all = namesOf(sizes).map((name) => `//${name}.png`);
          expect(found).toEqual(all);
          expect(incomplete).toBe(false);
        }),
        { numRuns: runsHeavy('reader') ? 60 : 6, seed: 9 },
      );
    });

    if (runsHeavy('reader'))
      test('for 200,000 small blocks', async () => {
        const block = new ContentsWriter().data('ListBase').bytes().subarray(12);
        const writer = new ContentsWriter()
          .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
          .raw(Buffer.alloc(200_000 * block.length, block));
        writer.id('IM', 'Image', 'B', { name: '//b.png', source: 1 });
        const source = bytesSource(writer.end());
        const { dependencies, incomplete } = await readBlendContents(source);
        expect(dependencies).toHaveLength(2);
        expect(incomplete).toBe(false);
        expectLaw(source);
      });

    test('for 800 blocks of 100 kB, which it reads whole', async () => {
      const sizes = Array.from({ length: 800 }, () => 100_000);
      const source = withBlocks(sizes);
      const { dependencies, incomplete } = await readBlendContents(source);
      expect([dependencies.length, incomplete]).toEqual([802, false]);
      expect(source.reads).toBeLessThanOrEqual(14);
      expectLaw(source);
    });

    test('for 5 GiB in blocks of 10 MiB, which it mostly skips', async () => {
      const sizes = Array.from({ length: 512 }, () => 10 * MIB);
      const source = withBlocks(sizes);
      const { dependencies, incomplete } = await readBlendContents(source);
      expect([dependencies.length, incomplete]).toEqual([514, false]);
      expect(source.reads).toBeLessThanOrEqual(514);
      expect(source.readBytes).toBeLessThan(140 * MIB);
    });

    if (runsHeavy('reader'))
      test('with too many requests: the incomplete answer is correct and names the limit', async () => {
        const source = withBlocks(Array.from({ length: 1500 }, () => 3 * MIB));
        const contents = await readBlendContents(source);
        expect(contents).toMatchObject({ incomplete: true, limit: '1280 requests to storage' });
        expect(contents.dependencies.length).toBeGreaterThan(1200);
        expect(source.reads).toBe(1280);
        expectLaw(source);
      });

    if (runsHeavy('reader'))
      test('for a library whose linked data is beyond it: the library counts', async () => {
        const gap = 3 * MIB;
        const writer = new ContentsWriter(BLENDER_5_0).id('LI', 'Library', 'a.blend', { name: '//a.blend' });
        const head = writer.bytes();
        const block = new ContentsWriter(BLENDER_5_0)
          .block('DATA', new Uint8Array(0), { length: BigInt(gap) })
          .bytes()
          .subarray(17);
        const parts = Array.from({ length: 1500 }, (_, index) => ({
          offset: head.length + index * (block.length + gap),
          bytes: block,
        }));
        const tailOffset = head.length + 1500 * (block.length + gap);
        const tail = new ContentsWriter(BLENDER_5_0).end().subarray(17);
        const all = [{ offset: 0, bytes: head }, ...parts, { offset: tailOffset, bytes: tail }];
        const contents = await readBlendContents(sparseSource(tailOffset + tail.length, all));
        expect(contents.incomplete).toBe(true);
        expect(contents.dependencies.map(({ path }) => path)).toEqual(['//a.blend']);
      });

    if (runsHeavy('reader'))
      test('except for a file on this machine, which it reads whole', async () => {
        const source = withBlocks(Array.from({ length: 1500 }, () => 3 * MIB));
        const local = { ...source, url: pathToFileURL('/scene.blend') };
        const { dependencies, incomplete } = await readBlendContents(local);
        expect([dependencies.length, incomplete]).toEqual([1502, false]);
      });

    if (runsHeavy('reader'))
      test('for a packed file, which is fetched once', async () => {
        const noise = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index * 31) % 251));
        const writer = new ContentsWriter().id('IM', 'Image', 'A', { name: '//a.png', source: 1 });
        for (let index = 0; index < 100; index++) writer.block('DATA', noise);
        writer.id('IM', 'Image', 'B', { name: '//b.png', source: 1 });
        const raw = writer.end();
        const packings = {
          gzip: gzipSync(raw, { level: 0 }),
          zstd: seekableZstd(raw, 2 * MIB),
          'zstd without a table': Buffer.concat(storedFrames(raw, 2 * MIB).frames),
        };
        for (const [name, bytes] of Object.entries(packings)) {
          const source = bytesSource(bytes);
          const { dependencies, incomplete } = await readBlendContents(source);
          expect([name, dependencies.length, incomplete]).toEqual([name, 2, false]);
          expectLaw(source);
        }
      });

    if (runsHeavy('reader'))
      test('for a large zstd file, of which it reads only needed frames', async () => {
        const writer = new ContentsWriter(BLENDER_5_0)
          .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
          .block('DATA', Buffer.alloc(60 * MIB));
        const source = bytesSource(
          seekableZstd(writer.id('IM', 'Image', 'B', { name: '//b.png' }).end(), 2 * MIB),
        );
        const { dependencies } = await readBlendContents(source);
        expect(dependencies).toHaveLength(2);
        expectLaw(source);
        expect(source.readBytes).toBeLessThan(20 * MIB);
      });

    if (runsHeavy('reader'))
      test('for a packed file beyond it: the answer is incomplete', async () => {
        const noise = Buffer.alloc(70 * MIB);
        const raw = new ContentsWriter()
          .id('IM', 'Image', 'A', { name: '//a.png', source: 1 })
          .block('DATA', noise)
          .end();
        const source = bytesSource(gzipSync(raw, { level: 0 }));
        const contents = await readBlendContents(source);
        expect(contents).toMatchObject({ dependencies: [], incomplete: true });
        expectLaw(source);
      });
  });
});

describe('frugal reader', () => {
  const MIB = 2 ** 20;
  const BYTES = Buffer.alloc(
    60 * MIB,
    Buffer.from(Array.from({ length: 997 }, (_, index) => (index * 7) % 256)),
  );
  const PACKED = Buffer.from(BYTES);
  BYTES.write('BLENDER-v304', 0);

  const allowed = (size: number): number => 3 + Math.floor(size / (2 * MIB));

  function expectLaw(source: CountingSource): void {
    expect(source.reads).toBeLessThanOrEqual(allowed(source.size));
    expect(source.readBytes).toBeLessThanOrEqual(source.size);
  }

  /** Mostly small ones, as blocks are. */
  const gap = fc.oneof(
    fc.integer({ min: 0, max: 1000 }),
    fc.integer({ min: 0, max: 3 * MIB }),
    fc.integer({ min: 0, max: 12 * MIB }),
  );
  const step = fc.record({
    gap,
    length: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 * MIB })),
  });

  describe('FrugalReader', () => {
    test('returns correct bytes in 3 + size / 2 MiB requests and no byte twice, for any walk', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(BYTES, PACKED.subarray(0, 39 * MIB)),
          fc.integer({ min: 0, max: BYTES.length }),
          fc.array(step, { maxLength: 60 }),
          async (bytes, size, steps) => {
            const source = bytesSource(bytes.subarray(0, size));
            const reader = await FrugalReader.open(source);
            reader.startWalk();
            let offset = 0;
            for (const { gap: skipped, length } of steps) {
              offset += skipped;
              const read = await reader.read(offset, length);
              expect(Buffer.compare(read, bytes.subarray(0, size).subarray(offset, offset + length))).toBe(0);
              offset += length;
            }
            expectLaw(source);
          },
        ),
        { numRuns: runsHeavy('reader') ? 300 : 30, seed: 3 },
      );
    });

    if (runsHeavy('reader'))
      test('reads a whole file within that limit, in small and large steps', async () => {
        for (const size of [
          1,
          4 * MIB,
          4 * MIB + 1,
          12 * MIB,
          12 * MIB + 1,
          13 * MIB,
          17.4 * MIB,
          47.99 * MIB,
        ]) {
          for (const length of [50_000, 3 * MIB]) {
            const source = bytesSource(BYTES.subarray(0, size));
            const reader = await FrugalReader.open(source);
            reader.startWalk();
            for (let offset = 0; offset < size; offset += length) await reader.read(offset, length);
            expectLaw(source);
            expect(source.readBytes).toBe(source.size);
          }
        }
      });

    test('reads the end first, then a packed file from its start, within that limit', async () => {
      const end = fc.record({
        size: fc.integer({ min: 1, max: 39 * MIB }),
        back: fc.integer({ min: 1, max: 20 * MIB }),
      });
      await fc.assert(
        fc.asyncProperty(end, async ({ size, back }) => {
          const source = bytesSource(PACKED.subarray(0, size));
          const reader = await FrugalReader.open(source);
          const start = Math.max(size - back, 0);
          expect(
            Buffer.compare(
              await reader.read(start, MIB),
              PACKED.subarray(start, Math.min(start + MIB, size)),
            ),
          ).toBe(0);
          await reader.read(Math.max(size - 200_000, 0), 200_000);
          reader.startWalk();
          for (let offset = 0; offset < size; offset += MIB) await reader.read(offset, MIB);
          expectLaw(source);
        }),
        { numRuns: runsHeavy('reader') ? 200 : 20, seed: 4 },
      );
    });

    test('reads back and forth in a packed file without repeated requests', async () => {
      const source = bytesSource(PACKED.subarray(0, 39 * MIB));
      const reader = await FrugalReader.open(source);
      for (let pass = 0; pass < 3; pass++) {
        for (let offset = 0; offset < source.size; offset += MIB) {
          const read = await reader.read(offset, MIB);
          expect(Buffer.compare(read, PACKED.subarray(offset, offset + MIB))).toBe(0);
        }
        if (pass === 0) reader.startWalk(true);
      }
      expectLaw(source);
    });

    test('keeps at most 40 MiB of a packed file, and drops parts behind a walk', async () => {
      const read = async (starts: boolean): Promise<CountingSource> => {
        const source = bytesSource(PACKED);
        const reader = await FrugalReader.open(source);
        if (starts) reader.startWalk();
        for (let offset = 0; offset < source.size; offset += MIB) await reader.read(offset, MIB);
        return source;
      };
      await expect(read(false)).rejects.toThrow(ReadBudgetSpent);
      expectLaw(await read(true));
    });

    test('reads both ends of a large file at once, and little after a jump', async () => {
      const source = sparseSource(5 * 2 ** 30, []);
      const reader = await FrugalReader.open(source);
      expect([source.reads, source.readBytes]).toEqual([2, MIB + (192 << 10)]);
      expect(reader.peek(reader.tailOffset, 1000)).toHaveLength(1000);
      await reader.read(2 ** 31, 24);
      expect([source.reads, source.readBytes]).toEqual([3, MIB + (192 << 10) + (256 << 10)]);
      expect(reader.peek(2 ** 31 + 1000, 24)).toHaveLength(24);
    });

    test('reads a gap of less than 2 MiB and skips a larger one', async () => {
      const walk = async (stride: number): Promise<CountingSource> => {
        const source = sparseSource(200 * MIB, [{ offset: 0, bytes: Buffer.from('BLENDER') }]);
        const reader = await FrugalReader.open(source);
        reader.startWalk();
        for (let offset = 0; offset < source.size; offset += stride) await reader.read(offset, 24);
        expectLaw(source);
        return source;
      };
      const dense = await walk(1.9 * MIB);
      expect(dense.reads).toBeLessThan(32);
      const sparse = await walk(4 * MIB);
      expect(sparse.readBytes).toBeLessThan(16 * MIB);
    });

    test('keeps only the current piece of an unpacked file', async () => {
      const reader = await FrugalReader.open(bytesSource(BYTES));
      for (let offset = 0; offset < BYTES.length; offset += MIB) await reader.read(offset, MIB);
      expect(reader.peek(0, 24)).toBeUndefined();
      expect(reader.peek(20 * MIB, 24)).toBeUndefined();
      expect(reader.peek(BYTES.length - 24, 24)).toHaveLength(24);
    });

    test.each([
      ['requests', { requests: 3, bytes: 2 ** 30 }],
      ['bytes', { requests: 100, bytes: 10 * MIB }],
    ])('throws ReadBudgetSpent before it goes beyond the %s', async (_, budget) => {
      const source = bytesSource(BYTES);
      const reader = await FrugalReader.open(source, budget);
      const walk = async (): Promise<void> => {
        for (let offset = 0; offset < BYTES.length; offset += MIB) await reader.read(offset, 24);
      };
      await expect(walk()).rejects.toThrow(ReadBudgetSpent);
      expect(source.reads).toBeLessThanOrEqual(budget.requests);
      expect(source.readBytes).toBeLessThanOrEqual(budget.bytes);
    });

    test('throws truncated if the source is shorter than its size', async () => {
      const source = { ...bytesSource(BYTES.subarray(0, 100)), size: 200 };
      await expect(FrugalReader.open(source)).rejects.toMatchObject({ code: 'truncated', offset: 100 });
    });
  });
});
