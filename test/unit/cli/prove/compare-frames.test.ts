import { PNG } from 'pngjs';
import { differenceOf } from '../../../../cli/prove/compare-frames';

function picture(width: number, change: (data: Buffer) => void = () => undefined): Buffer {
  const png = new PNG({ width, height: 2 });
  png.data.fill(100);
  change(png.data);
  return PNG.sync.write(png);
}

test('differenceOf finds no difference in equal pictures', () => {
  expect(differenceOf(picture(2), picture(2))).toEqual({ values: 0, max: 0, mean: 0 });
});

test('differenceOf counts values that differ, the largest step and the mean', () => {
  const other = picture(2, (data) => {
    data[0] = 104;
    data[5] = 88;
  });
  expect(differenceOf(picture(2), other)).toEqual({ values: 2, max: 12, mean: 1 });
});

test('differenceOf throws for pictures of different sizes', () => {
  expect(() => differenceOf(picture(2), picture(3))).toThrow('the sizes differ: 2x2 and 3x2');
});
