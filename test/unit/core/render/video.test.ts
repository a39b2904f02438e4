import fc from 'fast-check';
import {
  displayOf,
  formatFrameRate,
  frameRateOf,
  frameResolution,
  isHdr,
  pixelAspectOf,
  videoFault,
} from '../../../../core/render/video';

describe('display', () => {
  test.each([
    ['Rec.2100-PQ', 'rec2100-pq', true],
    ['Rec.2100-HLG', 'rec2100-hlg', true],
    ['Rec.2100-PQ - Display', 'rec2100-pq', true],
    ['Display P3', 'display-p3', false],
    ['Rec.2020', 'rec2020', false],
    ['Rec.1886', undefined, false],
    ['constructor', undefined, false],
    [undefined, undefined, false],
  ] as const)('the display "%s" is %s, HDR %j', (name, display, hdr) => {
    const found = displayOf(name === undefined ? {} : { display: name });
    expect([found, isHdr(found)]).toEqual([display, hdr]);
  });
});

describe('frame rate', () => {
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
    // As Blender stores it: a 32-bit float.
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
  ])('%d fps with base %d is not a frame rate', (fps, base) => {
    expect(frameRateOf(fps, base)).toBeUndefined();
  });

  test('every base that Blender accepts gives the fraction of the same 32-bit float', () => {
    const base = fc.float({ min: Math.fround(0.1), max: 1000, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32_767 }), base, (fps, fpsBase) => {
        const rate = frameRateOf(fps, fpsBase)!;
        expect(Math.abs((fps * rate.denominator) / rate.numerator / fpsBase - 1)).toBeLessThan(1e-6);
      }),
    );
  });
});

describe('pixel aspect', () => {
  const of = (x: number, y: number) => pixelAspectOf({ pixelAspect: { x, y } });

  // The aspects in videos of Blender 3.4, 4.5 and 5.2 for the same values.
  test.each([
    [64, 45, 64, 45],
    [1, 2, 1, 2],
    [1, Math.fround(1.0666), 15, 16],
    [Math.fround(1.4587), 1, 159, 109],
    [200, 1, 200, 1],
  ])('pixels of %d by %d are %i:%i, as in Blender’s own videos', (x, y, numerator, denominator) => {
    expect(of(x, y)).toEqual({ numerator, denominator });
  });

  test.each([
    [1, 1],
    [0, 1],
    [1, 0],
    [-1, 1],
    [Number.NaN, 1],
    [1e30, 1],
    [Infinity, Infinity],
  ])('pixels of %d by %d count as square', (x, y) => {
    expect(of(x, y)).toBeUndefined();
    expect(pixelAspectOf({})).toBeUndefined();
  });
});

describe('resolution', () => {
  test.each([
    [1080, 1350, 10, { width: 108, height: 135 }],
    [1920, 1080, 100, { width: 1920, height: 1080 }],
    [101, 57, 50, { width: 50, height: 28 }],
    [10, 10, 5, { width: 0, height: 0 }],
  ])('%i×%i at %i %% is rounded down', (width, height, resolutionPercent, expected) => {
    expect(frameResolution({ width, height, resolutionPercent })).toEqual(expected);
  });

  test('a cropped region has the size of its whole pixels', () => {
    const crop = { xmin: 0.25, xmax: 0.75, ymin: 0.1, ymax: 0.9 };
    expect(frameResolution({ width: 101, height: 57, resolutionPercent: 100, crop })).toEqual({
      width: 50,
      height: 46,
    });
  });
});

describe('video limits', () => {
  const fps = (numerator: number, denominator = 1) => ({ numerator, denominator });

  test.each([
    ['h264', [1, 1], fps(1, 1000)],
    ['h264', [1, 1], fps(120_000, 1001)],
    ['hevc', [15, 16], fps(24)],
    ['av1', [63, 64], fps(24)],
    ['gif', [1, 1], fps(50)],
    ['gif', [1, 1], fps(1, 655)],
    ['none', [1, 1], fps(1000)],
  ] as const)('%s of %j at %j can be', (video, [width, height], rate) => {
    expect(videoFault(video, { width, height }, rate)).toBeUndefined();
  });

  test.each([
    ['hevc', [14, 64], fps(24), '14×64 pixels are too few for video hevc'],
    ['av1', [64, 36], fps(24), '64×36 pixels are too few for video av1'],
    ['gif', [64, 36], fps(60_000, 1001), '60000/1001 frames per second are not possible for video gif'],
    ['gif', [64, 36], fps(1, 656), '1/656 frames per second'],
  ] as const)('%s of %j at %j can not', (video, [width, height], rate, words) => {
    expect(videoFault(video, { width, height }, rate)).toContain(words);
  });
});
