import type { SliceAttempt, SliceReport } from '../../../../core/render/records';
import { describeStarts, quantileOf, reportFigures } from '../../../../core/render/slice-figures';

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

function attempt(number: number, from: number, changes: Partial<SliceAttempt>): SliceAttempt {
  return { attempt: number, startedAt: at(from), kept: 0, frames: [], failed: [], ...changes };
}

const rendered = (frame: number, seconds: number, storedAt: number) => ({
  frame,
  seconds,
  storedAt: at(storedAt),
  bytes: 9,
});

const SLICES: SliceReport[] = [
  {
    version: 1,
    slice: 0,
    attempts: [
      attempt(1, 0, {
        frames: [rendered(1, 4, 5)],
        stoppedAt: at(8),
        exitCode: 143,
        reason: 'stopped by SIGTERM',
        dropped: { frame: 2, seconds: 3 },
        blenderPeakMemoryBytes: 200,
      }),
      attempt(2, 10, {
        frames: [rendered(2, 5, 16)],
        stoppedAt: at(17),
        exitCode: 0,
        blenderPeakMemoryBytes: 300,
      }),
    ],
  },
  {
    version: 1,
    slice: 1,
    attempts: [
      // Its machine was lost after frame 3.
      attempt(1, 2, { frames: [rendered(3, 6, 9)] }),
      attempt(1, 12, { kept: 1, frames: [rendered(4, 2, 15)], failed: [5], stoppedAt: at(20), exitCode: 65 }),
    ],
  },
];

test('reportFigures adds up the slice reports', () => {
  expect(reportFigures({ slices: SLICES })).toMatchObject({
    frames: [
      { frame: 1, seconds: 4 },
      { frame: 2, seconds: 5 },
      { frame: 3, seconds: 6 },
      { frame: 4, seconds: 2 },
    ],
    wallSeconds: 20,
    slotSeconds: 8 + 7 + 7 + 8,
    renderSeconds: 17,
    droppedSeconds: 3,
    interruptions: 2,
    blenderPeakMemoryBytes: 300,
  });
});

test('a lost attempt lasts until its last frame', () => {
  const { stretches } = reportFigures({ slices: SLICES });
  expect(stretches.map(({ slice, end, from, to }) => [slice, end, (to - from) / 1000])).toEqual([
    [0, 'stopped', 8],
    [0, 'done', 7],
    [1, 'lost', 7],
    [1, 'failed', 8],
  ]);
});

test('reportFigures gives the starts as a share of the machine time of attempts that reported them', () => {
  const attempts = [
    attempt(1, 0, { startSeconds: 3, pullSeconds: 40, stoppedAt: at(10), exitCode: 0 }),
    attempt(1, 0, { startSeconds: 1, stoppedAt: at(6), exitCode: 0 }),
    // Of an earlier version.
    attempt(1, 0, { stoppedAt: at(100), exitCode: 0 }),
  ];
  const slices = attempts.map((one, slice) => ({ version: 1 as const, slice, attempts: [one] }));
  const { starts } = reportFigures({ slices });
  expect(starts).toEqual({ seconds: 4, share: 0.25, pullSeconds: 40 });
  expect(describeStarts(starts!)).toBe('4 s, 25 % of the machine time; before it, 40 s to pull the image');
});

test('describeStarts leaves out pulls of the image that are unknown', () => {
  expect(describeStarts({ seconds: 4, share: 0.25 })).toBe('4 s, 25 % of the machine time');
});

test('reportFigures gives zeros without attempts', () => {
  expect(reportFigures({ slices: [] })).toEqual({
    frames: [],
    stretches: [],
    wallSeconds: 0,
    slotSeconds: 0,
    renderSeconds: 0,
    droppedSeconds: 0,
    interruptions: 0,
  });
});

describe('quantileOf', () => {
  it.each([
    [[4], 0.5, 4],
    [[2, 9], 0.5, 5.5],
    [[1, 2, 3, 4], 0.25, 1.75],
    [[1, 2, 3], 1, 3],
  ])('of %j at %f is %f', (values, share, expected) => {
    expect(quantileOf(values, share)).toBe(expected);
  });
});
