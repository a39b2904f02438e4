import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { KeptEnds, RangedSource } from '../../../../../core/scene/blend/bytes';
import { openDecodedBlend } from '../../../../../core/scene/blend/open-blend';
import { bytesSource } from '../../../../support/counting-source';
import { storedFrames } from '../../../../support/zstd-frames';

const MIB = 2 ** 20;
const LIMITS = { wholeBytes: 64 * MIB, seekableBytes: 64 * MIB };

/** No part of it is like another. */
const CONTENT = Buffer.alloc(20 * MIB, 'BLENDER-v304');
for (let offset = 12; offset < CONTENT.length; offset += 4) CONTENT.writeUInt32LE(offset, offset);

describe.each([
  ['gzip', gzipSync(CONTENT, { level: 1 })],
  ['zstd', Buffer.concat(storedFrames(CONTENT, 3 * MIB).frames)],
])('%s data that must be unpacked from its start', (compression, packed) => {
  test('reads correctly at its ends, in its middle, forward and backward', async () => {
    const decoded = await openDecodedBlend(bytesSource(packed), LIMITS);
    expect(decoded).toMatchObject({ compression, size: CONTENT.length, cut: false });
    const offsets = [0, 9 * MIB, 18 * MIB, 8 * MIB - 5, 9 * MIB, CONTENT.length - 10, CONTENT.length + 5];
    for (const offset of offsets) {
      for (const length of [0, 10, 2 * MIB]) {
        const expected = CONTENT.subarray(offset, offset + length);
        expect(expected.equals(await decoded.read(offset, length))).toBe(true);
      }
    }
  });

  test('is unpacked exactly twice by a walk from start to end', async () => {
    const source = bytesSource(packed);
    const decoded = await openDecodedBlend(source, LIMITS);
    const once = source.readBytes;
    for (let offset = 0; offset < decoded.size; offset += MIB) await decoded.read(offset, MIB);
    expect(source.readBytes).toBeGreaterThan(once);
    expect(source.readBytes).toBeLessThanOrEqual(2 * once);
  });

  test('is cut where the source ends', async () => {
    const source = await RangedSource.open(bytesSource(packed), { requests: 9, bytes: packed.length - 1 });
    const decoded = await openDecodedBlend(source, LIMITS);
    expect(decoded.cut).toBe(true);
    expect(decoded.size).toBeLessThan(CONTENT.length);
    expect(CONTENT.subarray(0, 100).equals(await decoded.read(0, 100))).toBe(true);
  });
});

describe('KeptEnds', () => {
  test('keeps both ends of a stream, for pieces of any size', () => {
    const lengths = fc.array(fc.oneof(fc.nat(10), fc.nat(3 * MIB)), { maxLength: 20 });
    fc.assert(
      fc.property(lengths, (pieces) => {
        const ends = new KeptEnds('gzip', 64 * MIB);
        let size = 0;
        for (const length of pieces) {
          if (size + length > CONTENT.length) break;
          ends.append(CONTENT.subarray(size, size + length));
          size += length;
        }
        expect(ends.size).toBe(size);
        expect(size - ends.tailOffset).toBeGreaterThanOrEqual(Math.min(size, 192 << 10));
        for (const [from, to] of [
          [0, Math.min(size, 8 * MIB)],
          [ends.tailOffset, size],
        ] as const) {
          expect(CONTENT.subarray(from, to).equals(ends.peek(from, to - from)!)).toBe(true);
        }
        expect(ends.peek(8 * MIB - 1, 2) === undefined).toBe(size > 8 * MIB && ends.tailOffset > 8 * MIB - 1);
      }),
      { numRuns: 30 },
    );
  });
});
