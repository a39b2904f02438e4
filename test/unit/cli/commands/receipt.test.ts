import { frameRows } from '../../../../cli/commands/receipt';

const figures = { quarter: 1, median: 2, threeQuarters: 4, slowest: { frame: 7, seconds: 9 } };

test('frameRows shows the range of half of the frames', () => {
  expect(frameRows(figures)).toEqual([
    ['a frame', '2.0 s (median), half of them 1.0 s to 4.0 s'],
    ['slowest', 'frame 7, 9.0 s'],
  ]);
});

test('frameRows shows no range if its ends are equal', () => {
  expect(frameRows({ ...figures, quarter: 2, threeQuarters: 2 })[0]).toEqual(['a frame', '2.0 s (median)']);
});
