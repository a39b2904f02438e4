import { lackingFrames, numbersIn, playedFrames } from '../../../../../core/scene/project/dependencies';

describe('lacking frames', () => {
  const CACHE = { usedBy: 'modifier "C"', head: '47_', tail: '_00.bphys', start: 1, end: 5, step: 1 };
  const files = (...frames: number[]) => new Set(frames.map((frame) => `47_00000${frame}_00.bphys`));

  test.each([
    ['a whole cache', {}, [1, 2, 3, 4, 5], undefined, []],
    ['a cache with only its first frame', {}, [1], undefined, ['frames 2-5 of modifier "C"']],
    ['a cache with one hole', {}, [1, 2, 4, 5], undefined, ['frame 3 of modifier "C"']],
    ['a hole after the end of the scene', {}, [1, 2, 3], { start: 1, end: 3 }, []],
    ['a scene that starts after the cache', {}, [1], { start: 9, end: 20 }, ['frame 5 of modifier "C"']],
    ['a cache of every second frame', { step: 2 }, [1, 3, 5], undefined, []],
    [
      'every second frame with a hole',
      { step: 2 },
      [1, 5],
      { start: 4, end: 5 },
      ['frame 3 of modifier "C"'],
    ],
  ])('%s', (_, differences, frames, scene, expected) => {
    expect(lackingFrames([{ ...CACHE, ...differences }], files(...frames), scene)).toEqual(expected);
  });
});

describe('played frames', () => {
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
    ['back and forth', { mode: 'ping-pong' as const }, { start: 6, end: 8 }, [2, 3, 4]],
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

  test('runs of numbers are joined, up to 100,000', () => {
    expect(
      numbersIn([
        [1, 3],
        [8, 8],
      ]),
    ).toEqual([1, 2, 3, 8]);
    expect(numbersIn([[1, 4_000_000_000]])).toHaveLength(100_000);
  });

  test('several ways to play a sequence are joined', () => {
    const plays = [PLAY, { ...PLAY, offset: 50 }];
    expect(playedFrames(plays, { start: 1, end: 2 })).toEqual([1, 2, 51, 52]);
  });
});
