import { SpotreelError } from '../../../../core/errors';
import { TAKEN_BACK } from '../../../../core/jobs/ensure-jobs';
import { isReusable } from '../../../../core/jobs/pair';
import { retryRender, type RetryServices, type RetryWish } from '../../../../core/jobs/retry';
import { parseWorkerArgv } from '../../../../core/jobs/worker';
import type { RenderJobs } from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import { parseRetryPlan } from '../../../support/documents';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';
import { claimUrl, jobsUrl, retryUrl } from '../../../support/render-urls';
import { manifestFor } from '../../../support/stored-render';

const FOLDER = new URL('memory://films/renders/shot/');
const PLACE = 'memory://films/renders/shot';
const MANIFEST = manifestFor('shot', 12, { framesPerSlice: 2, sliceCount: 6 });
const STALE_AFTER_SECONDS = 100;
const PAIR = ['shot_Retry1_Rendering', 'shot_Retry1_Stitching'];

class World {
  readonly storage = new MemoryStorage();
  readonly batch = new RecordingBatch();
  seconds = 0;
  first: RenderJobs | undefined;

  /** A render whose first pair has failed. */
  static async of(): Promise<World> {
    const world = new World();
    const { batch } = world;
    const render = await batch.submitJob({
      jobName: 'shot_Rendering',
      jobQueue: 'spot',
      jobDefinition: 'render',
    });
    const stitch = await batch.submitJob({
      jobName: 'shot_Stitching',
      jobQueue: 'spot',
      jobDefinition: 'stitch',
    });
    for (const job of batch.jobs) job.status = 'FAILED';
    world.first = { render, stitch };
    await world.storage.put(jobsUrl(FOLDER), JSON.stringify(world.first));
    return world;
  }

  wish(more: Partial<RetryWish> = {}): RetryWish {
    return { why: 'asked', slices: [1, 4], frames: [3, 9, 10], jobQueue: 'spot', after: this.first, ...more };
  }

  retry(owner: string, more: Partial<RetryWish> = {}, process = new FaultyProcess()) {
    const services: RetryServices = {
      batch: process.see(this.batch),
      now: () => new Date(this.seconds * 1000),
      targets: {
        render: { jobQueue: 'spot', jobDefinition: 'render' },
        stitch: { jobQueue: 'spot', jobDefinition: 'stitch' },
      },
      claim: { owner, staleAfterSeconds: STALE_AFTER_SECONDS },
    };
    return retryRender(Render.in(FOLDER, process.see(this.storage)), MANIFEST, this.wish(more), services);
  }

  /** The jobs of retries. */
  names(): string[] {
    return this.batch.jobs.slice(2).map(({ request }) => request.jobName);
  }

  request(name: string) {
    return this.batch.jobs.find(({ request }) => request.jobName === name)!.request;
  }

  async plan(number: number) {
    return parseRetryPlan(await this.storage.get(retryUrl(FOLDER, number)));
  }
}

test('retryRender submits a child for each slice that lacks frames and a stitch job, and notes both', async () => {
  const world = await World.of();
  const { plan, jobs } = await world.retry('a', { partial: true });
  expect(world.names()).toEqual(PAIR);
  const render = world.request(PAIR[0]!);
  expect(render).toMatchObject({ jobQueue: 'spot', jobDefinition: 'render', arrayProperties: { size: 2 } });
  expect(render.containerOverrides).toEqual({ command: expect.any(Array) });
  expect(parseWorkerArgv(render.containerOverrides!.command!)).toMatchObject({
    output: PLACE,
    framesPerSlice: 2,
    totalFrames: 12,
    retry: 1,
  });
  const stitch = world.request(PAIR[1]!);
  expect(stitch.dependsOn).toEqual([{ jobId: jobs.render.jobId, type: 'SEQUENTIAL' }]);
  expect(parseWorkerArgv(stitch.containerOverrides!.command!)).toMatchObject({ partial: true });
  expect(await world.plan(1)).toEqual(plan);
  expect(plan).toMatchObject({
    number: 1,
    after: { render: 'job-1', stitch: 'job-2' },
    slices: [
      { start: 1, end: 1 },
      { start: 4, end: 4 },
    ],
    frames: [{ start: 3 }, { start: 9, end: 10 }],
  });
  expect(await Render.in(FOLDER, world.storage).jobs.readIfValid()).toEqual({
    ...jobs,
    retry: { kind: 'frames', number: 1, why: 'asked', slices: 2, frames: 3, partial: true },
  });
  expect(await world.storage.head(claimUrl(FOLDER))).toBeUndefined();
});

test('retryRender passes memory, vCPUs and the queue to the plain job of one slice', async () => {
  const world = await World.of();
  await world.retry('a', { slices: [4], frames: [9], memoryMib: 30_000, vcpus: 8, jobQueue: 'large' });
  const { arrayProperties, jobQueue, containerOverrides } = world.request(PAIR[0]!);
  expect({ arrayProperties, jobQueue }).toEqual({ arrayProperties: undefined, jobQueue: 'large' });
  expect(containerOverrides).toMatchObject({
    resourceRequirements: [
      { type: 'MEMORY', value: '30000' },
      { type: 'VCPU', value: '8' },
    ],
    environment: [
      { name: 'SPOTREEL_MEMORY_MIB', value: '30000' },
      { name: 'SPOTREEL_THREADS', value: '8' },
    ],
  });
  expect(world.request(PAIR[1]!)).toMatchObject({ jobQueue: 'spot' });
});

