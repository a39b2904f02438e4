import { divideMachine } from '../../../../cli/local/farm';

test('divideMachine gives each Blender as many threads as the user asks for, and none of the freed cores', () => {
  expect(divideMachine(undefined, 1, 8)).toEqual({ parallel: 2, threads: 1 });
  expect(divideMachine(1, 12, 8)).toEqual({ parallel: 1, threads: 12 });
});

test.each([
  [undefined, 1, { parallel: 1, threads: 1, cores: 1 }],
  [undefined, 2, { parallel: 2, threads: 1, cores: 2 }],
  [undefined, 8, { parallel: 2, threads: 4, cores: 8 }],
  [undefined, 64, { parallel: 8, threads: 8, cores: 64 }],
  [4, 2, { parallel: 4, threads: 1, cores: 2 }],
  [3, 8, { parallel: 3, threads: 2, cores: 8 }],
])('divideMachine for --parallel %p on %i cores is %j', (parallel, cores, expected) => {
  expect(divideMachine(parallel, undefined, cores)).toEqual(expected);
});
