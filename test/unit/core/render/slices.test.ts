import fc from 'fast-check';
import { framesAt } from '../../../../core/render/frames';
import {
  automaticFramesPerSlice,
  childOfSlice,
  childrenOfFrames,
  chooseRetry,
  coarseSlices,
  evenlySpaced,
  MAX_ARRAY_SIZE,
  SLICE_ORDERS,
  sliceFrames,
  sliceOfChild,
  type SliceOrder,
  slicePositions,
} from '../../../../core/render/slices';
import { manifestFor } from '../../../support/stored-render';

describe('evenly spaced', () => {
  test('evenlySpaced gives ascending items from the first to the last, and not too many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 2, max: 40 }), (count, most) => {
        const frames = Array.from({ length: count }, (_, i) => i * 3 - 7);
        const some = evenlySpaced(frames, most);
        expect(some).toHaveLength(Math.min(count, most));
        expect([some[0], some.at(-1)]).toEqual([frames[0], frames.at(-1)]);
        const gaps = some.slice(1).map((frame, i) => frame - some[i]!);
        // As even as whole positions allow.
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
    ])('divides %i frames at %i per slice', (frames, size, slicing) => {
      expect(sliceFrames(frames, size)).toEqual(slicing);
    });

    test('raises the frames per slice at the limit of an array job', () => {
      expect(sliceFrames(10_001, 1)).toEqual({ framesPerSlice: 2, sliceCount: 5001 });
      expect(sliceFrames(2_097_149, 1).sliceCount).toBeLessThanOrEqual(MAX_ARRAY_SIZE);
    });

    test.each([0, -1, 1.5, Number.NaN])('refuses %p frames per slice', (size) => {
      expect(() => sliceFrames(48, size)).toThrow('frames per slice must be a whole number of 1 or more');
    });
  });

  test('slices cover every position exactly once', () => {
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

  test('the last slice ends with the last frame', () => {
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

    test('uses every child if there are enough frames', () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 5000 }),
          fc.integer({ min: 1, max: 256 }),
          (frames, parallel) => {
            const { sliceCount } = sliceFrames(frames, automaticFramesPerSlice(frames, parallel));
            // Children get whole frames, so some children may get none, but never more than half.
            expect(sliceCount).toBeGreaterThanOrEqual(Math.ceil(Math.min(parallel, frames) / 2));
          },
        ),
      );
    });
  });

  test('children take every slice once, and spread ones take the coarse slices first', () => {
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

  test('the last of 10,000 children takes the last slice that is not coarse', () => {
    const all = Array.from({ length: 10_000 }, (_, index) => sliceOfChild(index, 10_000, 'spread'));
    expect(new Set(all).size).toBe(10_000);
    expect(all[15]).toBe(9_999);
    expect(all.at(-1)).toBe(9_998);
  });
});

test('childrenOfFrames finds the child of each frame in any order of slices', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(...SLICE_ORDERS),
      fc.integer({ min: 1, max: 3 }),
      (frameCount, framesPerSlice, sliceOrder, step) => {
        const frames = [{ start: -3, end: -3 + (frameCount - 1) * step, step }];
        const sliceCount = Math.ceil(frameCount / framesPerSlice);
        const all = framesAt(frames, 0, frameCount - 1);
        const children = childrenOfFrames(new Set([...all, 1_000_000]), {
          frames,
          framesPerSlice,
          sliceCount,
          sliceOrder,
        });
        expect(children.size).toBe(frameCount);
        for (let child = 0; child < sliceCount; child += 1) {
          const slice = sliceOfChild(child, sliceCount, sliceOrder);
          const { first, last } = slicePositions(slice, framesPerSlice, frameCount);
          for (const frame of framesAt(frames, first, last)) expect(children.get(frame)).toBe(child);
        }
      },
    ),
  );
});

const MANIFEST = manifestFor('shot', 12, { framesPerSlice: 2, sliceCount: 6 });
const MISSING = { missing: new Set([1, 4, 9, 10]), failed: new Set([4, 10]) };

test.each<[string, Parameters<typeof chooseRetry>[2], ReturnType<typeof chooseRetry>]>([
  ['all missing frames by default', {}, { slices: [0, 1, 4], frames: [1, 4, 9, 10], partial: false }],
  ['failed frames only', { failed: true }, { slices: [1, 4], frames: [4, 10], partial: true }],
  [
    'missing frames among the named ones',
    { frames: new Set([2, 9, 4]) },
    { slices: [1, 4], frames: [4, 9], partial: true },
  ],
  [
    'named frames that failed',
    { frames: new Set([1, 10]), failed: true },
    { slices: [4], frames: [10], partial: true },
  ],
  [
    'no frames if none of the named ones is missing',
    { frames: new Set([2]) },
    { slices: [], frames: [], partial: true },
  ],
])('chooseRetry chooses %s', (_, asked, choice) =>
  expect(chooseRetry(MANIFEST, MISSING, asked)).toEqual(choice),
);
