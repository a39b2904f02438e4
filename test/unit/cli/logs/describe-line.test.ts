import { describeLine, lineJson } from '../../../../cli/logs/describe-line';
import { FrameLines } from '../../../../core/logs/frame-lines';

const AT = Date.UTC(2026, 10, 22, 10, 0, 0, 123);
const inWords = (event: object | string, at: number | undefined = AT) => {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  return describeLine({ at, text }, new FrameLines().read(text), { slice: 3, attempt: 2 });
};

test.each<[string, object | string]>([
  ['frame 12 begins', { event: 'frame-started', frame: 12 }],
  [
    'frame 12: sample 8 of 64, 120 MiB',
    { event: 'frame-progress', frame: 12, sample: 8, samples: 64, memoryMib: 120 },
  ],
  ['frame 12 is stored (4.2 s)', { event: 'frame-stored', frame: 12, seconds: 4.2 }],
  ['frame 12 was there already', { event: 'frame-kept', frame: 12 }],
  [
    'frame 12 failed, it is tried again: why',
    { event: 'frame-failed', frame: 12, reason: 'why', final: false },
  ],
  ['frame 12 failed: why', { event: 'frame-failed', frame: 12, reason: 'why', final: true }],
  ['5 of 9 frames are in the video', { event: 'stitching', frames: 5, total: 9 }],
  ['Fra:12 Mem:1M', { event: 'output', program: 'blender', line: 'Fra:12 Mem:1M' }],
  ['ffmpeg: no', { event: 'output', program: 'ffmpeg', line: 'no' }],
  ['error: disk-full: no room', { event: 'error', code: 'disk-full', message: 'no room' }],
  ['warning: sound: none', { event: 'warning', code: 'sound', message: 'none' }],
  ['some other line', 'some other line'],
  ['{"event":"of tomorrow"}', { event: 'of tomorrow' }],
])('a person reads: %s', (words, event) => {
  expect(inWords(event)).toBe(`2026-11-22T10:00:00Z  slice 3, attempt 2  ${words}`);
});

test('a line has no time where none is known, and the video no slice', () => {
  expect(describeLine({ text: 'x' }, {}, { attempt: 1 })).toBe('video, attempt 1  x');
});

test('what a scene makes Blender say moves no cursor and makes no second line', () => {
  const line = 'a\u001b[2Jb\nc\u202ed';
  expect(inWords({ event: 'output', program: 'blender', line })).toMatch(/a\\u001b\[2Jb c\\u202ed$/);
});

test('a program reads the same, and what the worker said', () => {
  const event = { event: 'frame-kept', frame: 12 } as const;
  const told = new FrameLines().read(JSON.stringify(event));
  const json = (at?: number) => JSON.parse(lineJson({ at, text: '' }, told, { slice: 3, attempt: 2 }));
  const message = 'frame 12 was there already';
  const timestamp = '2026-11-22T10:00:00.123Z';
  expect(json(AT)).toEqual({ timestamp, slice: 3, attempt: 2, frame: 12, message, event });
  expect(json().timestamp).toBeNull();
  expect(JSON.parse(lineJson({ text: 'x' }, {}, { attempt: 1 }))).toEqual({
    timestamp: null,
    attempt: 1,
    message: 'x',
  });
});
