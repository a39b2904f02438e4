import {
  describeAttempts,
  describeMachineTime,
  Pace,
  secondsLeft,
} from '../../../../cli/status/describe-state';

test('Pace counts the frames of the last 5 minutes', () => {
  const pace = new Pace();
  expect(pace.framesPerMinute()).toBeUndefined();
  pace.add(0, 100);
  expect(pace.framesPerMinute()).toBeUndefined();
  pace.add(60_000, 100);
  pace.add(120_000, 120);
  expect(pace.framesPerMinute()).toBe(10);
  pace.add(400_000, 148);
  expect(pace.framesPerMinute()).toBeCloseTo(28 / (280 / 60));
});

test('Pace is never below zero when a frame turns out to be bad', () => {
  const pace = new Pace();
  pace.add(0, 5);
  pace.add(1000, 4);
  expect(pace.framesPerMinute()).toBe(0);
});

test.each([
  [2, 2, 0, '2 for 2 slices'],
  [3, 2, 1, '3 for 2 slices, 1 interrupted'],
  [1, undefined, 0, '1'],
])('describeAttempts compares %s attempts with %s slices', (attempts, slices, interruptions, text) => {
  expect(describeAttempts(attempts, slices, interruptions)).toBe(text);
});

test('describeMachineTime adds the video to the slices', () => {
  expect(describeMachineTime(1.2, 5, true)).toBe('6 s: slices 1 s, video 5 s');
});

test('describeMachineTime has the check of frames that make no video', () => {
  expect(describeMachineTime(7, 1, false)).toBe('8 s: slices 7 s, last check 1 s');
});

test('describeMachineTime leaves out a video that was not begun', () => {
  expect(describeMachineTime(61, 0, true)).toBe('1 min 1 s');
});

describe('secondsLeft', () => {
  const frames = { total: 100, stored: 60, failed: 0 };
  const slices = { total: 10, waiting: 2, running: 4, succeeded: 4, failed: 0 };
  const figures = {
    attempts: 8,
    interruptions: 0,
    machineSeconds: 1,
    frameSeconds: { quarter: 2, median: 3, threeQuarters: 5 },
  };

  test('ranges from the quicker to the slower quarter of the frames, divided by the running slices', () => {
    expect(secondsLeft({ frames, slices, figures })).toEqual({ from: 20, to: 50 });
  });

  test.each([
    ['nothing runs', { slices: { ...slices, running: 0 } }],
    ['no frame is left', { frames: { total: 100, stored: 98, failed: 2 } }],
    ['too few frames are stored', { frames: { total: 100, stored: 2, failed: 0 } }],
    ['no slice has reported anything', { figures: undefined }],
  ])('is undefined if %s', (_, change) => {
    expect(secondsLeft({ frames, slices, figures, ...change })).toBeUndefined();
  });

  test('does not divide one frame by several running slices', () => {
    expect(secondsLeft({ frames: { total: 61, stored: 60, failed: 0 }, slices, figures })?.from).toBe(2);
  });
});
