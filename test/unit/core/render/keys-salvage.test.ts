import { workerArgv } from '../../../../core/jobs/worker';
import { capReason } from '../../../../core/render/records';
import { parseJobStateChange } from '../../../../lambda/finish-render/ended-job';
import { finishRender } from '../../../../lambda/finish-render/finish-render';
import { jobStateChange } from '../../../support/aws-events';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { tryAsLambdaDoes } from '../../../support/lambda-tries';
import { MemoryStorage } from '../../../support/memory-storage';
import { RecordingBatch } from '../../../support/recording-batch';
import {
  capUrl,
  frameUrl,
  gapsUrl,
  jobsUrl,
  manifestUrl,
  partialVideoUrl,
  renderFolder,
  salvageUrl,
  statusUrl,
  videoUrl,
} from '../../../support/render-urls';

const output = new URL('memory://films/renders/');
const folder = renderFolder(output, 'shot-1');
const input = 'memory://films/uploads/shot.blend';
const place = 'memory://films/renders/shot-1';
const SECOND = 1000;
const STALE_SECONDS = 150;

const MANIFEST = {
  version: 1,
  renderId: 'shot-1',
  createdAt: new Date(0).toISOString(),
  source: { url: input, etag: 'abc', size: 5 },
  options: {},
  blenderVersion: { major: 3, minor: 4 },
  scene: 'Scene',
  engine: 'CYCLES',
  frames: [{ start: 1, end: 6, step: 1 }],
  frameCount: 6,
  framesPerSlice: 2,
  sliceCount: 3,
  frameRate: { numerator: 24, denominator: 1 },
  resolution: { width: 64, height: 36 },
};

const renderFailed = (more = {}, jobId = 'render-1') =>
  jobStateChange({
    jobId,
    jobName: 'shot-1_Rendering',
    status: 'FAILED',
    createdAt: 0,
    statusReason: 'Array Child Job failed',
    container: {
      command: workerArgv({ command: 'render', input, output: place, framesPerSlice: 2, totalFrames: 6 }),
    },
    ...more,
  });

const salvaged = (status: string, createdAt = Date.now() + 60 * SECOND) =>
  jobStateChange({
    jobId: 'job-1',
    jobName: 'shot-1_Salvaging',
    status,
    createdAt,
    container: { command: workerArgv({ command: 'stitch', input: place, output: place, partial: true }) },
  });

class World {
  readonly storage = new MemoryStorage();
  readonly batch = new RecordingBatch();
  readonly told: string[] = [];
  seconds = 0;

  static async of(pair = 'render-1'): Promise<World> {
    const world = new World();
    const job = (jobId: string) => ({ jobId, jobName: jobId });
    await world.storage.put(manifestUrl(folder), JSON.stringify(MANIFEST));
    await world.storage.put(jobsUrl(folder), JSON.stringify({ render: job(pair), stitch: job('stitch-1') }));
    await world.storage.put(frameUrl(folder, 1), 'x');
    return world;
  }

  finish(event: unknown, process = new FaultyProcess()) {
    const notify = async ({ subject }: { subject: string }) => void this.told.push(subject);
    return finishRender(parseJobStateChange(event), {
      storage: process.see(this.storage),
      notify,
      output,
      region: 'eu-central-1',
      now: () => new Date(this.seconds * SECOND),
      salvage: {
        batch: process.see(this.batch),
        jobQueue: 'queue',
        stitchDefinition: 'stitch',
        farmName: 'main',
        claim: { owner: `runner-${this.seconds}`, staleAfterSeconds: STALE_SECONDS },
      },
    });
  }

  async status() {
    return JSON.parse(Buffer.from(await this.storage.get(statusUrl(folder))).toString());
  }
}

test('the finish Lambda submits one salvage job after a failed render job, however often the event comes', async () => {
  const world = await World.of();
  for (let i = 0; i < 3; i += 1) await world.finish(renderFailed());
  expect(world.batch.jobs.map(({ request }) => request)).toEqual([
    {
      jobName: 'shot-1_Salvaging',
      jobQueue: 'queue',
      jobDefinition: 'stitch',
      tags: { 'spotreel:farm': 'main', 'spotreel:render': 'shot-1' },
      propagateTags: true,
      containerOverrides: { command: ['stitch', '-i', place, '-o', place, '--partial'] },
    },
  ]);
  expect(await world.status()).toMatchObject({ state: 'failed' });
});

test('the finish Lambda submits another salvage job for another render job of the same render', async () => {
  const world = await World.of();
  await world.finish(renderFailed());
  const job = (jobId: string) => ({ jobId, jobName: jobId });
  await world.storage.put(jobsUrl(folder), JSON.stringify({ render: job('render-2'), stitch: job('s') }));
  await world.finish(renderFailed({}, 'render-2'));
  expect(world.batch.jobs).toHaveLength(2);
});

test('two concurrent finish Lambdas submit one salvage job', async () => {
  const world = await World.of();
  const ends = await Promise.allSettled([world.finish(renderFailed()), world.finish(renderFailed())]);
  expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true);
  expect(world.batch.jobs).toHaveLength(1);
});

test.each([
  ['was cancelled', { isCancelled: true, statusReason: 'the artist thought again' }, 0],
  ['was terminated', { isTerminated: true, statusReason: 'the artist thought again' }, 0],
  [
    'reached its time limit',
    { isTerminated: true, statusReason: 'Job attempt duration exceeded timeout' },
    1,
  ],
  ['failed, with both flags false', { isCancelled: false, isTerminated: false }, 1],
])(
  'the finish Lambda salvages a render job unless a person stopped it: one that %s',
  async (_, more, jobs) => {
    const world = await World.of();
    await world.finish(renderFailed(more));
    expect(world.batch.jobs).toHaveLength(jobs);
    expect(world.told).toHaveLength(1);
  },
);

