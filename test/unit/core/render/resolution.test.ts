import { frameResolution } from '../../../../core/render/resolution';

test.each([
  [1080, 1350, 10, { width: 108, height: 135 }],
  [1920, 1080, 100, { width: 1920, height: 1080 }],
  [101, 57, 50, { width: 50, height: 28 }],
  [10, 10, 5, { width: 0, height: 0 }],
])('%i×%i at %i %% is cut off, not rounded', (width, height, resolutionPercent, expected) => {
  expect(frameResolution({ width, height, resolutionPercent })).toEqual(expected);
});

test('a cropped render region has the size of its whole pixels', () => {
  const crop = { xmin: 0.25, xmax: 0.75, ymin: 0.1, ymax: 0.9 };
  expect(frameResolution({ width: 101, height: 57, resolutionPercent: 100, crop })).toEqual({
    width: 50,
    height: 46,
  });
});
