import * as fc from 'fast-check';
import { ByteWindow } from '../../../../core/blend/byte-window';
import { bytesSource } from '../../../support/counting-source';

const MIB = 2 ** 20;

describe('ByteWindow', () => {
  test('gives the same bytes as its reader, whatever the order', async () => {
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

  test('reads a dense walk in ever larger pieces, up to 8 MiB', async () => {
    const source = bytesSource(Buffer.alloc(64 * MIB));
    const window = new ByteWindow(source);
    for (let offset = 0; offset < source.size; offset += 1000) await window.read(offset, 24);
    // 1 + 2 + 4 + 8 + 8 + …
    expect(source.reads).toBe(11);
    expect(source.readBytes).toBeLessThan(65 * MIB);
  });

  test('asks for no byte twice, though steps end anywhere: to go back may take a pass through the file', async () => {
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