describe('a render job that was stopped at its cap', () => {
  const noted = { jobId: 'render-1', usd: 5.2, at: new Date(0).toISOString() };
  const cap = { version: 1, renderId: 'shot-1', maxUsd: 5, at: noted.at, stopped: noted };
  const gaps = { version: 1, at: noted.at, frameCount: 6, marked: false, gaps: [] };

  test.each([
    ['known by its status reason', capReason(5, 5.2), {}],
    ['known by the cap, with any status reason', 'Array Child Job failed', cap],
  ])('gets a partial video and a status with both facts, %s', async (_, statusReason, object) => {
    const world = await World.of();
    await world.storage.put(capUrl(folder), JSON.stringify(object));
    await world.finish(renderFailed({ isTerminated: true, statusReason }));
    expect(world.batch.jobs).toHaveLength(1);
    expect(await world.status()).toMatchObject({ state: 'failed', reason: capReason(5, 5.2) });
    await world.storage.put(partialVideoUrl(folder), 'video');
    await world.storage.put(gapsUrl(folder), JSON.stringify(gaps));
    await world.finish(salvaged('SUCCEEDED'));
    expect(await world.status()).toMatchObject({
      state: 'partial',
      reason: `${capReason(5, 5.2)}; 0 of 6 frames are missing in the video; gaps.json names them`,
    });
  });

  test('is not confused with a job that a person terminated', async () => {
    const world = await World.of();
    const other = { ...cap, stopped: { ...noted, jobId: 'render-0' } };
    await world.storage.put(capUrl(folder), JSON.stringify(other));
    await world.finish(renderFailed({ isTerminated: true, statusReason: 'no more' }));
    expect(world.batch.jobs).toEqual([]);
  });
});

test('the finish Lambda submits no salvage job without a stored frame', async () => {
  const world = await World.of();
  await world.storage.delete(frameUrl(folder, 1));
  await world.finish(renderFailed());
  expect(world.batch.jobs).toEqual([]);
  expect(await world.status()).toMatchObject({ state: 'failed', frames: { stored: 0 } });
});

test('the finish Lambda submits no salvage job for an outdated job or one without a plan', async () => {
  const outdated = await World.of('render-2');
  await outdated.finish(renderFailed());
  expect(outdated.batch.jobs).toEqual([]);
  const planless = await World.of();
  await planless.storage.delete(manifestUrl(folder));
  await planless.finish(renderFailed());
  expect(planless.batch.jobs).toEqual([]);
});

describe('the end of a salvage job', () => {
  const gaps = {
    version: 1,
    at: new Date(0).toISOString(),
    frameCount: 6,
    marked: false,
    gaps: [{ frame: 3, reason: 'out of memory', shown: 2 }],
  };

  test('is reported as partial with the video and the missing frames', async () => {
    const world = await World.of();
    await world.finish(renderFailed());
    await world.storage.put(partialVideoUrl(folder), 'video');
    await world.storage.put(gapsUrl(folder), JSON.stringify(gaps));
    await world.finish(salvaged('SUCCEEDED'));
    expect(await world.status()).toMatchObject({
      state: 'partial',
      reason: '1 of 6 frames is missing in the video; gaps.json names them',
      findings: [{ code: 'frame-missing', frame: 3, message: expect.stringContaining('out of memory') }],
      links: { video: `${place}/output.partial.mp4` },
    });
    expect(world.told).toEqual([
      'Render shot-1 failed',
      'Render shot-1 has a video, but frames or sound are missing',
    ]);
    // A late repeated event about the render job's end has less detail.
    await world.finish(renderFailed());
    expect(await world.status()).toMatchObject({ state: 'partial' });
  });

  test('is reported as complete if the whole video exists', async () => {
    const world = await World.of();
    await world.finish(renderFailed());
    await world.storage.put(videoUrl(folder), 'video');
    await world.finish(salvaged('SUCCEEDED'));
    expect(await world.status()).toMatchObject({ state: 'complete' });
  });

  test('keeps the status of the render job if the salvage job failed', async () => {
    const world = await World.of();
    await world.finish(renderFailed());
    await world.finish(salvaged('FAILED'));
    expect(await world.status()).toMatchObject({ state: 'failed', endedJob: 'render-1' });
    expect(world.told).toHaveLength(1);
  });

  test('is outdated if it belongs to an older pair', async () => {
    const world = await World.of();
    expect(await world.finish(salvaged('SUCCEEDED', 0))).toEqual({ outcome: 'outdated' });
  });
});

test('a retried finish Lambda submits one salvage job, wherever the first one died', async () => {
  for (const fault of CALL_FAULTS) {
    for (let at = 1; ; at += 1) {
      const world = await World.of();
      const process = new FaultyProcess(at, fault);
      await tryAsLambdaDoes(world, renderFailed, process);
      expect({ fault, at, jobs: world.batch.jobs.length }).toEqual({ fault, at, jobs: 1 });
      expect(JSON.parse(Buffer.from(await world.storage.get(salvageUrl(folder))).toString())).toMatchObject({
        renderJob: 'render-1',
        jobId: 'job-1',
      });
      if (process.calls < at) break;
    }
  }
});
