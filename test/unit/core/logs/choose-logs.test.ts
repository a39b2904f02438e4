import type {
  BatchView,
  JobDetail,
  JobStatus,
  JobSummary,
  ListJobsRequest,
} from '../../../../core/jobs/batch';
import {
  attemptsOf,
  chooseLogs,
  jobsOfSlice,
  type LoggedRender,
  namedLogs,
  renderJobsOf,
  sliceOfIndex,
  stitchJobsOf,
} from '../../../../core/logs/choose-logs';
import { sliceOfChild } from '../../../../core/render/slices';

describe('choose logs', () => {
  const jobs = { render: { jobId: 'r', jobName: 'r' }, stitch: { jobId: 's', jobName: 's' } };
  const manifest = {
    renderId: 'shot',
    frames: [{ start: 1, end: 8, step: 1 }],
    framesPerSlice: 2,
    sliceCount: 4,
  };
  const RENDER: LoggedRender = { manifest, jobs };

  type KnownJob = Partial<JobDetail> & { readonly status: JobStatus };

  /** Knows these jobs by id and records its calls. */
  class FakeBatch implements BatchView {
    readonly calls: string[] = [];

    constructor(private readonly known: Readonly<Record<string, KnownJob>>) {}

    async describeJobs(ids: readonly string[]): Promise<JobDetail[]> {
      this.calls.push(`describe ${ids.length}`);
      return ids.flatMap((jobId) => {
        const known = this.known[jobId];
        return known ? [{ jobId, jobName: jobId, jobQueue: 'q', jobDefinition: 'd', ...known }] : [];
      });
    }

    async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
      if (!('jobStatus' in request)) throw new Error('the test allows no request for all children');
      this.calls.push(`list ${request.jobStatus}`);
      return Object.entries(this.known)
        .filter(([id, { status }]) => id.startsWith(`${request.arrayJobId}:`) && status === request.jobStatus)
        .slice(0, request.most)
        .map(([jobId, { status }]) => ({ jobId, jobName: jobId, status }));
    }
  }

  const ran = (status: JobStatus): KnownJob => ({ status, container: { logStreamName: 'x' } });
  const parent = (
    statusSummary: Partial<Record<JobStatus, number>>,
    status: JobStatus = 'PENDING',
  ): KnownJob => ({
    status,
    arrayProperties: { size: 4, statusSummary },
  });

  test.each<[string, Record<string, KnownJob>, string[], boolean?]>([
    ['no job has run', { r: parent({ RUNNABLE: 4 }), s: { status: 'PENDING' } }, []],
    [
      'some slices run',
      {
        r: parent({ RUNNING: 2, RUNNABLE: 2 }),
        s: { status: 'PENDING' },
        'r:2': ran('RUNNING'),
        'r:0': ran('RUNNING'),
      },
      ['r:0', 'r:2'],
    ],
    [
      'some slices failed and others run',
      {
        r: parent({ FAILED: 1, RUNNING: 1 }),
        s: { status: 'PENDING' },
        'r:1': ran('FAILED'),
        'r:2': ran('RUNNING'),
      },
      ['r:1'],
    ],
    [
      'some slices failed, others run and the user follows',
      {
        r: parent({ FAILED: 1, RUNNING: 1 }),
        s: { status: 'PENDING' },
        'r:1': ran('FAILED'),
        'r:2': ran('RUNNING'),
      },
      ['r:2'],
      true,
    ],
    [
      'a slice failed and the video never began',
      { r: parent({ FAILED: 1, SUCCEEDED: 3 }, 'FAILED'), s: { status: 'FAILED' }, 'r:3': ran('FAILED') },
      ['r:3'],
    ],
    ['the video failed', { r: parent({ SUCCEEDED: 4 }, 'SUCCEEDED'), s: ran('FAILED') }, ['s']],
    ['the video job runs', { r: parent({ SUCCEEDED: 4 }, 'SUCCEEDED'), s: ran('RUNNING') }, ['s']],
    ['all jobs succeeded', { r: parent({ SUCCEEDED: 4 }, 'SUCCEEDED'), s: ran('SUCCEEDED') }, ['s']],
    [
      'the render was cancelled before a job ran',
      { r: parent({ FAILED: 4 }, 'FAILED'), s: { status: 'FAILED' }, 'r:0': { status: 'FAILED' } },
      [],
    ],
    ['AWS Batch has forgotten it', {}, []],
  ])('chooseLogs picks the most useful jobs if %s', async (_, known, expected, follow = false) => {
    const chosen = await chooseLogs(RENDER, new FakeBatch(known), follow);
    expect(chosen.jobs.map(({ jobId }) => jobId)).toEqual(expected);
    const goesOn = Object.values(known).some(({ status }) => status !== 'SUCCEEDED' && status !== 'FAILED');
    expect(chosen.ended).toBe(!goesOn);
  });

  test('chooseLogs shows three of 10,000 failed slices, and their number, with three requests', async () => {
    const children = Array.from({ length: 10_000 }, (_, i) => [`r:${9_999 - i}`, ran('FAILED')] as const);
    const summary = parent({ FAILED: 10_000 }, 'FAILED');
    const batch = new FakeBatch({ r: summary, s: { status: 'FAILED' }, ...Object.fromEntries(children) });
    const { jobs: shown, why } = await chooseLogs(RENDER, batch);
    expect(shown).toHaveLength(3);
    expect(why).toContain('3 of 10000 slices');
    expect(batch.calls).toEqual(['describe 2', 'list FAILED', 'describe 100']);
  });

  test('a render of one slice has no array index', async () => {
    const render = { manifest: { ...manifest, framesPerSlice: 8, sliceCount: 1 }, jobs };
    const batch = new FakeBatch({ r: ran('FAILED'), s: { status: 'FAILED' } });
    expect((await chooseLogs(render, batch)).jobs).toEqual([{ jobId: 'r', slice: 0, what: 'slice 0' }]);
    expect(namedLogs({ frame: 7 }, render)).toEqual({ jobId: 'r', slice: 0, what: 'slice 0', frame: 7 });
  });

  test('namedLogs finds the job of a slice, a frame or the video, a salvage job first', () => {
    expect(namedLogs({}, RENDER)).toBeUndefined();
    expect(namedLogs({ slice: 3 }, RENDER)?.jobId).toBe('r:3');
    expect(namedLogs({ frame: 8 }, RENDER)?.jobId).toBe('r:3');
    expect(namedLogs({ stitch: true }, RENDER)?.jobId).toBe('s');
    expect(namedLogs({ stitch: true }, { ...RENDER, salvage: 'v' })?.jobId).toBe('v');
    expect(() => namedLogs({ slice: 4 }, RENDER)).toThrow('shot has no slice 4: they are 0 to 3');
    expect(() => namedLogs({ frame: 9 }, RENDER)).toThrow('shot has no frame 9: its frames are 1-8');
  });

  test('namedLogs takes the last job of a task, or the one with the given number', () => {
    const retried: LoggedRender = {
      manifest,
      jobs: { render: { jobId: 'r1', jobName: 'r1' }, stitch: { jobId: 's1', jobName: 's1' } },
      retries: [{ slices: [{ start: 1, end: 3, step: 2 }], after: { render: 'r', stitch: 's' } }],
    };
    expect(namedLogs({ slice: 3 }, retried)).toEqual({
      jobId: 'r1:1',
      slice: 3,
      what: 'slice 3 (job 2 of 2)',
    });
    expect(namedLogs({ slice: 3, job: 1 }, retried)).toMatchObject({
      jobId: 'r:3',
      what: 'slice 3 (job 1 of 2)',
    });
    expect(namedLogs({ frame: 8, job: 1 }, retried)).toMatchObject({ jobId: 'r:3', slice: 3, frame: 8 });
    expect(namedLogs({ slice: 2 }, retried)).toEqual({ jobId: 'r:2', slice: 2, what: 'slice 2' });
    expect(namedLogs({ stitch: true, job: 1 }, retried)?.jobId).toBe('s');
    expect(namedLogs({ stitch: true }, retried)).toEqual({ jobId: 's1', what: 'the video (job 2 of 2)' });
    expect(namedLogs({ stitch: true, job: 3 }, { ...retried, salvage: 'v' })?.jobId).toBe('v');
    expect(() => namedLogs({ slice: 3, job: 3 }, retried)).toThrow(
      'slice 3 had 2 jobs, not 3; give --job 1 to 2',
    );
    expect(() => namedLogs({ job: 1 }, retried)).toThrow('--job needs --frame, --slice or --stitch');
  });

  test('namedLogs finds the child that renders a frame if slices are spread', () => {
    const frames = [{ start: 10, end: 208, step: 2 }];
    const spread = { ...manifest, frames, framesPerSlice: 2, sliceCount: 50, sliceOrder: 'spread' as const };
    for (let child = 0; child < 50; child += 1) {
      const frame = 10 + sliceOfChild(child, 50, 'spread') * 4;
      expect(namedLogs({ frame }, { manifest: spread, jobs })?.jobId).toBe(`r:${child}`);
    }
  });

  test('chooseLogs ignores earlier failures if the newest retry makes only the video', async () => {
    const retry = { kind: 'video', number: 1, why: 'asked', slices: 0, frames: 0 } as const;
    const known = {
      r: parent({ FAILED: 1, SUCCEEDED: 3 }, 'FAILED'),
      'r:1': ran('FAILED'),
      s: ran('RUNNING'),
    };
    const chosen = await chooseLogs({ ...RENDER, jobs: { ...jobs, retry } }, new FakeBatch(known));
    expect(chosen.jobs.map(({ jobId }) => jobId)).toEqual(['s']);
  });
});

