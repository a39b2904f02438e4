import fc from 'fast-check';
import {
  compressFrames,
  formatFrameRanges,
  formatFrames,
  framesAt,
  framesOf,
  positionOf,
  describeRanges,
} from '../../../../core/render/frame-range';
import { parseFrameRanges } from '../../../../core/render/parse-frames';

const list = (text: string) => [...framesOf(parseFrameRanges(text))];

const frameLists = fc
  .uniqueArray(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 60 })
  .map((frames) => frames.toSorted((a, b) => a - b));

test('compressing, writing and reading frames gives the same frames', () => {
  fc.assert(
    fc.property(frameLists, (frames) => {
      const text = formatFrameRanges(compressFrames(frames));
      expect(list(text)).toEqual(frames);
    }),
  );
});

test('framesAt gives the part of the list between two positions', () => {
  fc.assert(
    fc.property(frameLists, fc.nat(70), fc.nat(70), (frames, a, b) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      expect(framesAt(compressFrames(frames), first, last)).toEqual(frames.slice(first, last + 1));
    }),
  );
});

test('positionOf finds every frame of the list where it stands, and no other', () => {
  fc.assert(
    fc.property(frameLists, fc.integer({ min: -300, max: 300 }), (frames, other) => {
      const ranges = compressFrames(frames);
      expect(frames.map((frame) => positionOf(frame, ranges))).toEqual([...frames.keys()]);
      expect(positionOf(other, ranges)).toBe(frames.includes(other) ? frames.indexOf(other) : undefined);
    }),
  );
});

describe('formatFrames', () => {
  test('says frames in few words', () => {
    expect(formatFrames([3, 7, 8, 9, 20, 22, 24])).toBe('3, 7-9, 20-24x2');
  });

  test('two frames apart are named one by one', () => {
    expect(formatFrames([3, 9])).toBe('3, 9');
  });

  test('describes ranges without a look at each frame', () => {
    const ranges = [1, 4, 9, 16].map((start) => ({
      start: start * 100_000,
      end: start * 100_000 + 9,
      step: 1,
    }));
    expect(describeRanges(ranges, 2)).toBe('100000-100009, 400000-400009 and 20 more');
  });

  test('counts what would be too long to read', () => {
    expect(formatFrames([1, 4, 9, 16, 25, 36, 49], 3)).toBe('1, 4, 9 and 4 more');
  });
});
