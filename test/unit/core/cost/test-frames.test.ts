import { chooseTestFrames, testOptions, warmUpSeconds } from '../../../../core/cost/test-frames';

describe('test frames', () => {
  const plan = { frames: [{ start: 1, end: 100, step: 1 }] };

  test.each([
    ['are as many as wanted for one Blender', 3, 1, [1, 51, 100]],
    ['are the same number for each of two Blenders', 3, 2, [1, 34, 67, 100]],
    ['are one for each of eight Blenders', 3, 8, [1, 15, 29, 43, 58, 72, 86, 100]],
    ['are the first and the last if two are wanted', 2, 1, [1, 100]],
    ['are the middle frame if one is wanted', 1, 1, [50]],
  ])('%s', (_, wanted, atATime, frames) => {
    expect(chooseTestFrames(plan, wanted, atATime)).toEqual(frames);
  });

  test('are all frames of a shorter shot', () => {
    expect(chooseTestFrames({ frames: [{ start: 3, end: 7, step: 2 }] }, 5, 2)).toEqual([3, 5, 7]);
  });

  test('are rendered with the options of the shot except those of the video', () => {
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
    ['is the smallest excess of a first frame', [run([1, 3], [25, 1]), run([48, 4], [72, 2])], 2],
    ['is 0 if first frames are not slower', [run([1, 1], [25, 1]), run([48, 0.9], [72, 1])], 0],
    ['is 0 if one first frame is as fast as later frames', [run([1, 9], [25, 1]), run([48, 1], [72, 1])], 0],
    ['is 0 for one Blender', [run([1, 9], [36, 1], [72, 1])], 0],
    ['is 0 for Blenders of one frame each', [run([1, 9]), run([72, 9])], 0],
    ['is 0 without runs', [], 0],
  ])('%s', (_, runs, seconds) => {
    expect(warmUpSeconds(runs)).toBe(seconds);
  });

  test('is measured against the line through later frames', () => {
    // At frame 50 the others are at 5.
    expect(warmUpSeconds([run([50, 6.5], [0, 0]), run([50, 7], [100, 10])])).toBeCloseTo(1.5, 10);
  });
});
