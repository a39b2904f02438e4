import type { AttemptDetail, JobDetail } from '../../../../core/jobs/batch';
import { workerArgv } from '../../../../core/jobs/worker';
import type { Manifest } from '../../../../core/render/manifest';
import {
  capReason,
  type JobsRetry,
  type RenderJobs,
  type RenderStatus,
} from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import { parseJobStateChange } from '../../../../lambda/finish-render/ended-job';
import { finishRender } from '../../../../lambda/finish-render/finish-render';
import { jobStateChange } from '../../../support/aws-events';
import { parseStatus } from '../../../support/documents';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { tryAsLambdaDoes } from '../../../support/lambda-tries';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';
import {
  failureUrl,
  frameUrl,
  jobsUrl,
  manifestUrl,
  statusUrl,
  videoUrl,
} from '../../../support/render-urls';
import { manifestFor } from '../../../support/stored-render';

describe('rescue', () => {
  const FOLDER = new URL('memory://films/renders/shot/');
  const PLACE = 'memory://films/renders/shot';
  const STALE_SECONDS = 150;
  const FARM = { 'spotreel:farm': 'main' };
  const RESCUE = ['shot_Retry1_Rendering', 'shot_Retry1_Stitching'];

  const RECLAIMED: AttemptDetail = { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.' };
  const WARNED: AttemptDetail = {
    statusReason: 'Essential container in task exited',
    container: { exitCode: 143 },
  };
  const AT_FAULT: AttemptDetail = { ...WARNED, container: { exitCode: 65 } };
  const TIMED_OUT: AttemptDetail = {
    statusReason: 'Job attempt duration exceeded timeout',
    container: { exitCode: 143 },
  };

  /** The Batch of tests, which also says how each child of the render job ended. */
  class EndedChildren extends RecordingBatch {
    constructor(readonly attempts: Map<string, AttemptDetail>) {
      super();
    }

    override async describeJobs(ids: readonly string[]): Promise<JobDetail[]> {
      const children = ids.flatMap((jobId): JobDetail[] => {
        const attempt = this.attempts.get(jobId);
        return attempt ? [{ ...CHILD, jobId, attempts: [AT_FAULT, attempt] }] : [];
      });
      return [...(await super.describeJobs(ids)), ...children];
    }
  }

  const CHILD = { jobName: 'child', jobQueue: 'spot', jobDefinition: 'render', status: 'FAILED' } as const;

  interface Given {
    /** How the child of each slice ended; of 2 frames each, the first slice has 1 and 2. */
    readonly ends: readonly (AttemptDetail | 'done')[];
    readonly givenUp?: readonly number[];
    readonly stored?: readonly number[];
    readonly options?: Manifest['options'];
    readonly retry?: JobsRetry;
  }

  class World {
    readonly storage = new MemoryStorage();
    readonly told: string[] = [];
    seconds = 0;

    constructor(readonly batch: EndedChildren) {}

    static async of({ ends, givenUp = [], stored = [], options = {}, retry }: Given): Promise<World> {
      const isOne = ends.length === 1;
      const attempts = ends.flatMap((end, child): Array<[string, AttemptDetail]> =>
        end === 'done' ? [] : [[isOne ? 'render-1' : `render-1:${child}`, end]],
      );
      const world = new World(new EndedChildren(new Map(attempts)));
      const { storage } = world;
      const frameCount = ends.length * 2;
      const manifest = manifestFor('shot', frameCount, {
        framesPerSlice: 2,
        sliceCount: ends.length,
        options,
      });
      await storage.put(manifestUrl(FOLDER), JSON.stringify(manifest));
      const jobs = { render: job('render-1'), stitch: job('stitch-1'), ...(retry && { retry }) };
      await storage.put(jobsUrl(FOLDER), JSON.stringify(jobs));
      const done = ends.flatMap((end, slice) => (end === 'done' ? [2 * slice + 1, 2 * slice + 2] : []));
      for (const frame of [...done, ...stored]) await storage.put(frameUrl(FOLDER, frame), 'x');
      for (const frame of givenUp) await storage.put(failureUrl(FOLDER, frame), '{}');
      return world;
    }

    finish(event: unknown, process = new FaultyProcess()) {
      const batch = process.see<EndedChildren>(this.batch);
      const claim = { owner: `runner-${this.seconds}`, staleAfterSeconds: STALE_SECONDS };
      const stitch = { jobQueue: 'spot', jobDefinition: 'stitch' };
      return finishRender(parseJobStateChange(event), {
        storage: process.see(this.storage),
        notify: async ({ subject }) => void this.told.push(subject),
        output: new URL('memory://films/renders/'),
        region: 'eu-central-1',
        now: () => new Date(this.seconds * 1000),
        salvage: { batch, jobQueue: 'spot', stitchDefinition: 'stitch', claim },
        rescue: {
          batch,
          jobQueue: 'on-demand',
          sizes: [],
          renderDefinitions: [{ jobDefinition: 'render' }],
          stitch,
          farmName: 'main',
          claim,
        },
      });
    }

    names(): string[] {
      return this.batch.jobs.map(({ request }) => request.jobName);
    }

    async status() {
      return parseStatus(await this.storage.get(statusUrl(FOLDER)));
    }
  }

  const job = (jobId: string) => ({ jobId, jobName: jobId });
  const slices = { framesPerSlice: 2, totalFrames: 8 };
  const RENDER = workerArgv({ command: 'render', input: 'memory://films/a.blend', output: PLACE, ...slices });
  const STITCH = workerArgv({ command: 'stitch', input: PLACE, output: PLACE });

  const renderFailed = (more: object = {}, jobId = 'render-1') =>
    jobStateChange({
      ...{ jobId, jobName: 'shot_Rendering', status: 'FAILED', createdAt: 0 },
      container: { command: RENDER },
      ...more,
    });
  const stitchFailed = (jobId = 'stitch-1') =>
    jobStateChange({
      ...{ jobId, jobName: 'shot_Stitching', status: 'FAILED', createdAt: 0 },
      statusReason: 'Dependent Job failed',
      container: { command: STITCH },
    });

  test('a rescue renders only reclaimed slices on On-Demand machines', async () => {
    const world = await World.of({
      ends: ['done', RECLAIMED, AT_FAULT, WARNED, TIMED_OUT],
      stored: [3],
      givenUp: [7],
    });
    expect(await world.finish(renderFailed())).toMatchObject({ outcome: 'reported' });
    expect(world.names()).toEqual(RESCUE);
    const [render, stitch] = world.batch.jobs.map(({ request }) => request);
    expect(render).toMatchObject({
      jobQueue: 'on-demand',
      jobDefinition: 'render',
      arrayProperties: { size: 2 },
    });
    // Others are missing for good: the video has gaps.
    expect(stitch).toMatchObject({ jobQueue: 'spot', dependsOn: [{ jobId: 'job-1', type: 'SEQUENTIAL' }] });
    expect(stitch!.containerOverrides!.command).toContain('--partial');
    expect(await Render.in(FOLDER, world.storage).retry(1).require()).toMatchObject({
      why: 'reclaimed',
      onDemand: true,
      after: { render: 'render-1', stitch: 'stitch-1' },
      slices: [
        { start: 1, end: 1 },
        { start: 3, end: 3 },
      ],
      frames: [{ start: 4 }, { start: 8 }],
    });
    expect(await world.status()).toMatchObject({
      state: 'rescuing',
      jobs: { render: 'job-1', stitch: 'job-2' },
      retry: { number: 1, frames: 2, onDemand: true },
      reason: expect.stringContaining('2 frames continue on On-Demand machines, at full price'),
      frames: { total: 10, stored: 3 },
    });
    expect(world.told).toEqual(['Render shot continues on On-Demand machines']);
  });

  test('a render stopped at its cap gets a partial video instead of a rescue', async () => {
    const world = await World.of({ ends: ['done', WARNED] });
    const statusReason = capReason(5, 5.1);
    await world.finish(renderFailed({ statusReason }));
    expect(world.names()).toEqual(['shot_Salvaging']);
    expect(await world.status()).toMatchObject({ state: 'failed', reason: statusReason });
  });

  test.each([
    ['MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no machine is large enough', { isCancelled: true }],
    ['CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY', { isTerminated: true }],
  ])('a render that its queue cancelled gets a partial video: %s', async (statusReason, flags) => {
    const world = await World.of({ ends: ['done', AT_FAULT] });
    await world.finish(renderFailed({ ...flags, statusReason }));
    expect(world.names()).toEqual(['shot_Salvaging']);
    expect(await world.status()).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining(statusReason),
    });
  });

  test('a render that a person cancelled gets no video', async () => {
    const world = await World.of({ ends: ['done', AT_FAULT] });
    await world.finish(renderFailed({ isCancelled: true, statusReason: 'not enough CAPACITY' }));
    expect(world.names()).toEqual([]);
  });

  test('repeated and reordered events lead to one rescue and one message', async () => {
    const world = await World.of({ ends: [RECLAIMED, 'done'] });
    const render = await world.batch.submitJob({ jobName: 'x', jobQueue: 'spot', jobDefinition: 'render' });
    await world.storage.put(jobsUrl(FOLDER), JSON.stringify({ render, stitch: job('stitch-1') }));
    world.batch.find(render.jobId).status = 'FAILED';
    world.batch.attempts.set(`${render.jobId}:0`, RECLAIMED);
    expect(await world.finish(stitchFailed())).toEqual({ outcome: 'ignored' });
    for (let i = 0; i < 3; i += 1) await world.finish(renderFailed({}, render.jobId));
    expect(await world.finish(stitchFailed())).toEqual({ outcome: 'outdated' });
    expect(world.names().slice(1)).toEqual(RESCUE);
    expect(world.told).toEqual(['Render shot continues on On-Demand machines']);
  });

  test('a render of one slice without any frame is rescued', async () => {
    const world = await World.of({ ends: [RECLAIMED] });
    await world.finish(renderFailed());
    expect(world.names()).toEqual(RESCUE);
    expect(world.batch.jobs[0]!.request.arrayProperties).toBeUndefined();
    expect(world.batch.jobs[1]!.request.containerOverrides!.command).not.toContain('--partial');
  });

  const ASKED: JobsRetry = { kind: 'frames', number: 1, why: 'asked', slices: 1, frames: 2 };

  test.each<[string, Given, object]>([
    [
      'a person stopped the render',
      { ends: [RECLAIMED, 'done'] },
      { isTerminated: true, statusReason: 'no' },
    ],
    ['the frames failed for good', { ends: [WARNED, 'done'], givenUp: [1, 2] }, {}],
    ['the scene is at fault', { ends: [AT_FAULT, 'done'] }, {}],
    ['it took too long', { ends: [TIMED_OUT, 'done'] }, {}],
    ['it needs GPUs', { ends: [RECLAIMED, 'done'], options: { device: 'GPU' } }, {}],
    ['it ran on On-Demand machines', { ends: [RECLAIMED, 'done'], retry: { ...ASKED, onDemand: true } }, {}],
  ])('the finish Lambda reports the end without a rescue: %s', async (_, given, more) => {
    const world = await World.of(given);
    await world.finish(renderFailed(more));
    expect(world.names().filter((name) => name.includes('Retry'))).toEqual([]);
    expect(await world.status()).toMatchObject({ state: 'failed', endedJob: 'render-1' });
  });

  test('a failed rescue leads to a partial video and no other rescue', async () => {
    const world = await World.of({ ends: [RECLAIMED, 'done'] });
    await world.finish(renderFailed());
    await world.finish(renderFailed({ createdAt: Date.now() + 60_000 }, 'job-1'));
    expect(world.names()).toEqual([...RESCUE, 'shot_Salvaging']);
    expect(await world.status()).toMatchObject({ state: 'failed', retry: { onDemand: true } });
    expect(world.told).toEqual(['Render shot continues on On-Demand machines', 'Render shot failed']);
    // Late news of the first pair changes nothing.
    await world.finish(renderFailed());
    expect(await world.status()).toMatchObject({ state: 'failed' });
    expect(world.told).toHaveLength(2);
  });

  test('a retried finish Lambda submits and reports one rescue, wherever the first one died', async () => {
    for (const fault of CALL_FAULTS) {
      for (let at = 1; ; at += 1) {
        const world = await World.of({ ends: [RECLAIMED, 'done'] });
        const process = new FaultyProcess(at, fault);
        await tryAsLambdaDoes(world, renderFailed, process);
        expect({ fault, at, names: world.names() }).toEqual({ fault, at, names: RESCUE });
        expect(await Render.in(FOLDER, world.storage).jobs.readIfValid()).toMatchObject({
          render: { jobId: 'job-1' },
          retry: { number: 1 },
        });
        expect(await world.status()).toMatchObject({ state: 'rescuing' });
        expect(world.told.length).toBeGreaterThan(0);
        if (process.calls < at) break;
      }
    }
  });

  test('the jobs of a rescue have the tag of the farm', async () => {
    const world = await World.of({ ends: [RECLAIMED, 'done'] });
    await world.finish(renderFailed());
    const tags = world.batch.jobs.map(({ request }) => request.tags);
    expect(tags).toEqual([expect.objectContaining(FARM), expect.objectContaining(FARM)]);
  });
});

