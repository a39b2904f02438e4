import { isFinal, judgeRender } from '../../../../core/status/judge';
import {
  array,
  at,
  ended,
  GAPS,
  iso,
  job,
  known,
  type Known,
  NOW,
  PARTIAL,
  VIDEO,
} from '../../../support/known-renders';

describe('judgeRender in a queue', () => {
  const queued = { place: 'here', attended: false, turn: 0 } as const;

  test.each<[string, Known, string]>([
    ['only planned', { records: { jobs: undefined }, seen: queued }, 'waiting'],
    ['interrupted', { seen: { ...queued, render: array({ RUNNABLE: 8 }) } }, 'waiting'],
    [
      'refused before',
      { records: { plan: undefined, jobs: undefined, status: ended('refused') }, seen: queued },
      'waiting',
    ],
    [
      'failed before',
      { seen: { ...queued, render: array({ FAILED: 8 }, 'FAILED'), stitch: job('s', 'FAILED') } },
      'waiting',
    ],
    ['begun', { seen: { ...queued, attended: true, render: array({ RUNNING: 1 }) } }, 'rendering'],
  ])('finds the state of a render in the queue of a watch folder that was %s', (_, one, state) => {
    expect(judgeRender(known(one), NOW)).toMatchObject({ state, ended: false });
  });

  test('reports how many renders are before a queued render and since when it waits', () => {
    const told = (turn: number) =>
      judgeRender(
        known({ records: { jobs: undefined, jobsNotedAt: undefined }, seen: { ...queued, turn } }),
        NOW,
      );
    expect(told(0).reason).toBe('it is the next in the queue of its watch folder');
    expect(told(1).reason).toBe('it waits in the queue of its watch folder, 1 render before it');
    expect(told(7)).toMatchObject({
      reason: 'it waits in the queue of its watch folder, 7 renders before it',
      waiting: { since: iso(2000), hints: [] },
    });
  });
});

