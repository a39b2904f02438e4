import { pixelAspectOf } from '../../../../core/render/pixel-aspect';

const of = (x: number, y: number) => pixelAspectOf({ pixelAspect: { x, y } });

// What the videos of Blender 3.4, 4.5 and 5.2 say of the same values.
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
