import { lackingFrames } from '../../../../core/preflight/lacking-frames';

const CACHE = { usedBy: 'modifier "C"', head: '47_', tail: '_00.bphys', start: 1, end: 5, step: 1 };
const files = (...frames: number[]) => new Set(frames.map((frame) => `47_00000${frame}_00.bphys`));

test.each([
  ['a whole cache', {}, [1, 2, 3, 4, 5], undefined, []],
  ['a cache that holds its first frame alone', {}, [1], undefined, ['frames 2-5 of modifier "C"']],
  ['a cache with one hole', {}, [1, 2, 4, 5], undefined, ['frame 3 of modifier "C"']],
  ['a hole behind the end of the scene', {}, [1, 2, 3], { start: 1, end: 3 }, []],
  ['a scene that starts behind the cache', {}, [1], { start: 9, end: 20 }, ['frame 5 of modifier "C"']],
  ['a cache of every second frame', { step: 2 }, [1, 3, 5], undefined, []],
  ['every second frame with a hole', { step: 2 }, [1, 5], { start: 4, end: 5 }, ['frame 3 of modifier "C"']],
])('%s', (_, differences, frames, scene, expected) => {
  expect(lackingFrames([{ ...CACHE, ...differences }], files(...frames), scene)).toEqual(expected);
});
