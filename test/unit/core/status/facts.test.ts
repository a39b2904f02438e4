import { jobIdsOf, seenOnFarm } from '../../../../core/status/facts';
import { judgeRender } from '../../../../core/status/judge';
import { at, ended, GAPS, iso, job, known, type Known, NOW, PARTIAL } from '../../../support/known-renders';

const waiting = job('s', 'PENDING');
const retry = { kind: 'frames', number: 1, why: 'asked', slices: 2, frames: 3 } as const;
const jobs = { ...known({}).records.jobs!, retry };
const videoAlone = { ...jobs, retry: { ...retry, kind: 'video', slices: 0, frames: 0 } } as const;

test('judgeRender reports a retry and counts its slices', () => {
  const render = job('r', 'PENDING', { arrayProperties: { size: 2, statusSummary: { RUNNING: 1 } } });
  const state = judgeRender(known({ records: { jobs }, seen: { render, stitch: waiting } }), NOW);
  expect(state).toMatchObject({ state: 'rendering', retry, slices: { total: 2, running: 1, waiting: 1 } });
});

test.each<[string, Known, string, boolean]>([
  [
    'of some frames has gaps',
    { seen: { stitch: job('s', 'SUCCEEDED') }, results: { gaps: GAPS, partialVideo: PARTIAL } },
    'partial',
    true,
  ],
  [
    'of the video waits',
    { records: { jobs: videoAlone }, seen: { stitch: job('s', 'RUNNABLE') } },
    'waiting',
    false,
  ],
  [
    'of the video runs',
    { records: { jobs: videoAlone }, seen: { stitch: job('s', 'RUNNING') } },
    'stitching',
    false,
  ],
  [
    'of the video failed',
    { records: { jobs: videoAlone }, seen: { stitch: job('s', 'FAILED') } },
    'failed',
    true,
  ],
])('judgeRender finds the state if a retry %s', (_, given, state, isOver) => {
  const seen = known({ ...given, records: { jobs, ...given.records } });
  expect(judgeRender(seen, NOW)).toMatchObject({ state, ended: isOver });
});

test('jobIdsOf asks for the children of a retry, and for no render job if it has none', () => {
  const { records } = known({ records: { jobs } });
  expect(jobIdsOf(records, 0)).toEqual(['r', 's', 'r:0', 'r:1']);
  expect(jobIdsOf({ ...records, jobs: videoAlone }, 0)).toEqual(['s']);
  const failed = [job('r', 'FAILED'), job('s', 'RUNNING')];
  expect(seenOnFarm({ ...records, jobs: videoAlone }, failed)).toMatchObject({
    render: undefined,
    stitch: failed[1],
  });
});

const failedRender = job('r', 'FAILED', { stoppedAt: at(5) });

test.each<[string, Known, boolean]>([
  ['the farm has not reported the end yet', { seen: { render: failedRender } }, false],
  [
    'the farm has reported the end',
    { records: { status: ended('failed', { at: iso(5), endedJob: 'r' }) } },
    true,
  ],
  [
    'the farm has not reported the end for long',
    { seen: { render: { ...failedRender, stoppedAt: at(500) } } },
    true,
  ],
])('judgeRender finds whether a failed render without frames has ended: %s', (_, given, isOver) => {
  const state = judgeRender(known({ ...given, results: { stored: 0 } }), NOW);
  expect(state).toMatchObject({ state: 'failed', ended: isOver });
});

describe('a slice that AWS could not start', () => {
  const { records } = known({});
  const failed = job('r', 'FAILED', { stoppedAt: at(500), arrayProperties: { size: 2 } });
  const child = (statusReason: string, container: { reason?: string; exitCode?: number }) =>
    job('r:1', 'FAILED', { attempts: [{ statusReason, container }] });

  test('is reported as no fault of the scene', () => {
    const cgroup = "CgroupError: Agent could not create task's platform resources";
    const seen = seenOnFarm(records, [failed, child('Task failed to start', { reason: cgroup })]);
    const { reason } = judgeRender(known({ seen, results: { stored: 0 } }), NOW);
    expect(reason).toContain(
      `AWS could not start the worker (Task failed to start: ${cgroup}), which is no fault of the scene`,
    );
  });

  test('is not a slice whose container ended', () => {
    const seen = seenOnFarm(records, [failed, child('Essential container in task exited', { exitCode: 65 })]);
    expect(seen.cause).toBeUndefined();
  });
});
