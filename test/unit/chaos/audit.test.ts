import type { JobState } from '../../../core/local-batch/job-state';
import { frameName } from '../../../core/render/keys';
import type { Manifest } from '../../../core/render/manifest';
import type { SliceAttempt } from '../../../core/render/records';
import { auditRound } from '../../chaos/audit';
import type { StorageRequest } from '../../chaos/faulty-proxy';
import type { BlenderNote, RoundFacts } from '../../chaos/round-facts';
import { planRound, type RoundPlan } from '../../chaos/round-plan';
import { apply, makeJob } from '../../support/job-builders';

const FRAMES = [3, 5, 7];

const PLAN: RoundPlan = {
  ...planRound(0),
  storage: 's3',
  blender: 'fake',
  frames: FRAMES,
  step: 2,
  framesPerSlice: 3,
  frameFaults: {},
  signals: [],
};

const MANIFEST: Manifest = {
  version: 1,
  renderId: 'clock',
  createdAt: '2026-01-01T00:00:00.000Z',
  source: { url: 's3://b/clock.blend', etag: 'e', size: 1 },
  options: {},
  blenderVersion: { major: 3, minor: 4 },
  scene: 'Scene',
  engine: 'CYCLES',
  frames: [{ start: 3, end: 7, step: 2 }],
  frameCount: 3,
  framesPerSlice: 3,
  sliceCount: 1,
  frameRate: { numerator: 24, denominator: 1 },
  resolution: { width: 64, height: 36 },
};

function job(role: string, ...exitCodes: number[]): JobState {
  const made = makeJob();
  const named = { ...made, request: { ...made.request, jobName: `clock_${role}` } };
  apply(named, { type: 'ready' });
  for (const [i, exitCode] of exitCodes.entries()) {
    const failed = i === exitCodes.length - 1 ? 'FAILED' : 'RUNNABLE';
    const status = exitCode === 0 ? 'SUCCEEDED' : failed;
    apply(named, { type: 'started', index: 0 }, { type: 'ended', index: 0, status, exitCode });
  }
  return named;
}

const ATTEMPT: SliceAttempt = {
  attempt: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  stoppedAt: '2026-01-01T00:00:01.000Z',
  exitCode: 0,
  kept: 0,
  frames: FRAMES.map((frame) => ({ frame, seconds: 1, storedAt: '2026-01-01T00:00:01.000Z', bytes: 1 })),
  failed: [],
};

const request = (method: string, frame: number, status: number, at: number, worker = 1): StorageRequest => ({
  method,
  key: `renders/clock/frames/${frameName(frame)}`,
  signer: `worker-${worker}`,
  passedAt: at - 1,
  doneAt: at,
  status,
  answered: true,
});

const begun = (frame: number, at: number, worker = 1): BlenderNote => ({
  what: 'started',
  frame,
  worker,
  at,
  stored: false,
});

/** A round in which nothing went wrong. */
const GOOD: RoundFacts = {
  plan: PLAN,
  farm: { exitCode: 0, restarts: 0, words: '' },
  manifest: MANIFEST,
  frames: new Map(FRAMES.map((frame) => [frameName(frame), undefined])),
  failures: new Map(),
  reports: [{ version: 1, slice: 0, attempts: [ATTEMPT] }],
  status: {
    version: 1,
    renderId: 'clock',
    state: 'complete',
    at: '2026-01-01T00:00:00.000Z',
    findings: [],
    frames: { total: 3, stored: 3, failed: 0, failedFrames: [] },
    links: { folder: 's3://b/renders/clock/' },
  },
  messages: ['Render clock is complete'],
  video: [0, 1, 2],
  jobs: [job('Rendering', 0), job('Stitching', 0)],
  blender: FRAMES.map((frame) => begun(frame, 10)),
  requests: FRAMES.flatMap((frame) => [request('GET', frame, 404, 5), request('PUT', frame, 200, 20)]),
  signals: [],
  unfinishedUploads: [],
  halfWritten: [],
  leftovers: [],
};

test('a good round has no violations', () => {
  expect(auditRound(GOOD)).toEqual([]);
});

const without = (frame: number) => new Map([...GOOD.frames].filter(([name]) => name !== frameName(frame)));