describe('job attempts', () => {
  const job = (more: Partial<JobDetail>): JobDetail => ({
    jobId: 'j',
    jobName: 'j',
    jobQueue: 'q',
    jobDefinition: 'd',
    status: 'RUNNING',
    ...more,
  });
  const ended = (logStreamName: string | undefined, stoppedAt = 2) => ({
    startedAt: 1,
    stoppedAt,
    statusReason: 'Host EC2 (instance i-1) terminated.',
    container: { exitCode: 1, logStreamName },
  });

  test.each<[string, Partial<JobDetail>, Array<[attempt: number, stream: string | undefined]>]>([
    ['a job without a started attempt has no attempts', {}, []],
    ['a first attempt that runs is listed', { container: { logStreamName: 'a' } }, [[1, 'a']]],
    [
      'a second attempt that runs is listed',
      { attempts: [ended('a')], container: { logStreamName: 'b' } },
      [
        [1, 'a'],
        [2, 'b'],
      ],
    ],
    [
      'an ended attempt is listed once',
      { attempts: [ended('a')], container: { logStreamName: 'a' } },
      [[1, 'a']],
    ],
    [
      'an attempt without a container has no stream',
      { attempts: [ended(undefined), ended('b')] },
      [
        [1, undefined],
        [2, 'b'],
      ],
    ],
  ])('%s', (_, more, expected) => {
    const attempts = attemptsOf(job(more));
    expect(attempts.map(({ attempt, stream }) => [attempt, stream?.name])).toEqual(expected);
  });

  test('the reason of an attempt is that of its container, else that of its status', () => {
    expect(attemptsOf(job({ attempts: [ended('a')] }))[0]).toMatchObject({
      stoppedAt: 2,
      exitCode: 1,
      reason: 'Host EC2 (instance i-1) terminated.',
    });
    const attempts = [{ ...ended('a'), container: { reason: 'OutOfMemoryError', logStreamName: 'a' } }];
    expect(attemptsOf(job({ attempts }))[0]).toMatchObject({ reason: 'OutOfMemoryError' });
  });

  test('the log group is from the job, else the farm, else AWS Batch', () => {
    const groupOf = (logGroup: string | undefined, farm?: string) =>
      attemptsOf(job({ container: { logStreamName: 'a', logGroup } }), farm)[0]?.stream?.group;
    expect(groupOf('own', 'farm')).toBe('own');
    expect(groupOf(undefined, 'farm')).toBe('farm');
    expect(groupOf(undefined)).toBe('/aws/batch/job');
  });
});

