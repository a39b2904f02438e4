import fc from 'fast-check';
import { formatFrameRate, frameRateOf } from '../../../../core/render/frame-rate';

test.each([
  // fps, fps_base, frame rate
  [24, 1, '24'],
  [24, 1.001, '24000/1001'],
  [30, 1.001, '30000/1001'],
  [60, 1.001, '60000/1001'],
  [25, 1, '25'],
  [12, 2, '6'],
  [1, 1000, '1/1000'],
  [120, 1.001, '120000/1001'],
  [24, 0.5, '48'],
  [15, 1.25, '12'],
])('%d fps with base %d is %s', (fps, base, expected) => {
  // As Blender keeps it: a 32-bit float.
  expect(formatFrameRate(frameRateOf(fps, Math.fround(base))!)).toBe(expected);
});

test.each([
  [0, 1],
  [-24, 1],
  [24, 0],
  [24, -1],
  [24, Number.NaN],
  [24, Number.POSITIVE_INFINITY],
  [24, 1e-30],
])('%d fps with base %d is no frame rate', (fps, base) => {
  expect(frameRateOf(fps, base)).toBeUndefined();
});

test('every base that Blender allows to type gives a fraction within a 32-bit float of it', () => {
  const base = fc.float({ min: Math.fround(0.1), max: 1000, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32_767 }), base, (fps, fpsBase) => {
      const rate = frameRateOf(fps, fpsBase)!;
      expect(Math.abs((fps * rate.denominator) / rate.numerator / fpsBase - 1)).toBeLessThan(1e-6);
    }),
  );
});
