import { chooseTestFrames, testOptions, warmUpSeconds } from '../../../../core/cost/test-frames';

describe('test frames', () => {
  const plan = { frames: [{ start: 1, end: 100, step: 1 }] };

  test.each([
    ['three of a machine with one Blender', 3, 1, [1, 51, 100]],
    ['as many for each of two Blenders', 3, 2, [1, 34, 67, 100]],
    ['one for each of eight', 3, 8, [1, 15, 29, 43, 58, 72, 86, 100]],
    ['two', 2, 1, [1, 100]],
    ['of one, the middle', 1, 1, [50]],
  ])('%s', (_, wanted, atATime, frames) => {
    expect(chooseTestFrames(plan, wanted, atATime)).toEqual(frames);
  });

  test('of a shot that is shorter than that, all frames', () => {
    expect(chooseTestFrames({ frames: [{ start: 3, end: 7, step: 2 }] }, 5, 2)).toEqual([3, 5, 7]);
  });

  test('they are rendered as the shot would be, but for what is made of frames later', () => {
    const asked = { samples: 4, framesPerSlice: 50, video: 'gif', order: 'spread', gaps: 'mark' } as const;
    expect(testOptions({ ...asked, background: 'ff0000', frames: '1-100' }, [1, 34, 67, 100], 2)).toEqual({
      samples: 4,
      frames: '1-100x33',
      framesPerSlice: 2,
      video: 'none',
    });
  });
});

describe('warm up', () => {
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
});
