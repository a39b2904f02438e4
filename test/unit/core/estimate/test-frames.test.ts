import { chooseTestFrames, testOptions } from '../../../../core/estimate/test-frames';

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
