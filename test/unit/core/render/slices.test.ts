import fc from 'fast-check';
import { framesAt } from '../../../../core/render/frames';
import {
  automaticFramesPerSlice,
  childOfSlice,
  childrenOfFrames,
  chooseRetry,
  coarseSlices,
  describeSlicing,
  evenlySpaced,
  MAX_ARRAY_SIZE,
  paceFramesPerSlice,
  paceOf,
  SLICE_ORDERS,
  savesMost,
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

  describe('paceFramesPerSlice', () => {
    test.each([
      // frames, parallel, seconds per frame, seconds of a start, frames per slice
      ['makes one slice of less than five minutes', 250, 64, 1, 5, 250],
      ['makes no slice of less than five minutes', 250, 64, 5, 10, 63],
      ['makes longer slices of more work for each machine', 2_000, 8, 120, 10, 11],
      ['makes longer slices after longer starts', 2_000, 64, 120, 120, 9],
      ['makes no slice of more than half an hour', 100_000, 8, 120, 10, 15],
      ['lets starts of two minutes make slices of 45 minutes', 100_000, 8, 120, 120, 22],
      ['makes no slice of more than two hours', 100_000, 8, 120, 3600, 60],
      ['makes slices of one frame that takes longer than any slice', 250, 64, 9_000, 10, 1],
      ['makes one slice of frames that take no time', 250, 64, 0, 0, 250],
    ])('%s', (_, frames, parallel, frameSeconds, startSeconds, expected) => {
      expect(paceFramesPerSlice(frames, parallel, { frameSeconds, startSeconds })).toBe(expected);
    });

    test('makes as many slices as a large machine needs', () => {
      const pace = { frameSeconds: 0.3, startSeconds: 5, leastSlices: 8 };
      expect(paceFramesPerSlice(80, 8, pace)).toBe(10);
    });

    const seconds = () => fc.double({ min: 0, max: 1e9, noNaN: true });
    const anyCase = fc.tuple(
      fc.integer({ min: 1, max: 2_097_149 }),
      fc.integer({ min: 1, max: 10_000 }),
      fc.oneof(seconds(), fc.double({ min: 0.01, max: 4_000, noNaN: true })),
      fc.oneof(seconds(), fc.double({ min: 0, max: 600, noNaN: true })),
    );

    test('gives slices that cover every frame once', () => {
      fc.assert(
        fc.property(anyCase, ([frames, parallel, frameSeconds, startSeconds]) => {
          const size = paceFramesPerSlice(frames, parallel, { frameSeconds, startSeconds });
          const { framesPerSlice, sliceCount } = sliceFrames(frames, size);
          const ends = [0, sliceCount - 1].map((slice) => slicePositions(slice, framesPerSlice, frames));
          expect([ends[0]!.first, ends[1]!.last]).toEqual([0, frames - 1]);
          expect(sliceCount).toBeLessThanOrEqual(MAX_ARRAY_SIZE);
        }),
      );
    });

    test('gives slices of five minutes to two hours, unless the film or a frame has other times', () => {
      fc.assert(
        fc.property(anyCase, ([frames, parallel, frameSeconds, startSeconds]) => {
          const size = paceFramesPerSlice(frames, parallel, { frameSeconds, startSeconds });
          const work = size * frameSeconds * (1 + 1e-9);
          expect(size === frames || work >= 300).toBe(true);
          expect(size === 1 || work <= 7200 * (1 + 2e-9)).toBe(true);
        }),
      );
    });
  });

  test.each([
    [{ frameSeconds: 1, freshSeconds: 2.1 }, true],
    [{ frameSeconds: 1, freshSeconds: 2 }, false],
    [{ frameSeconds: 1 }, false],
  ])('savesMost of %j is %p', (pace, expected) => {
    expect(savesMost({ ...pace, startSeconds: 1 })).toBe(expected);
  });

  describe('paceOf', () => {
    const attempt = (seconds: readonly number[], wallSeconds?: number, more = {}) => ({
      startedAt: new Date(0).toISOString(),
      ...(wallSeconds !== undefined && {
        stoppedAt: new Date(wallSeconds * 1000).toISOString(),
        exitCode: 0,
      }),
      frames: seconds.map((one) => ({ seconds: one })),
      ...more,
    });

    test('counts what the first two frames take longer as part of the start', () => {
      expect(paceOf([attempt([20, 12, 2, 2, 2], 50)])).toEqual({ frameSeconds: 2, startSeconds: 40 });
    });

    test('counts the frames of attempts without an end, but not their starts', () => {
      expect(paceOf([attempt([2], 5), attempt([4])])).toEqual({ frameSeconds: 3, startSeconds: 3 });
    });

    test('ignores attempts with other vCPUs', () => {
      expect(paceOf([attempt([2], 5, { vcpus: 16 }), attempt([4], 5)])).toMatchObject({ frameSeconds: 4 });
    });

    test('ignores attempts with the samples of a retry', () => {
      expect(paceOf([attempt([2], 5, { samples: 1 }), attempt([4], 5)])).toMatchObject({ frameSeconds: 4 });
    });

    test.each([
      ['a clock at 1970', attempt([2], 1.7e9)],
      ['an end before the start', attempt([2], -5)],
      ['an impossible frame', attempt([1e9], 1e9)],
    ])('ignores %s', (_, damaged) => {
      expect(paceOf([damaged, attempt([2], 5)])).toEqual({ frameSeconds: 2, startSeconds: 3 });
    });

    describe('of frames with kept data', () => {
      const kept = { persistentData: { savedSeconds: 1 } };
      const off = { persistentData: { savedSeconds: 0, reason: 'little-gain' } };
      const frames = [4, 5, 0.3, 0.3];

      test('has the mean seconds of frames from nothing', () => {
        const pace = paceOf([attempt(frames, 12, kept), attempt([6, 7, 0.3, 0.3], 14, kept)]);
        expect(pace).toMatchObject({ freshSeconds: 5 });
        expect(pace?.frameSeconds).toBeCloseTo(0.3);
      });

      test('takes the frame from nothing of the check if the first frame took longer', () => {
        expect(paceOf([attempt([30, 5, 1, 1], 40, kept)])).toMatchObject({ freshSeconds: 4 });
      });

      test('counts the first frame and the check as part of the start', () => {
        expect(paceOf([attempt(frames, 12, kept)])?.startSeconds).toBeCloseTo(12 - 4 * 0.3);
      });

      test.each([
        ['no slice kept data', [attempt(frames, 12)]],
        ['a slice stopped keeping data', [attempt(frames, 12, kept), attempt(frames, 12, off)]],
        ['no slice had four frames', [attempt([4, 5, 0.3], 12, kept)]],
      ])('has no such seconds if %s', (_, attempts) => {
        expect(paceOf(attempts)).not.toHaveProperty('freshSeconds');
      });
    });

    test('takes the median start', () => {
      const starts = [3, 4, 5, 100_000].map((seconds) => attempt([2], 2 + seconds));
      expect(paceOf(starts)).toEqual({ frameSeconds: 2, startSeconds: 4.5 });
    });

    test('is unknown before the first frame', () => {
      expect(paceOf([attempt([], 5)])).toBeUndefined();
    });

    test('has no start below 0 seconds', () => {
      expect(paceOf([attempt([9], 5)])).toEqual({ frameSeconds: 9, startSeconds: 0 });
    });
  });

  describe('describeSlicing', () => {
    const slicing = { sliceCount: 72, framesPerSlice: 35, options: {} };
    const pace = { frameSeconds: 12, startSeconds: 5, from: 'estimate' } as const;

    test.each([
      ['an estimate', { ...slicing, pace }, '72 slices of about 7 min, from your estimate of 12 s per frame'],
      [
        'an earlier render',
        { ...slicing, framesPerSlice: 5, pace: { ...pace, from: 'render' } as const },
        '72 slices of about 1 min 0 s, from 12 s per frame of an earlier render',
      ],
      [
        'the user',
        { ...slicing, options: { framesPerSlice: 35 }, pace },
        '72 slices of up to 35 frames, by --frames-per-slice',
      ],
      ['no pace', slicing, '72 slices of up to 35 frames, because seconds per frame are unknown'],
      ['a single slice', { ...slicing, sliceCount: 1 }, '1 slice of 35 frames'],
    ])('names %s as the reason', (_, plan, text) => {
      expect(describeSlicing(plan)).toBe(text);
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
