import fc from 'fast-check';
import {
  automaticFramesPerSlice,
  childOfSlice,
  coarseSlices,
  evenlySpaced,
  MAX_ARRAY_SIZE,
  sliceFrames,
  sliceOfChild,
  type SliceOrder,
  slicePositions,
} from '../../../../core/render/slices';

describe('evenly spaced', () => {
  test('evenly spaced frames begin and end the shot, ascend, and are never more than asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 40 }), (count, most) => {
        const frames = Array.from({ length: count }, (_, i) => i * 3 - 7);
        const some = evenlySpaced(frames, most);
        expect(some).toHaveLength(Math.min(count, most));
        expect([some[0], some.at(-1)]).toEqual([frames[0], frames.at(-1)]);
        const gaps = some.slice(1).map((frame, i) => frame - some[i]!);
        // As even as whole frames can be.
        expect(Math.max(0, ...gaps) - Math.min(Infinity, ...gaps)).toBeLessThanOrEqual(3);
        expect(new Set(some).size).toBe(some.length);
      }),
    );
  });
});

describe('slices', () => {
  describe('sliceFrames', () => {
    test.each([
      [48, 10, { framesPerSlice: 10, sliceCount: 5 }],
      [48, 48, { framesPerSlice: 48, sliceCount: 1 }],
      [48, 100, { framesPerSlice: 48, sliceCount: 1 }],
      [1, 1, { framesPerSlice: 1, sliceCount: 1 }],
      [10_000, 1, { framesPerSlice: 1, sliceCount: 10_000 }],
    ])('%i frames at %i a slice', (frames, size, slicing) => {
      expect(sliceFrames(frames, size)).toEqual(slicing);
    });

    test('more children than an array job may have raises the frames per slice', () => {
      expect(sliceFrames(10_001, 1)).toEqual({ framesPerSlice: 2, sliceCount: 5001 });
      expect(sliceFrames(2_097_149, 1).sliceCount).toBeLessThanOrEqual(MAX_ARRAY_SIZE);
    });

    test.each([0, -1, 1.5, Number.NaN])('refuses %p frames per slice', (size) => {
      expect(() => sliceFrames(48, size)).toThrow('frames per slice must be a whole number of 1 or more');
    });
  });

  test('slices cover every position exactly once, whatever the number and size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 1, max: 60_000 }),
        (frames, asked) => {
          const { framesPerSlice, sliceCount } = sliceFrames(frames, asked);
          const slices = Array.from({ length: sliceCount }, (_, i) =>
            slicePositions(i, framesPerSlice, frames),
          );
          const seamless = slices.every(
            ({ first, last }, i) => first === (slices[i - 1]?.last ?? -1) + 1 && last >= first,
          );
          expect({ seamless, end: slices.at(-1)!.last }).toEqual({ seamless: true, end: frames - 1 });
          expect(sliceCount).toBeLessThanOrEqual(MAX_ARRAY_SIZE);
        },
      ),
    );
  });

  test('the last slice does not overshoot the range', () => {
    expect(slicePositions(4, 10, 48)).toEqual({ first: 40, last: 47 });
  });

  test.each([5, -1, 0.5])('there is no slice %p of 48 frames at 10', (index) => {
    expect(() => slicePositions(index, 10, 48)).toThrow(`there is no slice ${index}`);
  });

  describe('automaticFramesPerSlice', () => {
    test.each([
      // frames, parallel, frames per slice
      [1, 4, 1],
      [3, 2, 2],
      [72, 1, 24],
      [72, 2, 18],
      [140, 2, 24],
      [199, 2, 25],
      [10_000, 2, 625],
      [48, 64, 1],
      [199, 64, 4],
    ])('%i frames on %i children: %i', (frames, parallel, expected) => {
      expect(automaticFramesPerSlice(frames, parallel)).toBe(expected);
    });

    test('uses every child when there are frames enough', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 5000 }),
          fc.integer({ min: 1, max: 256 }),
          (frames, parallel) => {
            const { sliceCount } = sliceFrames(frames, automaticFramesPerSlice(frames, parallel));
            // Whole frames can't always be dealt out to each, but never to fewer than half of them.
            expect(sliceCount).toBeGreaterThanOrEqual(Math.ceil(Math.min(parallel, frames) / 2));
          },
        ),
      );
    });
  });

  test('children take every slice once, whatever the order; spread ones begin all over the shot', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_ARRAY_SIZE }), (sliceCount) => {
        const children = Array.from({ length: Math.min(sliceCount, 300) }, (_, index) => index);
        const slicesOf = (order: SliceOrder) =>
          children.map((index) => sliceOfChild(index, sliceCount, order));
        expect(slicesOf('ascending')).toEqual(children);
        const spread = slicesOf('spread');
        const coarse = coarseSlices(sliceCount);
        expect(spread.slice(0, coarse.length)).toEqual(coarse);
        const rest = spread.slice(coarse.length);
        expect(rest).toEqual(rest.toSorted((a, b) => a - b));
        expect(new Set(spread).size).toBe(children.length);
        expect(spread.every((slice) => slice >= 0 && slice < sliceCount)).toBe(true);
        expect(spread.map((slice) => childOfSlice(slice, sliceCount, 'spread'))).toEqual(children);
        expect(children.map((slice) => childOfSlice(slice, sliceCount, 'ascending'))).toEqual(children);
      }),
    );
  });

  test('the last child of 10,000 takes the last slice but those that came first', () => {
    const all = Array.from({ length: 10_000 }, (_, index) => sliceOfChild(index, 10_000, 'spread'));
    expect(new Set(all).size).toBe(10_000);
    expect(all[15]).toBe(9_999);
    expect(all.at(-1)).toBe(9_998);
  });
});
