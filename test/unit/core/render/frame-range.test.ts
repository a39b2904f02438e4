import fc from 'fast-check';
import {
  compressFrames,
  countFrames,
  formatFrameRanges,
  formatFrames,
  framesAt,
  framesOf,
  positionOf,
  parseFrameRanges,
} from '../../../../core/render/frame-range';

const list = (text: string) => [...framesOf(parseFrameRanges(text))];

describe('parseFrameRanges', () => {
  test.each([
    ['7', [7]],
    ['1-4', [1, 2, 3, 4]],
    ['1-3,20,30-36x2', [1, 2, 3, 20, 30, 32, 34, 36]],
    ['101-119x3', [101, 104, 107, 110, 113, 116, 119]],
    ['1-10x4', [1, 5, 9]],
    ['-5--3', [-5, -4, -3]],
    ['-1-1', [-1, 0, 1]],
    [' 1 , 3 ', [1, 3]],
  ])('%s', (text, frames) => {
    expect(list(text)).toEqual(frames);
  });

  test('a frame named twice is rendered once', () => {
    expect(list('1-5,3,4-8x2')).toEqual([1, 2, 3, 4, 5, 6, 8]);
  });

  test('frames come in ascending order however they were written', () => {
    expect(list('20,1-3')).toEqual([1, 2, 3, 20]);
  });

  test.each([
    ['', '"" is no frame or range'],
    ['1-', '"1-" is no frame or range'],
    ['a', '"a" is no frame or range'],
    ['1..5', '"1..5" is no frame or range'],
    ['1-5x0', 'the step in 1-5x0 must be 1 or more'],
    ['9-2', 'write 2-9'],
    ['1,5-3', 'write 3-5'],
    ['1-4294967295', "beyond Blender's limits"],
    ['-2000000', "beyond Blender's limits"],
    ['1-99999999999', 'is no frame or range'],
  ])('refuses "%s" and names the part at fault', (text, message) => {
    expect(() => parseFrameRanges(text)).toThrow(message);
  });

  test('the longest range there is costs nothing until it is walked', () => {
    expect(countFrames(parseFrameRanges('-1048574-1048574'))).toBe(2_097_149);
  });
});

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

  test('counts what would be too long to read', () => {
    expect(formatFrames([1, 4, 9, 16, 25, 36, 49], 3)).toBe('1, 4, 9 and 4 more');
  });
});