describe('retried', () => {
  const FOLDER = new URL('memory://films/renders/shot/');
  const PLACE = 'memory://films/renders/shot';

  /** A retry's stitch job has succeeded; 5 of 6 frames are there. */
  async function stitched(partial: boolean, files: Record<string, string>): Promise<RenderStatus> {
    const storage = new MemoryStorage();
    await storage.put(manifestUrl(FOLDER), JSON.stringify(manifestFor('shot', 6)));
    const jobs: RenderJobs = {
      render: { jobId: 'r2', jobName: 'shot_Retry1_Rendering' },
      stitch: { jobId: 's2', jobName: 'shot_Retry1_Stitching' },
      retry: { kind: 'frames', number: 1, why: 'asked', slices: 1, frames: 2, ...(partial && { partial }) },
    };
    await storage.put(jobsUrl(FOLDER), JSON.stringify(jobs));
    for (let frame = 1; frame <= 5; frame += 1) await storage.put(frameUrl(FOLDER, frame), 'x');
    for (const [name, content] of Object.entries(files)) await storage.put(new URL(name, FOLDER), content);
    const command = workerArgv({
      command: 'stitch',
      input: PLACE,
      output: PLACE,
      ...(partial && { partial }),
    });
    const event = jobStateChange({
      ...{ jobId: 's2', jobName: jobs.stitch.jobName, status: 'SUCCEEDED', createdAt: 1 },
      container: { command },
    });
    await finishRender(parseJobStateChange(event), {
      storage,
      notify: async () => undefined,
      output: new URL('memory://films/renders/'),
      region: 'eu-central-1',
      now: () => new Date(0),
    });
    return parseStatus(await storage.get(new URL('status.json', FOLDER)));
  }

  const GAPS = JSON.stringify({
    version: 1,
    at: new Date(0).toISOString(),
    frameCount: 6,
    marked: false,
    gaps: [{ frame: 6, reason: 'out of memory', shown: 5 }],
  });

  test('a retry of some missing frames is reported as partial with the missing frames', async () => {
    expect(await stitched(true, { 'gaps.json': GAPS })).toMatchObject({
      state: 'partial',
      jobs: { render: 'r2', stitch: 's2' },
      retry: { number: 1, frames: 2 },
      findings: [{ code: 'frame-missing', frame: 6 }],
      links: { video: `${PLACE}/output.partial.mp4` },
    });
  });

  test('a retry of all missing frames is reported as complete, whatever the earlier gaps', async () => {
    const files = { 'gaps.json': GAPS, 'output.mp4': 'video' };
    expect(await stitched(false, files)).toMatchObject({
      state: 'complete',
      links: { video: videoUrl(FOLDER).href },
    });
    expect(await stitched(false, { 'gaps.json': GAPS })).toMatchObject({ state: 'failed' });
  });
});
