import fc from 'fast-check';
import { PNG } from 'pngjs';
import { frameFault } from '../../../../container/worker/frame-check';

const size = { width: 24, height: 16 };

function frame({ width, height }: typeof size, bitDepth: 8 | 16 = 8): Buffer {
  const png = new PNG({ width, height, bitDepth });
  for (let i = 0; i < png.data.length; i += 1) png.data[i] = (i * 7919) % 256;
  return PNG.sync.write(png, { bitDepth });
}

const whole = frame(size);

test.each([8, 16] as const)('a whole frame of %i bits has no fault', (bitDepth) => {
  expect(frameFault(frame(size, bitDepth), size)).toBeUndefined();
});

test('a whole frame that lies in a larger buffer has no fault', () => {
  const larger = Buffer.concat([Buffer.alloc(5), whole, Buffer.alloc(5)]);
  expect(
    frameFault(new Uint8Array(larger.buffer, larger.byteOffset + 5, whole.length), size),
  ).toBeUndefined();
});

test('a frame cut off anywhere is at fault', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      expect(frameFault(whole.subarray(0, length), size)).toEqual(expect.any(String));
    }),
    { numRuns: 300 },
  );
});

test('a frame with a byte of its picture changed is at fault', () => {
  const data = whole.indexOf('IDAT') + 4;
  const end = whole.indexOf('IEND') - 8;
  fc.assert(
    fc.property(fc.integer({ min: data, max: end }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(whole);
      changed[at]! ^= change;
      expect(frameFault(changed, size)).toEqual(expect.any(String));
    }),
  );
});

test.each([
  ['of another size', frame({ width: 16, height: 24 }), 'it is 16×24, not 24×16'],
  ['that is empty', Buffer.alloc(0), 'it is empty'],
  ['that is something else', Buffer.from('JFIF'.repeat(20)), 'it is no PNG'],
])('a frame %s is at fault, and the fault is named', (_, bytes, fault) => {
  expect(frameFault(bytes, size)).toBe(fault);
});

test('the size is looked at before a byte is decoded', () => {
  const bomb = Buffer.from(whole);
  bomb.writeUInt32BE(0xffff_ffff, 16);
  expect(frameFault(bomb, size)).toBe('it is 4294967295×16, not 24×16');
});
