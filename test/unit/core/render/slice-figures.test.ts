import type { SliceAttempt, SliceReport } from '../../../../core/render/records';
import {
  addFrameData,
  addKeptData,
  describeKeptData,
  describeStarts,
  type KeptData,
  quantileOf,
  reportFigures,
} from '../../../../core/render/slice-figures';

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

describe('addFrameData', () => {
  const CHECKED = [
    [1, 9, { freshSeconds: 9 }],
    // Rendered with kept data in 1 s, and from nothing in 8 s.
    [2, 9, { freshSeconds: 8 }],
    [3, 1, { kept: true }],
    [4, 2, { kept: true }],
  ] as const;
  const after = (reports: ReadonlyArray<readonly [number, number, object]>) =>
    reports.reduce<KeptData>(
      (data, [frame, seconds, report]) => addFrameData(data, frame, seconds, report),
      {},
    ).record;

  it('subtracts the cost of the check from what frames with kept data saved', () => {
    expect(after(CHECKED)).toEqual({ savedSeconds: -1 + 7 + 6 });
  });

  it('notes why and from which frame no data are kept', () => {
    const found = after([...CHECKED, [5, 8, { reason: 'memory' }]]);
    expect(found).toEqual({ savedSeconds: 12, reason: 'memory', frame: 5 });
  });

  it('believes no seconds of a part that exceed those of the frame', () => {
    const hostile = after([
      [1, 2, { freshSeconds: 1e9 }],
      [2, 1, { kept: true }],
    ]);
    expect(hostile).toEqual({ savedSeconds: 1 });
  });

  it('compares frames after a change of threads with the frame from nothing after that change', () => {
    const faster = after([...CHECKED, [5, 3, { freshSeconds: 3 }], [6, 1, { kept: true }]]);
    expect(faster).toEqual({ savedSeconds: 12 + 2 });
  });

  it('saves nothing by frames of unknown seconds', () => {
    expect(after([[3, 1, { kept: true }]])).toEqual({ savedSeconds: 0 });
  });
});

describe('kept data', () => {
  const slice = (index: number, ...persistentData: Array<SliceAttempt['persistentData']>): SliceReport => ({
    version: 1,
    slice: index,
    attempts: persistentData.map((one, i) => attempt(i + 1, 0, { persistentData: one })),
  });
  const describeSlices = (...slices: SliceReport[]) => {
    const { keptData } = reportFigures({ slices });
    return keptData && describeKeptData(keptData);
  };

  test('are missing in the figures of slices that kept none', () => {
    expect(reportFigures({ slices: SLICES })).not.toHaveProperty('keptData');
  });

  test('are described by the saved time of all attempts', () => {
    const slices = [slice(0, { savedSeconds: 400 }, { savedSeconds: 200 }), slice(1, { savedSeconds: 120 })];
    expect(describeSlices(...slices)).toBe('saved about 12 min 0 s');
  });

  test('are described with the slices in which they are off', () => {
    const off = { savedSeconds: 0, reason: 'little-gain', frame: 2 };
    expect(describeSlices(slice(0, off), slice(1, off))).toBe('off in 2 slices: little would be saved');
  });

  test.each([
    ['scripts', 'its scripts are allowed'],
    ['outputs', 'it has File Output nodes'],
  ])('are described as off because of %s', (reason, words) => {
    const off = { savedSeconds: 0, reason, frame: 1 };
    expect(describeSlices(slice(0, off))).toBe(`off in 1 slice: ${words}`);
  });

  test('are described with the frame that differed', () => {
    const different = { savedSeconds: -3, reason: 'difference', frame: 12, difference: 0.0213 };
    expect(describeSlices(slice(0, different))).toBe(
      'off in 1 slice: frame 12 differed by up to 0.021, where 1 is white',
    );
  });

  test('are not off if a later attempt kept them', () => {
    const slices = slice(0, { savedSeconds: 0, reason: 'memory', frame: 2 }, { savedSeconds: 5 });
    expect(describeSlices(slices)).toBe('saved about 5 s');
  });

  test('have at most 11 reasons', () => {
    const all = Array.from({ length: 30 }, (_, i) => ({
      savedSeconds: 0,
      off: [{ why: `frame ${i} differed`, slices: 1 }],
    }));
    const { off } = addKeptData(all)!;
    expect(off).toHaveLength(11);
    expect(off.at(-1)).toEqual({ why: 'other reasons', slices: 20 });
  });
});
