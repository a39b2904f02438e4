import { describeProgress, RenderProgress } from '../../../../cli/local/run';

function progressOf(total: number): RenderProgress {
  const progress = new RenderProgress(total);
  progress.apply({ event: 'frame-kept', frame: 1 }, 0, 0);
  progress.apply({ event: 'frame-started', frame: 2 }, 0, 1000);
  progress.apply({ event: 'frame-started', frame: 13 }, 1, 1500);
  return progress;
}

test('RenderProgress lists finished frames and frames in work', () => {
  const progress = progressOf(24);
  expect([...progress.done]).toEqual([1]);
  expect(progress.frames()).toEqual([{ frame: 2 }, { frame: 13 }]);
  progress.apply({ event: 'frame-stored', frame: 2, seconds: 2 }, 0, 3000);
  expect(progress.frames()).toEqual([{ frame: 13 }]);
  expect([...progress.done]).toEqual([1, 2]);
});

test('RenderProgress estimates the time left from this run, not from older frames', () => {
  const progress = progressOf(24);
  expect(progress.secondsLeft(2000)).toBeUndefined();
  progress.apply({ event: 'frame-stored', frame: 2, seconds: 2 }, 0, 3000);
  // 22 of 24 frames are left, at 2 s a frame.
  expect(progress.secondsLeft(3000)).toBe(44);
});

test('RenderProgress does not count a frame as done once it is rendered again', () => {
  const progress = progressOf(24);
  progress.apply({ event: 'frame-started', frame: 1 }, 0, 2000);
  expect(progress.done.size).toBe(0);
});

test('RenderProgress counts a frame as failed only after its last try', () => {
  const progress = progressOf(24);
  progress.apply({ event: 'frame-failed', frame: 2, reason: 'x', final: false }, 0, 2000);
  expect(progress.failed.size).toBe(0);
  progress.apply({ event: 'frame-failed', frame: 2, reason: 'x', final: true }, 0, 3000);
  expect([...progress.failed]).toEqual([[2, { reason: 'x' }]]);
});

test('describeProgress shows the frames in work, the time left and the video', () => {
  const progress = progressOf(24);
  expect(describeProgress(progress, 2000)).toBe('rendering 2, 13');
  progress.apply({ event: 'frame-stored', frame: 2, seconds: 2 }, 0, 3000);
  expect(describeProgress(progress, 3000)).toBe('rendering 13, about 44 s left');
  progress.apply({ event: 'stitching', frames: 5, total: 24 }, 0, 4000);
  expect(describeProgress(progress, 4000)).toBe('video: 5 of 24 frames');
});

test('RenderProgress is idle while frames are only kept', () => {
  const progress = progressOf(2);
  expect(progress.isIdle()).toBe(true);
  progress.apply({ event: 'frame-stored', frame: 2, seconds: 2 }, 0, 3000);
  expect(progress.isIdle()).toBe(false);
});

test('RenderProgress is not idle while the video is made', () => {
  const progress = progressOf(2);
  progress.apply({ event: 'stitching', frames: 1, total: 2 }, 0, 4000);
  expect(progress.isIdle()).toBe(false);
});

test('RenderProgress keeps the same warning once', () => {
  const progress = progressOf(24);
  const warning = { event: 'warning', code: 'sound-failed', message: 'no sound' } as const;
  progress.apply(warning, 0, 2000);
  progress.apply(warning, 0, 3000);
  expect([...progress.warnings.values()]).toEqual([
    { code: 'sound-failed', severity: 'warning', message: 'no sound' },
  ]);
});
