import { warmUpSeconds } from '../../../../core/estimate/warm-up';

const run = (...frames: Array<readonly [frame: number, seconds: number]>) =>
  frames.map(([frame, seconds]) => ({ frame, seconds }));

test.each([
  ['the least of what first frames take longer', [run([1, 3], [25, 1]), run([48, 4], [72, 2])], 2],
  ['nothing where first frames are no slower', [run([1, 1], [25, 1]), run([48, 0.9], [72, 1])], 0],
  [
    'nothing where one of them is as quick as the others: the other one is heavy',
    [run([1, 9], [25, 1]), run([48, 1], [72, 1])],
    0,
  ],
  ['not to be told by one Blender', [run([1, 9], [36, 1], [72, 1])], 0],
  ['not to be told by Blenders with a frame each', [run([1, 9]), run([72, 9])], 0],
  ['nothing of nothing', [], 0],
])('%s', (_, runs, seconds) => {
  expect(warmUpSeconds(runs)).toBe(seconds);
});

test('against the line through what came later', () => {
  // At frame 50 the others are at 5.
  expect(warmUpSeconds([run([50, 6.5], [0, 0]), run([50, 7], [100, 10])])).toBeCloseTo(1.5, 10);
});
