import fc from 'fast-check';
import { countFrames, formatFrameRanges, framesOf } from '../../../../core/render/frame-range';
import { parseFrameRanges } from '../../../../core/render/parse-frames';

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

  test.each([
    ['overlapping ranges of one step', '1-10,5-20', '1-20'],
    ['ranges of one step that continue each other', '1-4,5-9,10', '1-10'],
    ['a coarse range within a fine one', '1-100,20-40x5', '1-100'],
    ['ranges of the same coarse step', '1-9x2,5-15x2', '1-15x2'],
    ['odd and even frames', '1-9x2,2-10x2', '1-10'],
    ['ranges that only share their ends', '1-9x4,9-21x4', '1-21x4'],
  ])('merges %s', (_, text, merged) => {
    expect(formatFrameRanges(parseFrameRanges(text))).toBe(merged);
  });

  test('merges a thousand overlapping ranges of many steps without a list of their frames', () => {
    const parts = Array.from({ length: 1000 }, (_, i) => `${i}-${i + 1000}x${1 + (i % 2)}`);
    expect(formatFrameRanges(parseFrameRanges(parts.join(',')))).toBe('0-1999');
  });

  test.each([
    ['1,000 parts', Array.from({ length: 1001 }, (_, i) => i).join(','), 'more than 1000 parts'],
    ['all frame numbers', '-1048574-1048574,7', 'hold 2097150 frames, more than 2097149'],
    ['20,000 listed frames', '1-40000x2,1-40000x3', 'overlap in more than 20000 frames'],
  ])('refuses more than %s and names the limit', (_, text, message) => {
    expect(() => parseFrameRanges(text)).toThrow(message);
  });

  test('refuses a text in which thousands of ranges would repeat every frame, before it merges any', () => {
    const parts = Array.from({ length: 110 }, (_, i) => `${i - 1_048_574}-1048574`);
    expect(() => parseFrameRanges(parts.join(','))).toThrow('name each frame once');
  });

  test('cuts a long text and escapes control characters in its message', () => {
    const message = messageOf(() => parseFrameRanges(`\u001b[31m${'1,'.repeat(40_000)}`));
    expect(message.length).toBeLessThan(500);
    expect(message).toContain('\\u001b[31m');
  });

  test('the longest range there is costs nothing until it is walked', () => {
    expect(countFrames(parseFrameRanges('-1048574-1048574'))).toBe(2_097_149);
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (error) {
    return String(error);
  }
}

const parts = fc.array(
  fc.record({
    start: fc.integer({ min: -60, max: 60 }),
    length: fc.nat(80),
    step: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 12 },
);

test('parseFrameRanges gives the frames that a set of all parts holds, in ascending ranges', () => {
  fc.assert(
    fc.property(parts, (given) => {
      const text = given.map(({ start, length, step }) => `${start}-${start + length}x${step}`).join(',');
      const frames = new Set<number>();
      for (const { start, length, step } of given)
        for (let frame = start; frame <= start + length; frame += step) frames.add(frame);
      const ranges = parseFrameRanges(text);
      expect([...framesOf(ranges)]).toEqual([...frames].toSorted((a, b) => a - b));
      expect(countFrames(ranges)).toBe(frames.size);
      expect(ranges.every((range, i) => i === 0 || ranges[i - 1]!.end < range.start)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