test.each<[string, Partial<RoundFacts>, RegExp]>([
  ['a farm that never ends', { farm: { exitCode: 1, restarts: 9, words: 'x' } }, /farm ended with 1/],
  [
    'a farm that ended by itself',
    { farm: { exitCode: 0, restarts: 1, words: 'x' } },
    /ended by itself 1 times: x/,
  ],
  ['other frames than were asked for', { plan: { ...PLAN, frames: [3, 5] } }, /manifest's frames are 3,5,7/],
  ['a frame that vanished', { frames: without(5) }, /frame 5 is missing and no file gives the reason/],
  [
    'a frame that was given up without a report',
    {
      frames: without(5),
      reports: [withAttempt({ exitCode: 65, reason: 'frames failed 2 times or lack a file: 5' })],
    },
    /frame 5 is missing and no file gives the reason/,
  ],
  ['a half-written file', { halfWritten: ['frames/.0005.png.part'] }, /left over: frames/],
  [
    'a frame given up without a cause',
    { frames: without(5), failures: new Map([['5.json', 'why']]) },
    /without a cause/,
  ],
  [
    'a broken frame',
    { frames: new Map([...GOOD.frames, ['0005.png', 'it is empty']]) },
    /0005.png: it is empty/,
  ],
  [
    'an unexpected frame',
    { frames: new Map([...GOOD.frames, ['0004.png', undefined]]) },
    /0004.png, which was not requested/,
  ],
  [
    'a failure of a stored frame',
    { failures: new Map([['5.json', 'why']]) },
    /reports a frame that is stored/,
  ],
  ['a video out of order', { video: [0, 2, 1] }, /video shows the frames 0,2,1/],
  ['a video that lacks a frame', { video: [0, 1] }, /video shows the frames 0,1,/],
  ['no video', { video: undefined }, /video shows the frames \(none\)/],
  ['no status', { status: undefined }, /has the state none/],
  ['a wrong count', { frames: without(5), messages: ['failed'] }, /counts 3 frames of 2/],
  ['no message', { messages: [] }, /no message says that it is complete/],
  ['two pairs', { jobs: [...GOOD.jobs, job('Rendering', 0)] }, /not one pair/],
  ['a job that failed', { jobs: [job('Rendering', 0), job('Stitching', 65)] }, /is FAILED, not SUCCEEDED/],
  [
    'an attempt that failed without a cause',
    { jobs: [job('Rendering', 75, 0), GOOD.jobs[1]!] },
    /ended with 75 without/,
  ],
  ['an internal error', { jobs: [job('Rendering', 70, 0), GOOD.jobs[1]!] }, /ended with 70 without/],
  ['an attempt without an end', { reports: [withAttempt({ exitCode: undefined })] }, /without an end/],
  ['a report that says otherwise', { reports: [withAttempt({ exitCode: 65 })] }, /reported with 65/],
  [
    'a report that counts wrong',
    { reports: [withAttempt({ kept: 1 })] },
    /1 frames kept and 3 rendered of 3/,
  ],
  ['a frame rendered again', { blender: [...GOOD.blender, begun(5, 30)] }, /worker 1 rendered frame 5 again/],
  [
    'a frame rendered again by a worker that did not look for it',
    { blender: [...GOOD.blender, begun(5, 30, 2)] },
    /worker 2 rendered frame 5 again/,
  ],
  [
    'a frame rendered again in a folder',
    { blender: [{ ...begun(5, 10), stored: true }] },
    /rendered frame 5 again/,
  ],
  [
    'a frame dropped at SIGTERM',
    {
      signals: [{ target: 'worker', signal: 'SIGTERM', afterSteps: 1, delayMs: 0, pid: 2 }],
      blender: [...GOOD.blender, begun(5, 8, 2)],
    },
    /dropped frame 5, which it had begun/,
  ],
  [
    'a rendered frame lost to SIGTERM',
    {
      signals: [{ target: 'worker', signal: 'SIGTERM', afterSteps: 1, delayMs: 0, pid: 2 }],
      blender: [...GOOD.blender, { ...begun(5, 8, 2), what: 'rendered' }],
    },
    /lost frame 5, which it had rendered/,
  ],
  [
    'an upload left over',
    { unfinishedUploads: ['renders/clock/output.mp4'] },
    /unfinished upload of renders/,
  ],
  ['something left over', { leftovers: ['process 7'] }, /left over: process 7/],
])('%s is a violation', (_, change, words) => {
  expect(auditRound({ ...GOOD, ...change })).toContainEqual(expect.stringMatching(words));
});

function withAttempt(change: Partial<SliceAttempt>) {
  return { version: 1 as const, slice: 0, attempts: [{ ...ATTEMPT, ...change }] };
}

test('a frame that was being uploaded when its worker died may be rendered again', () => {
  const requests = [...GOOD.requests, request('GET', 5, 404, 15, 2)];
  expect(auditRound({ ...GOOD, requests, blender: [...GOOD.blender, begun(5, 30, 2)] })).toEqual([]);
});

test('the report of a lost attempt is not taken for the report of the next attempt with its number', () => {
  const sent = (target: 'worker' | 'scheduler', signal: 'SIGTERM' | 'SIGKILL') =>
    ({ target, signal, afterSteps: 1, delayMs: 0, pid: 2 }) as const;
  const lost = (startedAt: string): Partial<RoundFacts> => ({
    farm: { exitCode: 0, restarts: 1, words: '' },
    jobs: [job('Rendering', 143, 0), job('Stitching', 0)],
    signals: [sent('scheduler', 'SIGKILL'), sent('worker', 'SIGTERM')],
    reports: [
      {
        version: 1,
        slice: 0,
        attempts: [
          { attempt: 1, startedAt, kept: 0, frames: [], failed: [] },
          { ...ATTEMPT, attempt: 2 },
        ],
      },
    ],
  });
  expect(auditRound({ ...GOOD, ...lost('1969-12-31T23:59:59.000Z') })).toEqual([]);
  expect(auditRound({ ...GOOD, ...lost(ATTEMPT.startedAt) }).join()).toContain(
    'attempt 1 ended with 143 and is reported with undefined',
  );
});
