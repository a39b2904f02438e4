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

describe('judge queued', () => {
  const queued = { place: 'here', attended: false, turn: 0 } as const;

  test.each<[string, Known, string]>([
    ['planned', { records: { jobs: undefined }, seen: queued }, 'waiting'],
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
    ['at work', { seen: { ...queued, attended: true, render: array({ RUNNING: 1 }) } }, 'rendering'],
  ])('in the queue of a watch folder, %s', (_, one, state) => {
    expect(judgeRender(known(one), NOW)).toMatchObject({ state, ended: false });
  });

  test('it says how many are before it, and since when it waits', () => {
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

describe('judge render', () => {
  const here = { place: 'here', attended: true } as const;
  const [waiting, plan] = [job('s', 'PENDING'), known({}).records.plan!];
  const framesOnly = { plan: { ...plan, video: 'none' as const } };
  const failedRender = array({ FAILED: 1, SUCCEEDED: 7 }, 'FAILED', { stoppedAt: at(500) });

  test.each<[string, Known, string, boolean]>([
    // From status.json.
    ['refused', { records: { plan: undefined, jobs: undefined, status: ended('refused') } }, 'refused', true],
    ['complete by status', { records: { status: ended('complete') } }, 'complete', true],
    ['partial by status', { records: { status: ended('partial') } }, 'partial', true],
    ['failed by status', { records: { status: ended('failed', { endedJob: 's' }) } }, 'failed', true],
    [
      'failed by hand, without jobs',
      { records: { jobs: undefined, status: ended('failed') } },
      'failed',
      true,
    ],
    [
      'failed just now, and a video of the rest may come',
      { records: { status: ended('failed', { at: iso(5), endedJob: 'r' }) } },
      'failed',
      false,
    ],
    [
      'failed just now, as far as is told the stitch job for the render job',
      { records: { status: ended('failed', { at: iso(5), endedJob: 's' }) }, seen: { render: failedRender } },
      'failed',
      false,
    ],
    [
      'failed just now, with no frame of which a video could come',
      { records: { status: ended('failed', { at: iso(5), endedJob: 'r' }) }, results: { stored: 0 } },
      'failed',
      true,
    ],
    [
      'failed just now, and no video is wanted',
      { records: { ...framesOnly, status: ended('failed', { at: iso(5), endedJob: 'r' }) } },
      'failed',
      true,
    ],
    [
      'failed, and a video of the rest is being made',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'RUNNING') } },
      'stitching',
      false,
    ],
    [
      'failed, and the job for the rest waits',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'RUNNABLE') } },
      'waiting',
      false,
    ],
    [
      'failed, and that job failed too',
      { records: { status: ended('failed', { endedJob: 'r' }) }, seen: { salvage: job('v', 'FAILED') } },
      'failed',
      true,
    ],
    [
      'failed, and AWS Batch does not say what became of the video',
      {
        records: { salvage: { renderJob: 'r', jobId: 'v' }, status: ended('failed', { endedJob: 'r' }) },
        seen: { fault: 'late' },
      },
      'failed',
      false,
    ],
    // Not submitted.
    [
      'planned just now',
      { records: { jobs: undefined, plan: { ...plan, createdAt: iso(5) } } },
      'waiting',
      false,
    ],
    ['planned long ago and never submitted', { records: { jobs: undefined } }, 'unknown', true],
    ['planned here, and somebody is at it', { records: { jobs: undefined }, seen: here }, 'waiting', false],
    [
      'planned here and left',
      { records: { jobs: undefined }, seen: { place: 'here', attended: false } },
      'stopped',
      true,
    ],
    // Jobs of which nothing is known.
    ['submitted just now', { records: { jobsNotedAt: at(5) } }, 'waiting', false],
    ['jobs that AWS Batch has forgotten', {}, 'unknown', true],
    ['forgotten, and the film is there', { results: { stored: 8, video: VIDEO } }, 'complete', true],
    [
      'forgotten, and a film with gaps is there',
      { results: { gaps: GAPS, partialVideo: PARTIAL } },
      'partial',
      true,
    ],
    [
      'AWS Batch does not answer',
      { results: { stored: 8, video: VIDEO }, seen: { fault: 'throttled' } },
      'unknown',
      false,
    ],
    // Jobs.
    ['children wait', { seen: { render: array({ RUNNABLE: 8 }), stitch: waiting } }, 'waiting', false],
    ['children that are not made yet', { seen: { render: array({}), stitch: waiting } }, 'waiting', false],
    [
      'a child runs',
      { seen: { render: array({ RUNNABLE: 7, RUNNING: 1 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'a child starts',
      { seen: { render: array({ RUNNABLE: 7, STARTING: 1 }), stitch: waiting } },
      'rendering',
      false,
    ],
    ['the only slice runs', { seen: { render: job('r', 'RUNNING'), stitch: waiting } }, 'rendering', false],
    [
      'all frames, and the video waits for a machine',
      { seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'RUNNABLE') } },
      'waiting',
      false,
    ],
    [
      'the video is made',
      { seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'RUNNING') } },
      'stitching',
      false,
    ],
    [
      'the video is there',
      {
        results: { video: VIDEO },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'SUCCEEDED') },
      },
      'complete',
      true,
    ],
    [
      'no video was wanted',
      { records: framesOnly, seen: { stitch: job('s', 'SUCCEEDED') } },
      'complete',
      true,
    ],
    ['the video was made and deleted', { seen: { stitch: job('s', 'SUCCEEDED') } }, 'failed', true],
    [
      'slices failed long ago, and nothing came after',
      { seen: { render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      true,
    ],
    [
      'slices failed just now',
      { seen: { render: array({ FAILED: 8 }, 'FAILED', { stoppedAt: at(5) }), stitch: job('s', 'FAILED') } },
      'failed',
      false,
    ],
    [
      'slices failed, and a video of the rest is there',
      {
        results: { gaps: GAPS, partialVideo: PARTIAL },
        seen: { render: failedRender, salvage: job('v', 'SUCCEEDED') },
      },
      'partial',
      true,
    ],
    [
      'all frames were there after all',
      { results: { video: VIDEO }, seen: { render: failedRender, salvage: job('v', 'SUCCEEDED') } },
      'complete',
      true,
    ],
    [
      'the stitch job found a bad frame and made a film with a gap',
      {
        results: { gaps: GAPS, partialVideo: PARTIAL },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'FAILED') },
      },
      'partial',
      true,
    ],
    [
      'the gaps are those of an earlier job',
      {
        results: { gaps: { ...GAPS, at: iso(5000) }, partialVideo: PARTIAL },
        seen: { render: array({ SUCCEEDED: 8 }, 'SUCCEEDED'), stitch: job('s', 'FAILED') },
      },
      'failed',
      true,
    ],
    // On this machine.
    [
      'here, and somebody is at it',
      { seen: { ...here, render: array({ RUNNING: 1, RUNNABLE: 7 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'here, between two slices',
      { seen: { ...here, render: array({ SUCCEEDED: 1, RUNNABLE: 7 }), stitch: waiting } },
      'rendering',
      false,
    ],
    [
      'here, and all is there, but not the journal of the video',
      {
        results: { stored: 8, video: VIDEO },
        seen: { place: 'here', attended: false, render: array({ SUCCEEDED: 8 }, 'SUCCEEDED') },
      },
      'complete',
      true,
    ],
    [
      'here, and nobody is at it',
      {
        seen: { place: 'here', attended: false, render: array({ RUNNING: 1, RUNNABLE: 7 }), stitch: waiting },
      },
      'stopped',
      true,
    ],
    [
      'here, stopped while the video was made',
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
      'here, slices failed, and the rest is about to be made a video of',
      { seen: { ...here, render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      false,
    ],
    [
      'here, slices failed, and nobody is at it',
      { seen: { place: 'here', attended: false, render: failedRender, stitch: job('s', 'FAILED') } },
      'failed',
      true,
    ],
  ])('%s', (_, what, state, isEnded) => {
    expect(judgeRender(known(what), NOW)).toMatchObject({ state, ended: isEnded });
  });

  test('a failed render without reasons of frames says how many slices failed', () => {
    const render = array({ FAILED: 3, SUCCEEDED: 5 }, 'FAILED', { statusReason: 'Array Child Job failed' });
    expect(judgeRender(known({ seen: { render } }), NOW).reason).toBe('3 of 8 slices failed');
  });

  describe('why nothing runs', () => {
    const wait = (secondsAgo: number, statusReason?: string) => {
      const child = job('r:0', 'RUNNABLE', { statusReason });
      const seen = {
        render: array({ RUNNABLE: 8 }, 'PENDING', { createdAt: at(secondsAgo) }),
        stitch: waiting,
        children: [child],
      };
      return judgeRender(known({ records: { jobsNotedAt: at(secondsAgo) }, seen }), NOW).waiting;
    };

    test('for a minute: a machine has to come', () => {
      expect(wait(60)).toEqual({ since: iso(60), runnable: 8, hints: [] });
    });

    test('for long, and AWS Batch says nothing: the usual reasons', () => {
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
    ])('AWS Batch says %s: at once, and what to change', (statusReason, hint) => {
      const told = wait(5, statusReason);
      expect(told?.statusReason).toBe(statusReason);
      expect(told?.hints).toEqual([expect.stringContaining(hint)]);
    });

    test('since the last that ran, not since the beginning', () => {
      const figures = { attempts: 1, interruptions: 1, machineSeconds: 9, lastSeen: at(70) };
      const seen = { render: array({ RUNNABLE: 8 }), stitch: waiting };
      expect(judgeRender(known({ seen, figures }), NOW).waiting?.since).toBe(iso(70));
    });
  });

  test('what is final needs no Batch', () => {
    const final = (records: Known['records']) => isFinal(known({ records }).records, NOW);
    expect(final({})).toBe(false);
    expect(final({ status: ended('complete') })).toBe(true);
    expect(final({ status: ended('failed', { endedJob: 's' }) })).toBe(true);
    // The render job's end may be told after that of the stitch job, which failed for it.
    expect(final({ status: ended('failed', { endedJob: 's', at: iso(5) }) })).toBe(false);
    expect(final({ status: ended('failed', { endedJob: 'r' }) })).toBe(true);
    expect(final({ status: ended('failed', { endedJob: 'r', at: iso(5) }) })).toBe(false);
    const salvage = { renderJob: 'r', jobId: 'v' };
    expect(final({ salvage, status: ended('failed', { endedJob: 'r' }) })).toBe(false);
  });
});
