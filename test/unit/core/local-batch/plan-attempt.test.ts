import { divideAgain, divideCores } from '../../../../core/local-batch/plan-attempt';

test.each([
  [2, 1, [2]],
  [2, 2, [1, 1]],
  [64, 3, [22, 21, 21]],
  [2, 3, [1, 1, 1]],
  [2, 0, []],
])('divideCores divides %i cores into %i parts as %j', (cores, parts, expected) => {
  expect(divideCores(cores, parts)).toEqual(expected);
});

test.each([
  [3, [undefined, undefined], [2, 1]],
  // The first of two attempts has ended, and another began.
  [3, [1, undefined], [1, 2]],
  [28, [9, 9, undefined], [9, 9, 10]],
  [28, [9, 9], [14, 14]],
  [3, [1], [3]],
  [1, [1, undefined], [1, 1]],
])('divideAgain divides %i cores among attempts with %j as %j', (cores, before, expected) => {
  expect(divideAgain(cores, before)).toEqual(expected);
});