describe('render jobs', () => {
  const job = (jobId: string) => ({ jobId, jobName: jobId });
  const jobs = (render: string, stitch: string) => ({ render: job(render), stitch: job(stitch) });
  const slices = (...indexes: number[]) => indexes.map((index) => ({ start: index, end: index, step: 1 }));
  const after = (render: string, stitch = 's') => ({ render, stitch });

  test('a render without retries has one render job, whose children are the slices', () => {
    const found = renderJobsOf(jobs('r', 's'), []);
    expect(found).toEqual([{ jobId: 'r' }]);
    expect(jobsOfSlice(3, found, 5)).toEqual(['r:3']);
    expect(jobsOfSlice(0, found, 1)).toEqual(['r']);
    expect(sliceOfIndex(3, found[0]!)).toBe(3);
  });

  test('jobsOfSlice lists the retries with the slice, the newest first, then the first job', () => {
    const plans = [
      { slices: slices(1, 4, 7), after: after('r') },
      { slices: slices(4), after: after('r1') },
    ];
    const found = renderJobsOf(jobs('r2', 's2'), plans);
    expect(found).toEqual([{ jobId: 'r2', slices: [4] }, { jobId: 'r1', slices: [1, 4, 7] }, { jobId: 'r' }]);
    // A retry of one slice is not an array job.
    expect(jobsOfSlice(4, found, 9)).toEqual(['r2', 'r1:1', 'r:4']);
    expect(jobsOfSlice(7, found, 9)).toEqual(['r1:2', 'r:7']);
    expect(jobsOfSlice(8, found, 9)).toEqual(['r:8']);
    expect(sliceOfIndex(2, found[1]!)).toBe(7);
  });

  test('a retry without jobs and a retry of only the video have no render job', () => {
    const nothing = [
      { slices: slices(1, 2), after: after('r') },
      { slices: slices(2, 3), after: after('r') },
    ];
    expect(renderJobsOf(jobs('r2', 's2'), nothing)).toEqual([
      { jobId: 'r2', slices: [2, 3] },
      { jobId: 'r' },
    ]);
    expect(renderJobsOf(jobs('r', 's1'), [{ slices: [], after: after('r') }])).toEqual([{ jobId: 'r' }]);
  });

  test('a retry without a known predecessor hides earlier jobs', () => {
    const found = renderJobsOf(jobs('r1', 's1'), [{ slices: slices(2) }]);
    expect(jobsOfSlice(2, found, 9)).toEqual(['r1']);
    expect(jobsOfSlice(3, found, 9)).toEqual([]);
  });

  test('stitchJobsOf lists the stitch job of each pair once', () => {
    expect(stitchJobsOf(jobs('r', 's'), [])).toEqual(['s']);
    const plans = [{ after: after('r', 's') }, { after: after('r', 's') }, { after: after('r2', 's2') }];
    expect(stitchJobsOf(jobs('r3', 's3'), plans)).toEqual(['s3', 's2', 's']);
    expect(stitchJobsOf(jobs('r1', 's1'), [{}])).toEqual(['s1']);
  });
});