test('retryRender submits only an independent stitch job if no frame is missing', async () => {
  const world = await World.of();
  const { jobs } = await world.retry('a', { slices: [], frames: [] });
  expect(world.names()).toEqual(['shot_Retry1_Stitching']);
  expect(world.request('shot_Retry1_Stitching').dependsOn).toBeUndefined();
  expect(jobs).toMatchObject({ render: { jobId: 'job-1' }, retry: { kind: 'video', slices: 0 } });
});

test('retryRender submits one pair for concurrent and repeated calls', async () => {
  const world = await World.of();
  const results = await Promise.allSettled(['a', 'b', 'c'].map((owner) => world.retry(owner)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(world.names()).toEqual(PAIR);
  const again = await world.retry('d');
  expect(again.jobs.render.jobId).toBe('job-3');
  expect(world.names()).toEqual(PAIR);
});

test('retryRender refuses a wish that was based on an older pair', async () => {
  const world = await World.of();
  await world.retry('a');
  await expect(world.retry('b', { frames: [3], slices: [1] })).rejects.toMatchObject({
    code: 'running',
    kind: 'usage',
  });
  expect(world.names()).toEqual(PAIR);
  expect(await world.storage.head(claimUrl(FOLDER))).toBeUndefined();
});

test('retryRender leaves one pair wherever an earlier runner died', async () => {
  for (const fault of CALL_FAULTS) {
    for (const more of [{}, { samples: 4 }]) {
      for (let at = 1; ; at += 1) {
        const world = await World.of();
        const process = new FaultyProcess(at, fault);
        const [first] = await Promise.allSettled([world.retry('a', {}, process)]);
        expect(first.status === 'fulfilled' || first.reason instanceof SpotreelError).toBe(true);
        world.seconds += STALE_AFTER_SECONDS + 1;
        // Another wish fails with an error once the first retry is complete.
        await Promise.allSettled([world.retry('b', more)]);
        const alive = world.batch.alive();
        expect({ fault, at, names: alive.map((name) => name.replace('Retry2', 'Retry1')) }).toEqual({
          fault,
          at,
          names: PAIR,
        });
        const jobs = await Render.in(FOLDER, world.storage).jobs.readIfValid();
        expect(world.batch.find(jobs!.render.jobId).request.jobName).toBe(alive[0]);
        expect(world.batch.find(jobs!.stitch.jobId).request.jobName).toBe(alive[1]);
        expect((await world.plan(jobs!.retry!.number)).number).toBe(jobs!.retry!.number);
        if (process.calls < at) break;
      }
    }
  }
});

test('retryRender takes the render job back if the stitch job is refused', async () => {
  const world = await World.of();
  const reasons: string[] = [];
  world.batch.fault = (call, when) => {
    if (call === 'submitJob' && when === 'before' && world.batch.jobs.length === 3)
      throw new SpotreelError('client-exception', 'usage', 'no such queue');
  };
  const terminate = world.batch.terminateJob.bind(world.batch);
  world.batch.terminateJob = async (jobId: string, reason?: string) => {
    reasons.push(String(reason));
    await terminate(jobId);
  };
  await expect(world.retry('a')).rejects.toThrow('no such queue');
  expect(reasons).toEqual([TAKEN_BACK]);
  world.batch.fault = () => undefined;
  await world.retry('b');
  expect(world.batch.alive()).toEqual(PAIR);
});

test('retryRender ignores an old plan whose queue is gone', async () => {
  const world = await World.of();
  await world.retry('a');
  for (const job of world.batch.jobs) job.status = 'SUCCEEDED';
  // Submitted again since.
  await world.storage.put(jobsUrl(FOLDER), JSON.stringify(world.first));
  world.batch.fault = (call) => {
    if (call === 'listJobs') throw new SpotreelError('client-exception', 'usage', 'no such queue');
  };
  const { plan } = await world.retry('b', { samples: 4 });
  expect(plan.number).toBe(2);
});

test.each<
  [string, NonNullable<RenderJobs['retry']>, ['FAILED' | 'SUCCEEDED', 'SUCCEEDED' | 'RUNNING'], boolean]
>([
  [
    'of all missing frames',
    { kind: 'frames', number: 1, why: 'asked', slices: 1, frames: 1 },
    ['SUCCEEDED', 'SUCCEEDED'],
    true,
  ],
  [
    'of some missing frames',
    { kind: 'frames', number: 1, why: 'asked', slices: 1, frames: 1, partial: true },
    ['SUCCEEDED', 'SUCCEEDED'],
    false,
  ],
  [
    'of the video alone',
    { kind: 'video', number: 1, why: 'asked', slices: 0, frames: 0 },
    ['FAILED', 'SUCCEEDED'],
    true,
  ],
])(
  'isReusable decides whether a retry %s counts as the render',
  async (_, retry, [render, stitch], counts) => {
    const world = await World.of();
    world.batch.find('job-1').status = render;
    world.batch.find('job-2').status = stitch;
    expect(await isReusable({ ...world.first!, retry }, 'unfailed', world.batch)).toBe(counts);
  },
);
