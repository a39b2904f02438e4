import { numbersIn, playedFrames } from '../../../../core/preflight/played-frames';

const PLAY = { frames: 5, start: 1, offset: 0, cyclic: false };

test.each([
  ['from the first on', {}, { start: 1, end: 3 }, [1, 2, 3]],
  ['the last one stays', {}, { start: 4, end: 9 }, [4, 5]],
  ['none before its start', { start: 10 }, { start: 8, end: 11 }, [1, 2]],
  ['with other numbers', { offset: 100 }, { start: 1, end: 2 }, [101, 102]],
  ['over and over', { cyclic: true }, { start: 4, end: 7 }, [1, 2, 4, 5]],
  ['over and over, before its start too', { cyclic: true }, { start: -1, end: 1 }, [1, 4, 5]],
  ['one picture', { frames: 1 }, { start: 1, end: 200 }, [1]],
  ['numbers below 0, which no file has', { offset: -3 }, { start: 1, end: 5 }, [0, 1, 2]],
  ['clipped at both ends', { mode: 'clip' as const, start: 3 }, { start: 1, end: 20 }, [1, 2, 3, 4, 5]],
  ['extended at both ends', { mode: 'extend' as const, start: 3 }, { start: 1, end: 2 }, [1]],
  ['to and fro', { mode: 'ping-pong' as const }, { start: 6, end: 8 }, [2, 3, 4]],
  [
    'from the picture before the first',
    { mode: 'from-zero' as const, start: 3 },
    { start: 1, end: 3 },
    [0, 1],
  ],
  ['an absurd range', {}, { start: 0, end: 4_000_000_000 }, []],
])('%s', (_, differences, span, expected) => {
  expect(playedFrames([{ ...PLAY, ...differences }], span)).toEqual(expected);
});

test('runs of numbers are put together, at most 100,000', () => {
  expect(
    numbersIn([
      [1, 3],
      [8, 8],
    ]),
  ).toEqual([1, 2, 3, 8]);
  expect(numbersIn([[1, 4_000_000_000]])).toHaveLength(100_000);
});

test('several ways to play it are put together', () => {
  const plays = [PLAY, { ...PLAY, offset: 50 }];
  expect(playedFrames(plays, { start: 1, end: 2 })).toEqual([1, 2, 51, 52]);
});
