import fc from 'fast-check';
import { framePace } from '../../../../core/estimate/frame-pace';

const shot = (end: number) => [{ start: 1, end, step: 1 }];

test('all frames tested: their mean', () => {
  const tested = [3, 5, 10].map((seconds, i) => ({ frame: i + 1, seconds }));
  expect(framePace(tested, shot(3))).toEqual({ low: 3, middle: 6, high: 10 });
});

test('a shot that is faded in and out: its black ends count for what is near them', () => {
  const tested = [
    { frame: 1, seconds: 0 },
    { frame: 51, seconds: 10 },
    { frame: 101, seconds: 0 },
  ];
  const { middle } = framePace(tested, shot(101));
  // 0, 0.2, … 10, … 0.2, 0.
  expect(middle).toBeCloseTo(500 / 101, 10);
});

test('one frame is all that is known', () => {
  expect(framePace([{ frame: 50, seconds: 7 }], shot(100))).toEqual({ low: 7, middle: 7, high: 7 });
});

test('frames whose neighbours failed stand for what is before and after them', () => {
  const tested = [
    { frame: 3, seconds: 4 },
    { frame: 4, seconds: 6 },
  ];
  // 4 4 4 6 6 6
  expect(framePace(tested, shot(6)).middle).toBeCloseTo(5, 10);
});

test('the frames of a plan are counted, not their numbers', () => {
  const tested = [
    { frame: 10, seconds: 1 },
    { frame: 1000, seconds: 2 },
    { frame: 1010, seconds: 3 },
  ];
  const frames = [
    { start: 10, end: 10, step: 1 },
    { start: 1000, end: 1010, step: 10 },
  ];
  expect(framePace(tested, frames).middle).toBe(2);
});

test('it is the mean of the line through the tested frames, and never beyond them', () => {
  const seconds = fc.double({ min: 0, max: 1e4, noNaN: true });
  const points = fc.dictionary(fc.integer({ min: 1, max: 60 }).map(String), seconds, { minKeys: 1 });
  fc.assert(
    fc.property(points, (known) => {
      const tested = Object.entries(known)
        .map(([frame, one]) => ({ frame: Number(frame), seconds: one }))
        .toSorted((a, b) => a.frame - b.frame);
      const { low, middle, high } = framePace(tested, shot(60));
      const line = Array.from({ length: 60 }, (_, i) => lineAt(i + 1, tested));
      expect(middle).toBeCloseTo(line.reduce((sum, one) => sum + one, 0) / 60, 6);
      expect(middle).toBeGreaterThanOrEqual(low - 1e-6);
      expect(middle).toBeLessThanOrEqual(high + 1e-6);
    }),
  );
});

function lineAt(frame: number, tested: ReadonlyArray<{ frame: number; seconds: number }>): number {
  const after = tested.find((one) => one.frame >= frame) ?? tested.at(-1)!;
  const before = tested.findLast((one) => one.frame <= frame) ?? tested[0]!;
  if (after.frame <= before.frame) return before.seconds;
  const part = (frame - before.frame) / (after.frame - before.frame);
  return before.seconds + part * (after.seconds - before.seconds);
}
