import { divideCores } from '../../../../core/local-batch/plan-attempt';

test.each([
  [2, 1, [2]],
  [2, 2, [1, 1]],
  [64, 3, [22, 21, 21]],
  [2, 3, [1, 1, 1]],
  [2, 0, []],
])('divideCores divides %i cores into %i parts as %j', (cores, parts, expected) => {
  expect(divideCores(cores, parts)).toEqual(expected);
});
