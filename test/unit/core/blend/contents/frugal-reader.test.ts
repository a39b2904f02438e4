import * as fc from 'fast-check';
import { FrugalReader } from '../../../../../core/blend/contents/frugal-reader';
import { ReadBudgetSpent } from '../../../../../core/blend/ranged-source';
import { bytesSource, sparseSource, type CountingSource } from '../../../../support/counting-source';

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
  test('gives the right bytes in 3 + size / 2 MiB requests and no byte twice, whatever the walk', async () => {
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
      { numRuns: 300, seed: 3 },
    );
  });

  test('reads through all of it within the law, in small steps and in large ones', async () => {
    for (const size of [1, 4 * MIB, 4 * MIB + 1, 12 * MIB, 12 * MIB + 1, 13 * MIB, 17.4 * MIB, 47.99 * MIB]) {
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

  test('reads what is near the end first, and a packed file from its start after that, within the law', async () => {
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
          Buffer.compare(await reader.read(start, MIB), PACKED.subarray(start, Math.min(start + MIB, size))),
        ).toBe(0);
        await reader.read(Math.max(size - 200_000, 0), 200_000);
        reader.startWalk();
        for (let offset = 0; offset < size; offset += MIB) await reader.read(offset, MIB);
        expectLaw(source);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  test('goes to and fro in a packed file without asking again', async () => {
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

  test('does not hold more than 40 MiB of a packed file for that, but lets go of what a walk has passed', async () => {
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

  test('reads a gap of less than 2 MiB, which costs less than a request, and jumps over a larger one', async () => {
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

  test('holds no more of an unpacked file than the piece at hand', async () => {
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

  test('throws truncated where the source has less than it says', async () => {
    const source = { ...bytesSource(BYTES.subarray(0, 100)), size: 200 };
    await expect(FrugalReader.open(source)).rejects.toMatchObject({ code: 'truncated', offset: 100 });
  });
});
