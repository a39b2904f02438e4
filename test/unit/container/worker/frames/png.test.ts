import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { PNG } from 'pngjs';
import { frameFault } from '../../../../../container/worker/frames/png';
import { pngChunk, pngOf } from '../../../../support/png';

const size = { width: 24, height: 16 };

function frame({ width, height }: typeof size, bitDepth: 8 | 16 = 8, colorType: 0 | 2 | 4 | 6 = 6): Buffer {
  const png = new PNG({ width, height });
  for (let i = 0; i < png.data.length; i += 1) png.data[i] = (i * 7919) % 256;
  const data = bitDepth === 8 ? png.data : Uint16Array.from(png.data, (value) => value * 257);
  return PNG.sync.write(Object.assign(png, { data }), { bitDepth, colorType });
}

/** pngjs decodes to the last pixel: what it can't read is at fault. */
function decodes(bytes: Buffer): boolean {
  try {
    PNG.sync.read(bytes, { skipRescale: true });
    return true;
  } catch {
    return false;
  }
}

const whole = frame(size);

describe.each([8, 16] as const)('the frame check with %i bits', (bitDepth) => {
  test.each([0, 2, 4, 6] as const)('accepts a whole frame of colour type %i', async (colorType) => {
    const bytes = frame(size, bitDepth, colorType);
    expect(decodes(bytes)).toBe(true);
    expect(await frameFault(bytes, size)).toBeUndefined();
  });
});

test('the frame check accepts a whole frame inside a larger buffer', async () => {
  const larger = Buffer.concat([Buffer.alloc(5), whole, Buffer.alloc(5)]);
  const within = new Uint8Array(larger.buffer, larger.byteOffset + 5, whole.length);
  expect(await frameFault(within, size)).toBeUndefined();
});

test('the frame check refuses a frame that is cut off anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
      expect(await frameFault(whole.subarray(0, length), size)).toEqual(expect.any(String));
    }),
    { numRuns: 300 },
  );
});

test('the frame check refuses a frame with any byte changed', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const changed = Buffer.from(whole);
        changed[at]! ^= change;
        expect(await frameFault(changed, size)).toEqual(expect.any(String));
      },
    ),
    { numRuns: 300 },
  );
});

test.each([
  ['of another size', frame({ width: 16, height: 24 }), 'it is 16×24, not 24×16'],
  ['that is empty', Buffer.alloc(0), 'it is empty'],
  ['that is something else', Buffer.from('JFIF'.repeat(20)), 'it is not a PNG'],
])('the frame check names the fault of a frame %s', async (_, bytes, fault) => {
  expect(await frameFault(bytes, size)).toBe(fault);
});

test('the frame check compares the size before it decodes a byte', async () => {
  const bomb = Buffer.from(whole);
  bomb.writeUInt32BE(0xffff_ffff, 16);
  expect(await frameFault(bomb, size)).toBe('it is 4294967295×16, not 24×16');
});

describe('the frame check with correct checksums', () => {
  const rows = (count: number, filter = 0) =>
    deflateSync(
      Buffer.concat(Array.from({ length: count }, () => Buffer.from([filter, ...Buffer.alloc(72)]))),
    );
  const packed = rows(16);
  const idat = pngChunk('IDAT', packed);

  test.each<[string, Buffer]>([
    ['a picture in one piece', pngOf(size, idat)],
    [
      'a picture in many pieces',
      pngOf(size, ...[...packed].map((byte) => pngChunk('IDAT', Buffer.from([byte])))),
    ],
    ['a chunk that may be passed over', pngOf(size, pngChunk('teXt', packed), idat)],
  ])('accepts %s', async (_, bytes) => {
    expect(decodes(bytes)).toBe(true);
    expect(await frameFault(bytes, size)).toBeUndefined();
  });

  test.each<[string, Buffer, string]>([
    ['an unknown filter', pngOf(size, pngChunk('IDAT', rows(16, 5))), 'the unknown filter 5'],
    ['an unknown critical chunk', pngOf(size, pngChunk('ABCD', packed), idat), 'chunk ABCD'],
    ['something after its end', Buffer.concat([pngOf(size, idat), Buffer.from('x')]), 'follows its end'],
    ['an unknown bit depth', pngOf({ ...size, bitDepth: 3 }, idat), 'with 3 bits'],
  ])('refuses %s and names it', async (_, bytes, fault) => {
    expect(decodes(bytes)).toBe(false);
    expect(await frameFault(bytes, size)).toContain(fault);
  });

  test.each<[string, Buffer, string]>([
    ['no picture', pngOf(size), 'it holds no picture'],
    ['a row too few', pngOf(size, pngChunk('IDAT', rows(15))), 'rows are missing'],
    [
      'a packed picture without its end',
      pngOf(size, pngChunk('IDAT', packed.subarray(0, -5))),
      'end of file',
    ],
  ])('refuses %s, even if pngjs accepts it', async (_, bytes, fault) => {
    expect(await frameFault(bytes, size)).toContain(fault);
  });

  test.each<[string, Buffer[], string]>([
    ['endless pieces', Array<Buffer>(2_000).fill(pngChunk('IDAT', Buffer.alloc(0))), 'too many pieces'],
    ['endless notes', Array<Buffer>(2_000).fill(pngChunk('teXt', Buffer.alloc(0))), 'too many pieces'],
    [
      'a note that unpacks to gigabytes',
      Array<Buffer>(3).fill(pngChunk('zTXt', Buffer.alloc(30_000))),
      'too much packed text',
    ],
  ])('refuses %s, so hostile frames cost worker and ffmpeg little', async (_, more, fault) => {
    expect(await frameFault(pngOf(size, ...more, idat), size)).toContain(fault);
  });

  test('checks as many pieces as a large picture has', async () => {
    const count = 100_000;
    const notes = Buffer.concat(Array<Buffer>(count).fill(pngChunk('teXt', Buffer.alloc(1024))));
    const pieces = Buffer.concat(Array<Buffer>(count).fill(pngChunk('IDAT', Buffer.alloc(0))));
    const began = performance.now();
    expect(await frameFault(pngOf(size, notes, pieces, idat), size)).toContain('too many pieces');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('refuses a picture that unpacks to more than its rows', async () => {
    const bomb = pngOf(size, pngChunk('IDAT', deflateSync(Buffer.alloc(50_000_000))));
    expect(await frameFault(bomb, size)).toContain('data after its last row');
  });

  test('counts interlaced rows for each pass', async () => {
    // Rows and pixels of each, of a picture of 24×16.
    const passes = [
      [2, 3],
      [2, 3],
      [2, 6],
      [4, 6],
      [4, 12],
      [8, 12],
      [8, 24],
    ] as const;
    const picture = passes.map(([count, pixels]) => Buffer.alloc(count * (1 + pixels * 3)));
    const interlaced = pngOf(
      { ...size, interlace: 1 },
      pngChunk('IDAT', deflateSync(Buffer.concat(picture))),
    );
    expect(decodes(interlaced)).toBe(true);
    expect(await frameFault(interlaced, size)).toBeUndefined();
    expect(await frameFault(pngOf({ ...size, interlace: 1 }, idat), size)).toContain('does not decode');
  });
});
