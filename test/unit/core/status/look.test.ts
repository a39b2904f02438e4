import { BatchClient, DescribeJobsCommand, type DescribeJobsCommandOutput } from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { SliceDigests } from '../../../../core/cost/slice-digests';
import { AwsBatch } from '../../../../core/jobs/aws-batch';
import { setCap, submitRender } from '../../../../core/jobs/submit';
import type { SliceReport } from '../../../../core/render/records';
import { Render } from '../../../../core/render/render';
import { RenderLook } from '../../../../core/status/look';
import { StorageError } from '../../../../core/storage/storage';
import { sliceReportUrl } from '../../../support/render-urls';
import { setUpSubmit } from '../../../support/submit-scene';

const mock = mockClient(BatchClient);
const batch = new AwsBatch(new BatchClient({ region: 'eu-central-1' }));
beforeEach(() => mock.reset());

async function setUp() {
  const { services, request, storage } = await setUpSubmit();
  const { render } = await submitRender(request, services);
  const place = { render, batch, now: Date.now };
  return { storage, folder: render.folder, place };
}

const aws = { jobQueue: 'queue', jobDefinition: 'definition', startedAt: 1 };
const summary = { arrayProperties: { size: 3, statusSummary: { RUNNING: 3 } } };
const answered: DescribeJobsCommandOutput = {
  jobs: [
    { ...aws, jobId: 'job-1', jobName: 'r', status: 'PENDING', ...summary },
    { ...aws, jobId: 'job-2', jobName: 's', status: 'PENDING' },
  ],
  $metadata: {},
};

test('RenderLook waits for a late answer in the next look and does not ask again', async () => {
  const { place } = await setUp();
  let resolve: (answer: DescribeJobsCommandOutput) => void = () => undefined;
  const promise = new Promise<DescribeJobsCommandOutput>((answer) => (resolve = answer));
  mock.on(DescribeJobsCommand).callsFake(() => promise);
  const render = new RenderLook({ ...place, lateSeconds: 0.01 });
  for (const _ of [1, 2]) {
    expect((await render.look())?.state).toMatchObject({
      state: 'unknown',
      ended: false,
      fault: expect.stringMatching(/not answered/),
    });
  }
  resolve(answered);
  await promise;
  const state = (await render.look())?.state;
  expect(state).toMatchObject({ state: 'rendering', slices: { running: 3 } });
  expect(state?.fault).toBeUndefined();
  expect(mock.commandCalls(DescribeJobsCommand)).toHaveLength(1);
});

test('RenderLook reports the last answer and the fault while AWS Batch throttles', async () => {
  const { place } = await setUp();
  mock
    .on(DescribeJobsCommand)
    .resolvesOnce(answered)
    .rejects(Object.assign(new Error('slow down'), { name: 'ThrottlingException' }));
  const render = new RenderLook(place);
  expect(await render.look()).toMatchObject({ throttled: false, state: { state: 'rendering' } });
  expect(await render.look()).toMatchObject({
    throttled: true,
    state: { state: 'rendering', slices: { running: 3 }, fault: expect.stringContaining('slow down') },
  });
});

test('SliceDigests fetches only changed reports in a second look', async () => {
  const { storage, folder } = await setUp();
  const time = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
  const attempt = (
    number: number,
    seconds: number[],
    exitCode?: number,
  ): SliceReport['attempts'][number] => ({
    attempt: number,
    startedAt: time(number * 100),
    ...(exitCode !== undefined && { exitCode, stoppedAt: time(number * 100 + 50) }),
    kept: 0,
    failed: [],
    frames: seconds.map((taken, i) => ({
      frame: number * 10 + i,
      seconds: taken,
      storedAt: time(number * 100 + i),
      bytes: 1,
    })),
  });
  const put = (slice: number, ...attempts: SliceReport['attempts']) =>
    storage.put(sliceReportUrl(folder, slice), JSON.stringify({ version: 1, slice, attempts }));
  await put(0, attempt(1, [1, 2], 143), attempt(2, [3]));
  // Its machine was lost.
  await put(1, attempt(1, [4]), attempt(2, [5], 0));
  const get = jest.spyOn(storage, 'get');
  const digests = new SliceDigests();
  expect(await digests.read(Render.in(folder, storage))).toEqual({
    attempts: 4,
    interruptions: 2,
    machineSeconds: 100,
    frameSeconds: { quarter: 2, median: 3, threeQuarters: 4 },
    lastSeen: Date.parse(time(250)),
  });
  expect(get).toHaveBeenCalledTimes(2);
  const later = Date.parse(time(260));
  expect(digests.held(0, later)).toEqual({ spotSeconds: 100, onDemandSeconds: 0 });
  // A running slice counts from its latest report.
  expect(digests.held(1, later)).toEqual({ spotSeconds: 160, onDemandSeconds: 0 });
  await put(2, { ...attempt(1, [1]), onDemand: true });
  await digests.read(Render.in(folder, storage));
  // One of two open attempts lost its machine; which one is unknown.
  expect(digests.held(1, later)).toEqual({ spotSeconds: 100 + 60 / 2, onDemandSeconds: 160 / 2 });
  // It uses other vCPUs, which its report has from the start.
  await put(2, { ...attempt(1, [1]), onDemand: true, vcpus: 16 });
  await digests.read(Render.in(folder, storage));
  expect(digests.held(2, later)).toEqual({
    spotSeconds: 160,
    onDemandSeconds: 160,
    resized: [{ vcpus: 16, spotSeconds: 0, onDemandSeconds: 160 }],
  });
  get.mockClear();
  await put(0, attempt(1, [1, 2], 143), attempt(2, [3, 9], 0));
  expect(await digests.read(Render.in(folder, storage))).toMatchObject({ attempts: 5, machineSeconds: 150 });
  expect(get).toHaveBeenCalledTimes(1);
});

test('RenderLook reports the cap of a running render, or nothing if access to caps is denied', async () => {
  const { storage, place } = await setUp();
  mock.on(DescribeJobsCommand).resolves(answered);
  const cap = {
    version: 1,
    renderId: place.render.renderId,
    maxUsd: 5,
    at: new Date(0).toISOString(),
  } as const;
  await setCap(cap, place.render);
  const render = new RenderLook(place);
  expect((await render.look())?.state).toMatchObject({ cap: { maxUsd: 5, reached: false } });
  const stopped = { jobId: 'job-1', usd: 5.1, at: cap.at };
  await place.render.cap.write({ ...cap, stopped });
  expect((await render.look())?.state).toMatchObject({ cap: { maxUsd: 5, reached: true } });
  const get = storage.get.bind(storage);
  jest.spyOn(storage, 'get').mockImplementation((url) => {
    if (url.pathname.startsWith('/caps/')) return Promise.reject(new StorageError('denied', url, 'no'));
    return get(url);
  });
  expect((await render.look())?.state).not.toHaveProperty('cap');
});
