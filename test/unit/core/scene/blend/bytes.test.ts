import * as fc from 'fast-check';
import {
  ByteWindow,
  HEAD_BYTES,
  RangedSource,
  ReadBudgetSpent,
  TAIL_BYTES,
} from '../../../../../core/scene/blend/bytes';
import { bytesSource, sparseSource } from '../../../../support/counting-source';

describe('byte window', () => {
  const MIB = 2 ** 20;

  describe('ByteWindow', () => {
    test('returns the same bytes as its reader, in any order', async () => {
      const bytes = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251));
      const step = fc.record({ offset: fc.nat(6000), length: fc.nat(3000) });
      await fc.assert(
        fc.asyncProperty(fc.array(step), async (steps) => {
          const window = new ByteWindow(bytesSource(bytes), { firstBytes: 64, maxBytes: 512 });
          for (const { offset, length } of steps) {
            const expected = bytes.subarray(offset, offset + length);
            expect(expected.equals(await window.read(offset, length))).toBe(true);
          }
        }),
      );
    });

    test('reads a dense walk in growing pieces, up to 8 MiB', async () => {
      const source = bytesSource(Buffer.alloc(64 * MIB));
      const window = new ByteWindow(source);
      for (let offset = 0; offset < source.size; offset += 1000) await window.read(offset, 24);
      // 1 + 2 + 4 + 8 + 8 + …
      expect(source.reads).toBe(11);
      expect(source.readBytes).toBeLessThan(65 * MIB);
    });

    test('requests no byte twice, wherever steps end', async () => {
      const source = bytesSource(Buffer.alloc(MIB));
      const window = new ByteWindow(source, { firstBytes: 64 << 10, maxBytes: 64 << 10 });
      for (let offset = 0; offset < source.size; offset += 1000) await window.read(offset, 1000);
      expect(source.readBytes).toBe(MIB);
    });

    test('reads little after a jump', async () => {
      const source = bytesSource(Buffer.alloc(64 * MIB));
      const window = new ByteWindow(source);
      await window.read(0, 24);
      await window.read(50 * MIB, 24);
      expect(source.readBytes).toBe(MIB + MIB / 4);
    });
  });
});

describe('ranged source', () => {
  const MIB = 2 ** 20;

  describe('RangedSource', () => {
    test('returns the same bytes as its source, even at the seams', async () => {
      const size = HEAD_BYTES + TAIL_BYTES + 5000;
      const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7919) % 251));
      const seam = fc.constantFrom(0, HEAD_BYTES, size - TAIL_BYTES, size);
      const range = fc.record({ seam, shift: fc.integer({ min: -6000, max: 100 }), length: fc.nat(12_000) });
      await fc.assert(
        fc.asyncProperty(range, async ({ seam: at, shift, length }) => {
          const offset = Math.max(at + shift, 0);
          const ranged = await RangedSource.open(bytesSource(bytes), { requests: 3, bytes: 2 * size });
          const expected = bytes.subarray(offset, offset + length);
          const held = ranged.peek(offset, length);
          expect(held === undefined || expected.equals(held)).toBe(true);
          expect(expected.equals(await ranged.read(offset, length))).toBe(true);
        }),
      );
    });

    test('fetches only missing bytes', async () => {
      const source = sparseSource(8 * MIB, []);
      const ranged = await RangedSource.open(source);
      expect([source.reads, source.readBytes]).toEqual([2, HEAD_BYTES + TAIL_BYTES]);
      await ranged.read(HEAD_BYTES - 100, 300);
      expect([source.reads, source.readBytes]).toEqual([3, HEAD_BYTES + TAIL_BYTES + 200]);
      await ranged.read(8 * MIB - TAIL_BYTES - 50, TAIL_BYTES + 50);
      expect([source.reads, source.readBytes]).toEqual([4, HEAD_BYTES + TAIL_BYTES + 250]);
      await ranged.read(0, HEAD_BYTES);
      await ranged.read(8 * MIB - 10, 100);
      expect(source.reads).toBe(4);
    });

    test('requests nothing beyond its budget', async () => {
      const source = sparseSource(80 * MIB, []);
      const ranged = await RangedSource.open(source, { requests: 4, bytes: 10 * MIB });
      await ranged.read(2 * MIB, MIB);
      await expect(ranged.read(4 * MIB, 8 * MIB)).rejects.toThrow(ReadBudgetSpent);
      await expect(ranged.read(4 * MIB, MIB)).rejects.toThrow(ReadBudgetSpent);
      expect([source.reads, source.readBytes]).toEqual([3, HEAD_BYTES + TAIL_BYTES + MIB]);
      // What is held can be had all the same.
      await expect(ranged.read(0, 10)).resolves.toHaveLength(10);
    });
  });
});