describe('judgeRender', () => {
  const here = { place: 'here', attended: true } as const;
  const [waiting, plan] = [job('s', 'PENDING'), known({}).records.plan!];
  const framesOnly = { plan: { ...plan, video: 'none' as const } };
  const failedRender = array({ FAILED: 1, SUCCEEDED: 7 }, 'FAILED', { stoppedAt: at(500) });

  test.each<[string, Known, string, boolean]>([
    // From status.json.
    [
      'was refused',
      { records: { plan: undefined, jobs: undefined, status: ended('refused') } },
      'refused',
      true,
    ],
    ['is complete by status.json', { records: { status: ended('complete') } }, 'complete', true],
    ['is partial by status.json', { records: { status: ended('partial') } }, 'partial', true],
    ['failed by status.json', { records: { status: ended('failed', { endedJob: 's' }) } }, 'failed', true],
    ['failed without jobs.json', { records: { jobs: undefined, status: ended('failed') } }, 'failed', true],
    [
      'failed just now and may get a video of its stored frames',
      { records: { status: ended('failed', { at: iso(5), endedJob: 'r' }) } },
      'failed',
      false,
    ],
    [
      'failed just now, with only the end of its stitch job reported',
      { records: { status: ended('failed', { at: iso(5), endedJob: 's' }) }, seen: { render: failedRender } },
      'failed',
      false,
    ],
    [
      'failed just now without a stored frame',
      { records: { status: ended('failed', { at: iso(5), endedJob: 'r' }) }, results: { stored: 0 } },
      'failed',
      true,
    ],
    [
      'failed just now and needs no video',
      { records: { ...framesOnly, status: ended('failed', { at: iso(5), endedJob: 'r' }) } },
      'failed',
      true,
    ],
    [
      'failed and whose salvage job runs',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'RUNNING') } },
      'stitching',
      false,
    ],
    [
      'failed and whose salvage job waits',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'RUNNABLE') } },
      'waiting',
      false,
    ],
    [
      'failed and whose salvage job failed, too',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'FAILED') } },
      'failed',
      true,
    ],
    [
      'failed and whose salvage job AWS Batch does not describe',
      {
        records: { salvage: { renderJob: 'r', jobId: 'v' }, status: ended('failed', { endedJob: 'r' }) },
        seen: { fault: 'late' },
      },
      'failed',
      false,
    ],
    // Not submitted.
    [
      'was planned just now',
      { records: { jobs: undefined, plan: { ...plan, createdAt: iso(5) } } },
      'waiting',
      false,
    ],
    ['was planned long ago and never submitted', { records: { jobs: undefined } }, 'unknown', true],
    [
      'was planned here by a process that still runs',
      { records: { jobs: undefined }, seen: here },
      'waiting',
      false,
    ],
    [
      'was planned here by a process that ended',
      { records: { jobs: undefined }, seen: { place: 'here', attended: false } },
      'stopped',
      true,
    ],
    // Jobs that the Batch does not know.
    ['was submitted just now', { records: { jobsNotedAt: at(5) } }, 'waiting', false],
    ['has jobs that AWS Batch has forgotten', {}, 'unknown', true],
    ['has forgotten jobs and a video', { results: { stored: 8, video: VIDEO } }, 'complete', true],
    [
      'has forgotten jobs and a video with gaps',
      { results: { gaps: GAPS, partialVideo: PARTIAL } },
      'partial',
      true,
    ],
    [
      'has jobs about which AWS Batch does not answer',
      { results: { stored: 8, video: VIDEO }, seen: { fault: 'throttled' } },
      'unknown',
      false,
    ],
    // Jobs.
    ['has waiting children', { seen: { render: array({ RUNNABLE: 8 }), stitch: waiting } }, 'waiting', false],
    ['has no children yet', { seen: { render: array({}), stitch: waiting } }, 'waiting', false],
    [
      'has a running child',
      { seen: { render: array({ RUNNABLE: 7, RUNNING: 1 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'has a starting child',
      { seen: { render: array({ RUNNABLE: 7, STARTING: 1 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'has one slice, which runs',
      { seen: { render: job('r', 'RUNNING'), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'has all frames and a stitch job that waits for a machine',
      { seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'RUNNABLE') } },
      'waiting',
      false,
    ],
    [
      'has all frames and a running stitch job',
      { seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'RUNNING') } },
      'stitching',
      false,
    ],
    [
      'has its video',
      {
        results: { video: VIDEO },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'SUCCEEDED') },
      },
      'complete',
      true,
    ],
    ['needs no video', { records: framesOnly, seen: { stitch: job('s', 'SUCCEEDED') } }, 'complete', true],
    ['has a deleted video', { seen: { stitch: job('s', 'SUCCEEDED') } }, 'failed', true],
    [
      'has slices that failed long ago, and no salvage job',
      { seen: { render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      true,
    ],
    [
      'has slices that failed just now',
      { seen: { render: array({ FAILED: 8 }, 'FAILED', { stoppedAt: at(5) }), stitch: job('s', 'FAILED') } },
      'failed',
      false,
    ],
    [
      'has failed slices and a video with gaps',
      {
        results: { gaps: GAPS, partialVideo: PARTIAL },
        seen: { render: failedRender, salvage: job('v', 'SUCCEEDED') },
      },
      'partial',
      true,
    ],
    [
      'has a salvage job that found all frames',
      { results: { video: VIDEO }, seen: { render: failedRender, salvage: job('v', 'SUCCEEDED') } },
      'complete',
      true,
    ],
    [
      'has a stitch job that found a damaged frame and made a video with a gap',
      {
        results: { gaps: GAPS, partialVideo: PARTIAL },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'FAILED') },
      },
      'partial',
      true,
    ],
    [
      'has a failed stitch job and gaps of an earlier one',
      {
        results: { gaps: { ...GAPS, at: iso(5000) }, partialVideo: PARTIAL },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'FAILED') },
      },
      'failed',
      true,
    ],
    // On this machine.
    [
      'runs here in a live process',
      { seen: { ...here, render: array({ RUNNING: 1, RUNNABLE: 7 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'runs here and is between two slices',
      { seen: { ...here, render: array({ SUCCEEDED: 1, RUNNABLE: 7 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'ran here and has its video but not the journal of its stitch job',
      {
        results: { stored: 8, video: VIDEO },
        seen: { place: 'here', attended: false, render: array({ SUCCEEDED: 8 }, 'SUCCEEDED') },
      },
      'complete',
      true,
    ],
    [
      'ran here in a process that ended',
      {
        seen: { place: 'here', attended: false, render: array({ RUNNING: 1, RUNNABLE: 7 }), stitch: waiting },
      },
      'stopped',
      true,
    ],
    [
      'ran here and was stopped during the stitch job',
      {
        seen: {
          place: 'here',
          attended: false,
          render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'),
          stitch: job('s', 'RUNNING'),
        },
      },
      'stopped',
      true,
    ],
    [
      'runs here and has failed slices, before its salvage job',
      { seen: { ...here, render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      false,
    ],
    [
      'ran here, has failed slices, and its process ended',
      { seen: { place: 'here', attended: false, render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      true,
    ],
  ])('finds the state of a render that %s', (_, what, state, isEnded) => {
    expect(judgeRender(known(what), NOW)).toMatchObject({ state, ended: isEnded });
  });

  test('reports how many slices failed if no frame has a reason', () => {
    const render = array({ FAILED: 3, SUCCEEDED: 5 }, 'FAILED', { statusReason: 'Array Child Job failed' });
    expect(judgeRender(known({ seen: { render } }), NOW).reason).toBe('3 of 8 slices failed');
  });

  describe('on why nothing runs', () => {
    const wait = (secondsAgo: number, statusReason?: string) => {
      const child = job('r:0', 'RUNNABLE', { statusReason });
      const seen = {
        render: array({ RUNNABLE: 8 }, 'PENDING', { createdAt: at(secondsAgo) }),
        stitch: waiting,
        children: [child],
      };
      return judgeRender(known({ records: { jobsNotedAt: at(secondsAgo) }, seen }), NOW).waiting;
    };

    test('gives no hints in the first minute', () => {
      expect(wait(60)).toEqual({ since: iso(60), runnable: 8, hints: [] });
    });

    test('gives the usual reasons after a long wait without a status reason', () => {
      expect(wait(600)?.hints).toEqual(
        expect.arrayContaining([expect.stringContaining('All Standard Spot Instance Requests')]),
      );
    });

    test.each([
      [
        'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested',
        'instanceTypes',
      ],
      ['MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - x', 'spotVcpus'],
      ['MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - x', 'renderMemoryMib'],
      ['MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - x', 'deploy the farm again'],
      ['ACTION_REQUIRED - CE(s) associated with the job queue are invalid.', 'not valid'],
    ])('explains the status reason %s at once', (statusReason, hint) => {
      const told = wait(5, statusReason);
      expect(told?.statusReason).toBe(statusReason);
      expect(told?.hints).toEqual([expect.stringContaining(hint)]);
    });

    test('counts from the last attempt that ran', () => {
      const figures = { attempts: 1, interruptions: 1, machineSeconds: 9, lastSeen: at(70) };
      const seen = { render: array({ RUNNABLE: 8 }), stitch: waiting };
      expect(judgeRender(known({ seen, figures }), NOW).waiting?.since).toBe(iso(70));
    });
  });

  test('isFinal finds whether status.json is the last word', () => {
    const final = (records: Known['records']) => isFinal(known({ records }).records, NOW);
    expect(final({})).toBe(false);
    expect(final({ status: ended('complete') })).toBe(true);
    expect(final({ status: ended('failed', { endedJob: 's' }) })).toBe(true);
    // The end of the render job may be reported after that of the stitch job, which failed because of it.
    expect(final({ status: ended('failed', { endedJob: 's', at: iso(5) }) })).toBe(false);
    expect(final({ status: ended('failed', { endedJob: 'r' }) })).toBe(true);
    expect(final({ status: ended('failed', { endedJob: 'r', at: iso(5) }) })).toBe(false);
    const salvage = { renderJob: 'r', jobId: 'v' };
    expect(final({ salvage, status: ended('failed', { endedJob: 'r' }) })).toBe(false);
  });
});
