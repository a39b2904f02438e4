import { type FaultKind, SpotreelError } from '../../../../core/errors';
import type { AttemptDetail } from '../../../../core/jobs/batch';
import type { LargerSize } from '../../../../core/jobs/machine-types';
import { MEMORY_REASON, workerArgv } from '../../../../core/jobs/worker';
import type { Manifest } from '../../../../core/render/manifest';
import type { JobsRetry, RetryPlan } from '../../../../core/render/records';
import { parseJobStateChange } from '../../../../lambda/finish-render/ended-job';
import { finishRender } from '../../../../lambda/finish-render/finish-render';
import { jobStateChange } from '../../../support/aws-events';
import { parseRetryPlan, parseStatus } from '../../../support/documents';
import { MemoryStorage } from '../../../support/memory-storage';
import { EndedChildren } from '../../../support/recording-batch';
import {
  capUrl,
  failureUrl,
  frameUrl,
  jobsUrl,
  manifestUrl,
  retryUrl,
  sliceReportUrl,
  statusUrl,
} from '../../../support/render-urls';
import { manifestFor } from '../../../support/stored-render';

const FOLDER = new URL('memory://films/renders/shot/');
const PLACE = 'memory://films/renders/shot';
const FULL = `${MEMORY_REASON} was ended by SIGKILL; a slice has 14000 MiB: raise the setting renderMemoryMib`;
const KILLED: AttemptDetail = {
  statusReason: 'Essential container in task exited',
  container: { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
};
const AT_FAULT: AttemptDetail = { container: { exitCode: 65 } };
const RECLAIMED: AttemptDetail = { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.' };
const AT = new Date(0).toISOString();

interface Given {
  /** How the child of each slice ended. The slices have 2 frames each. */
  readonly ends: ReadonlyArray<AttemptDetail | 'done'>;
  /** Frames that failed, with their reasons. */
  readonly failures?: Readonly<Record<number, string>>;
  readonly stored?: readonly number[];
  readonly options?: Manifest['options'];
  /** Sizes with twice the memory that the queues can run; by default both. */
  readonly sizes?: readonly LargerSize[];
  /** The same for On-Demand machines, if they differ. */
  readonly onDemandSizes?: readonly LargerSize[];
}

const WITH_VCPUS: LargerSize = { memoryMib: 28_000, vcpus: 8 };
const SAME_VCPUS: LargerSize = { memoryMib: 28_000 };

class World {
  readonly storage = new MemoryStorage();
  readonly batch = new EndedChildren();
  readonly told: string[] = [];
  readonly warned: Array<Readonly<Record<string, unknown>> | undefined> = [];

  constructor(private readonly given: Given) {}

  static async of(given: Given): Promise<World> {
    const world = new World(given);
    const { ends, failures = {}, stored = [], options = {} } = given;
    ends.forEach((end, child) => end !== 'done' && world.batch.attempts.set(`render-1:${child}`, end));
    const shape = { framesPerSlice: 2, sliceCount: ends.length, options };
    await world.put(manifestUrl(FOLDER), manifestFor('shot', ends.length * 2, shape));
    await world.put(jobsUrl(FOLDER), { render: job('render-1'), stitch: job('stitch-1') });
    const done = ends.flatMap((end, slice) => (end === 'done' ? [slice * 2 + 1, slice * 2 + 2] : []));
    for (const frame of [...done, ...stored]) await world.put(frameUrl(FOLDER, frame), 'x');
    for (const [frame, reason] of Object.entries(failures))
      await world.put(failureUrl(FOLDER, Number(frame)), failure(Number(frame), reason));
    return world;
  }

  async put(url: URL, value: unknown): Promise<void> {
    await this.storage.put(url, JSON.stringify(value));
  }

  finish(jobId = 'render-1', more: object = {}) {
    const { batch } = this;
    const claim = { owner: 'request-1', staleAfterSeconds: 150 };
    const { sizes = [WITH_VCPUS, SAME_VCPUS], onDemandSizes = sizes } = this.given;
    const event = jobStateChange({
      ...{ jobId, jobName: 'shot_Rendering', status: 'FAILED', createdAt: 0 },
      container: { command: RENDER },
      ...more,
    });
    return finishRender(parseJobStateChange(event), {
      storage: this.storage,
      output: new URL('memory://films/renders/'),
      notify: async ({ subject }) => void this.told.push(subject),
      region: 'eu-central-1',
      now: () => new Date(0),
      log: { warn: (_, fields) => void this.warned.push(fields) },
      salvage: { batch, jobQueue: 'spot', stitchDefinition: 'stitch', claim },
      memory: {
        batch,
        claim,
        spot: { jobQueue: 'spot', sizes },
        gpu: { jobQueue: 'gpu', sizes },
        onDemand: { jobQueue: 'on-demand', sizes: onDemandSizes },
        renderDefinitions: [{ jobDefinition: 'render', gpuJobDefinition: 'gpu-render' }],
        stitchDefinition: 'stitch',
        farmName: 'main',
      },
      rescue: {
        batch,
        claim,
        jobQueue: 'on-demand',
        sizes: onDemandSizes,
        renderDefinitions: [{ jobDefinition: 'render' }],
        stitch: { jobQueue: 'spot', jobDefinition: 'stitch' },
        farmName: 'main',
      },
    });
  }

  names(): string[] {
    return this.batch.jobs.map(({ request }) => request.jobName);
  }

  async status() {
    return parseStatus(await this.storage.get(statusUrl(FOLDER)));
  }

  async plan(number = 1) {
    return parseRetryPlan(await this.storage.get(retryUrl(FOLDER, number)));
  }
}

const job = (jobId: string) => ({ jobId, jobName: jobId });
const slices = { framesPerSlice: 2, totalFrames: 8 };
const RENDER = workerArgv({ command: 'render', input: 's3://films/a.blend', output: PLACE, ...slices });
const failure = (frame: number, reason: string) => ({
  ...{ version: 1, slice: 0, tries: 2, failedAt: AT },
  frame,
  reason,
});
const RETRY = ['shot_Retry1_Rendering', 'shot_Retry1_Stitching'];
const SALVAGE = ['shot_Salvaging'];

test('slices that ran out of memory are rendered once more with twice the memory and vCPUs', async () => {
  const world = await World.of({
    ends: ['done', AT_FAULT, AT_FAULT, 'done'],
    failures: { 3: FULL, 4: `bad_alloc (${FULL})`, 5: 'no camera', 6: FULL },
  });
  expect(await world.finish()).toMatchObject({ outcome: 'reported' });
  expect(world.names()).toEqual(RETRY);
  expect(world.batch.jobs[0]!.request).toMatchObject({
    jobQueue: 'spot',
    jobDefinition: 'render',
    arrayProperties: { size: 2 },
    containerOverrides: {
      resourceRequirements: [
        { type: 'MEMORY', value: '28000' },
        { type: 'VCPU', value: '8' },
      ],
    },
  });
  expect(await world.plan()).toMatchObject({
    why: 'memory',
    memoryMib: 28_000,
    vcpus: 8,
    frames: [
      { start: 3, end: 4 },
      { start: 6, end: 6 },
    ],
    // Frame 5 failed for another reason and stays missing.
    partial: true,
  });
  expect(await world.status()).toMatchObject({
    state: 'rescuing',
    retry: { number: 1, why: 'memory', memoryMib: 28_000 },
    reason: 'slices ran out of memory: 3 frames continue with 28000 MiB for each slice',
  });
  expect(world.told).toEqual(['Render shot continues with more memory']);
});

test('a repeated event submits no second memory retry', async () => {
  const world = await World.of({ ends: [AT_FAULT, 'done'], failures: { 1: FULL, 2: FULL } });
  await world.finish();
  await world.finish();
  expect(world.names()).toEqual(RETRY);
});

test('a memory retry that runs out of memory again is not retried', async () => {
  const world = await World.of({ ends: [AT_FAULT, 'done'], failures: { 1: FULL, 2: FULL } });
  await world.finish();
  world.batch.attempts.set('job-1', AT_FAULT);
  await world.finish('job-1');
  expect(world.names()).toEqual([...RETRY, ...SALVAGE]);
  expect(await world.status()).toMatchObject({ state: 'failed' });
});

/** A memory retry whose machine was reclaimed, and a farm with On-Demand machines of these sizes. */
async function reclaimed(onDemandSizes: readonly LargerSize[], cap?: object): Promise<World> {
  const world = await World.of({ ends: [KILLED, 'done'], onDemandSizes });
  if (cap) await world.put(capUrl(FOLDER), cap);
  await world.finish();
  world.batch.attempts.set('job-1', RECLAIMED);
  await world.finish('job-1');
  return world;
}

const ON_DEMAND = { why: 'reclaimed', jobQueue: 'on-demand', memoryMib: 28_000 };

test('a rescue after a memory retry keeps its memory', async () => {
  const world = await reclaimed([WITH_VCPUS, SAME_VCPUS]);
  expect(await world.plan(2)).toMatchObject({ ...ON_DEMAND, vcpus: 8 });
});

test('a rescue has the usual vCPUs if the On-Demand queue has too few for more', async () => {
  const world = await reclaimed([SAME_VCPUS]);
  const plan = await world.plan(2);
  expect(plan).toMatchObject(ON_DEMAND);
  expect(plan).not.toHaveProperty('vcpus');
});

test('there is no rescue if the On-Demand queue cannot run slices of this size', async () => {
  expect((await reclaimed([])).names()).toEqual([...RETRY, ...SALVAGE]);
  expect((await reclaimed([SAME_VCPUS], CAP)).names()).toEqual([...RETRY, ...SALVAGE]);
});

test('a slice whose container was killed for memory is retried as a whole', async () => {
  const world = await World.of({ ends: ['done', KILLED], stored: [3] });
  await world.finish();
  expect(await world.plan()).toMatchObject({ why: 'memory', slices: [{ start: 1 }], frames: [{ start: 4 }] });
});

test('a slice whose Blender could not open the scene for lack of memory is retried', async () => {
  const world = await World.of({ ends: ['done', AT_FAULT] });
  const attempt = { attempt: 1, startedAt: AT, exitCode: 65, kept: 0, frames: [], failed: [] };
  const reason = `Blender could not render memory://films/a.blend: ${FULL}`;
  const attempts = [{ ...attempt, reason }];
  await world.put(sliceReportUrl(FOLDER, 1), { version: 1, slice: 1, attempts });
  await world.finish();
  expect(world.names()).toEqual(RETRY);
});

test('slices of the same job whose machines were reclaimed join the memory retry', async () => {
  const world = await World.of({ ends: [KILLED, RECLAIMED] });
  await world.finish();
  const plan = await world.plan();
  expect(plan).toMatchObject({ why: 'memory', jobQueue: 'spot', frames: [{ start: 1, end: 4 }] });
  expect(plan).not.toHaveProperty('partial');
});

test('a render on GPUs keeps its queue and GPU', async () => {
  const world = await World.of({ ends: ['done', KILLED], options: { device: 'GPU' } });
  await world.finish();
  expect(world.batch.jobs[0]!.request).toMatchObject({ jobQueue: 'gpu', jobDefinition: 'gpu-render' });
  expect(world.batch.jobs[0]!.request.containerOverrides?.resourceRequirements).toContainEqual({
    type: 'GPU',
    value: '1',
  });
});

test('the vCPUs of a memory retry stay if twice as many fit no machine', async () => {
  const world = await World.of({ ends: ['done', KILLED], sizes: [SAME_VCPUS] });
  await world.finish();
  const plan = await world.plan();
  expect(plan).toMatchObject({ memoryMib: 28_000 });
  expect(plan).not.toHaveProperty('vcpus');
});

const CAP = { version: 1, renderId: 'shot', maxUsd: 5, at: AT };

test('a render with a cost cap gets vCPUs with its memory, because the cap counts vCPUs', async () => {
  const world = await World.of({ ends: ['done', KILLED] });
  await world.put(capUrl(FOLDER), CAP);
  await world.finish();
  expect(await world.plan()).toMatchObject({ memoryMib: 28_000, vcpus: 8 });
});

test.each<[string, Given]>([
  ['no machine has twice the memory', { ends: ['done', KILLED], sizes: [] }],
  [
    'frames failed for other reasons',
    { ends: ['done', AT_FAULT], failures: { 3: 'no camera', 4: 'out of GPU memory' } },
  ],
])('there is no memory retry if %s', async (_, given) => {
  const world = await World.of(given);
  await world.finish();
  expect(world.names()).toEqual(SALVAGE);
  expect(await world.status()).toMatchObject({ state: 'failed' });
});

test('there is no memory retry beyond a cost cap', async () => {
  const noVcpus = await World.of({ ends: ['done', KILLED], sizes: [SAME_VCPUS] });
  await noVcpus.put(capUrl(FOLDER), CAP);
  await noVcpus.finish();
  expect(noVcpus.names()).toEqual(SALVAGE);
  const stopped = await World.of({ ends: ['done', KILLED] });
  await stopped.put(capUrl(FOLDER), { ...CAP, stopped: { jobId: 'render-1', usd: 5.1, at: AT } });
  await stopped.finish();
  expect(stopped.names()).toEqual(SALVAGE);
});

/** A person's retry of slice 1, which has failed for this reason. */
async function retried(number: number, end: AttemptDetail, more: Partial<RetryPlan> = {}): Promise<World> {
  const world = await World.of({ ends: ['done', KILLED] });
  const plan: RetryPlan = {
    ...{ version: 1, kind: 'frames', number, createdAt: AT, why: 'asked', jobQueue: 'spot' },
    slices: [{ start: 1, end: 1, step: 1 }],
    frames: [{ start: 3, end: 4, step: 1 }],
    ...more,
  };
  const retry: JobsRetry = { kind: 'frames', number, why: 'asked', slices: 1, frames: 2 };
  await world.put(retryUrl(FOLDER, number), plan);
  await world.put(jobsUrl(FOLDER), { render: job('render-2'), stitch: job('stitch-2'), retry });
  world.batch.attempts.set('render-2', end);
  return world;
}

test('there is no memory retry after a retry whose memory a person chose', async () => {
  const world = await retried(1, KILLED, { memoryMib: 20_000 });
  await world.finish('render-2');
  expect(world.names()).toEqual(SALVAGE);
});

test('a memory retry skips unreadable plans of older retries', async () => {
  const world = await retried(2, KILLED);
  await world.storage.put(retryUrl(FOLDER, 1), 'torn');
  await world.finish('render-2');
  expect(await world.plan(3)).toMatchObject({ why: 'memory', slices: [{ start: 1 }] });
});

test('there is no second memory retry after a retry that a person asked for', async () => {
  const world = await retried(2, KILLED);
  const older = { ...(await world.plan(2)), number: 1, why: 'memory', memoryMib: 28_000 };
  await world.put(retryUrl(FOLDER, 1), older);
  await world.finish('render-2');
  expect(world.names()).toEqual(SALVAGE);
});

test.each([
  ['ran out of memory', KILLED],
  ['lost its machine', RECLAIMED],
])('a retry with an unreadable plan that %s is reported as failed', async (_, end) => {
  const world = await retried(1, end);
  await world.storage.put(retryUrl(FOLDER, 1), 'torn');
  await world.finish('render-2');
  expect(await world.status()).toMatchObject({ state: 'failed' });
  expect(world.names()).toEqual(SALVAGE);
});

test('a cancelled render gets no memory retry', async () => {
  const world = await World.of({ ends: ['done', KILLED] });
  await world.finish('render-1', { isTerminated: true, statusReason: 'cancelled by ann' });
  expect(world.names()).toEqual([]);
});

describe('a refused retry', () => {
  /** Slice 0 ran out of memory, and slice 1 lost its machine. AWS Batch refuses the first jobs. */
  async function refused(code: string, kind: FaultKind, refusals: number): Promise<World> {
    const world = await World.of({ ends: [KILLED, RECLAIMED, 'done'] });
    let left = refusals;
    world.batch.fault = (call, when) => {
      if (call !== 'submitJob' || when !== 'before' || left === 0) return;
      left -= 1;
      throw new SpotreelError(code, kind, 'AWS Batch refused it');
    };
    return world;
  }

  test.each(['denied', 'client-exception'])(
    'that AWS Batch answers with %s leads to a report and a salvage job',
    async (code) => {
      const world = await refused(code, 'usage', 2);
      await world.finish();
      expect(world.names()).toEqual(SALVAGE);
      expect(world.told).toEqual(['Render shot failed']);
      expect(await world.status()).toMatchObject({
        state: 'failed',
        reason: expect.stringContaining(
          'a retry with more memory was refused: AWS Batch refused it; a rescue on On-Demand machines was refused',
        ),
      });
      expect(world.warned).toMatchObject([{ code }, { code }]);
    },
  );

  test('with more memory is followed by the rescue of reclaimed slices', async () => {
    const world = await refused('client-exception', 'usage', 1);
    await world.finish();
    expect(await world.plan(2)).toMatchObject({ why: 'reclaimed', onDemand: true });
    expect(await world.status()).toMatchObject({ state: 'rescuing' });
  });

  test('throws a passing fault, so that Lambda tries it again', async () => {
    const world = await refused('batch-unavailable', 'passing', 1);
    await expect(world.finish()).rejects.toMatchObject({ code: 'batch-unavailable' });
    expect(world.told).toEqual([]);
  });
});
