import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobDetail, JobStatus } from '../../core/jobs/batch';
import { submitRender } from '../../core/jobs/submit';
import type { RenderStatus } from '../../core/render/records';
import { S3Storage } from '../../core/storage/s3-storage';
import { emulatedEnvironment } from '../support/emulated-farm';
import { type HttpServer, startHttpServer } from '../support/http-server';
import { RecordingBatch } from '../support/recording-batch';
import { frameUrl, jobsUrl, manifestUrl, statusUrl, videoUrl } from '../support/render-urls';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { spotreel, startProgram } from '../support/spotreel';
import { SCENE } from '../support/submit-scene';

jest.setTimeout(120_000);

let aws: S3Emulator;
let storage: S3Storage;
/** Plays DescribeJobs alone, to say what no Batch can be made to say at will. */
let batch: HttpServer;
/** The ids that each call asked for. */
let calls: string[][];
/** What a call is answered by. */
let answer: (ids: string[]) => Partial<JobDetail>[] | number | 'late';
let environment: NodeJS.ProcessEnv;
let output: URL;

beforeAll(async () => {
  aws = await startS3Emulator();
  storage = new S3Storage(aws.client);
  batch = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => describeJobs(JSON.parse(body).jobs, response));
  });
});
afterAll(async () => {
  await batch.stop();
  await aws.stop();
});

let folders = 0;
beforeEach(() => {
  output = new URL(`s3://${aws.bucket}/renders-${(folders += 1)}/`);
  calls = [];
  environment = { ...emulatedEnvironment(aws), AWS_ENDPOINT_URL_BATCH: batch.endpoint };
});

function describeJobs(ids: string[], response: ServerResponse): void {
  calls.push(ids);
  const told = answer(ids);
  if (told === 'late') return;
  const status = typeof told === 'number' ? told : 200;
  const name = status === 429 ? 'TooManyRequestsException' : 'ServerException';
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(status !== 200 && { 'x-amzn-errortype': name }),
  });
  response.end(JSON.stringify(status === 200 ? { jobs: told } : { message: 'not now' }));
}

const job = (jobId: string, status: JobStatus, more: Partial<JobDetail> = {}): Partial<JobDetail> => ({
  jobId,
  jobName: jobId,
  status,
  createdAt: Date.now() - 3_600_000,
  ...more,
});
const parent = (counts: Partial<Record<JobStatus, number>>, status: JobStatus = 'PENDING') =>
  job('job-1', status, { arrayProperties: { size: 4, statusSummary: counts } });

/** A render of 8 frames in 4 slices, submitted; the first `stored` of its frames are there. */
async function submitted(name: string, stored = 0): Promise<URL> {
  const source = new URL(`s3://${aws.bucket}/uploads/shot.blend`);
  await storage.put(source, SCENE);
  const { render } = await submitRender(
    {
      source: (await storage.head(source))!,
      output,
      name,
      options: { frames: '1-8', framesPerSlice: 2 },
      reuse: 'any',
    },
    {
      storage,
      batch: new RecordingBatch(),
      jobQueue: 'queue',
      parallel: 4,
      renderDefinitions: [{ jobDefinition: 'render' }],
      stitchDefinition: 'stitch',
      now: () => new Date(),
    },
  );
  for (let frame = 1; frame <= stored; frame += 1) await storage.put(frameUrl(render.folder, frame), 'x');
  return render.folder;
}

const place = () => ['-o', `s3://${aws.bucket}${output.pathname}`];

test("status shows AWS Batch's reason for waiting, from one request", async () => {
  await submitted('shot');
  const statusReason =
    'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested';
  answer = () => [
    parent({ RUNNABLE: 4 }),
    job('job-2', 'PENDING'),
    job('job-1:0', 'RUNNABLE', { statusReason }),
  ];
  const { exitCode, stdout } = await spotreel(['status', 'shot', ...place()], { environment });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('shot: waiting');
  expect(stdout).toContain('4 jobs waiting for a machine (RUNNABLE)');
  expect(stdout).toContain(statusReason);
  expect(calls).toEqual([['job-1', 'job-2', 'job-1:0', 'job-1:1', 'job-1:2', 'job-1:3']]);
});

test('status shows the frames even if AWS Batch does not answer', async () => {
  await submitted('shot', 3);
  answer = () => 500;
  const { exitCode, stdout } = await spotreel(['status', '--json', ...place()], { environment });
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'unknown',
    ended: false,
    frames: { total: 8, stored: 3 },
    fault: expect.stringContaining('AWS Batch request to describe jobs failed'),
  });
});

test('watch survives throttled and failed requests to the end', async () => {
  const folder = await submitted('shot', 2);
  const looks: Array<() => Partial<JobDetail>[] | number> = [
    () => [parent({ RUNNABLE: 2, RUNNING: 2 }), job('job-2', 'PENDING')],
    () => 500,
    () => [parent({ SUCCEEDED: 3, RUNNING: 1 }), job('job-2', 'PENDING')],
    () => [parent({ SUCCEEDED: 4 }, 'SUCCEEDED'), job('job-2', 'SUCCEEDED')],
  ];
  let [look, throttledAt] = [0, 0];
  answer = () => {
    if (look === 2 && throttledAt === 0) {
      throttledAt = Date.now();
      return 429;
    }
    return (looks[look++] ?? looks.at(-1)!)();
  };
  await storage.put(videoUrl(folder), 'x');
  const { exitCode, stdout } = await spotreel(['watch', 'shot', '--json', ...place()], { environment });
  expect(exitCode).toBe(0);
  expect(calls).toHaveLength(5);
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(told.map(({ state, fault }) => [state, fault === undefined])).toEqual([
    ['rendering', true],
    // With what was known before.
    ['rendering', false],
    ['rendering', false],
    ['rendering', true],
    ['complete', true],
  ]);
  expect(told[2]).toMatchObject({
    fault: expect.stringContaining('too many requests'),
    slices: { running: 2 },
  });
});

test('watch ends at Ctrl-C while AWS Batch is late', async () => {
  await submitted('shot');
  answer = () => 'late';
  const { process: watching, finished } = startProgram('spotreel', ['watch', 'shot', ...place()], {
    environment,
  });
  while (calls.length === 0) await sleep(50);
  watching.kill('SIGINT');
  const deadline = setTimeout(() => watching.kill('SIGKILL'), 60_000);
  const { exitCode, stderr } = await finished;
  clearTimeout(deadline);
  expect(exitCode).toBe(130);
  expect(stderr).toContain('the farm continues');
  expect(calls).toHaveLength(1);
});

test('list asks once for each 100 jobs and never for ended ones', async () => {
  const model = await submitted('model');
  const manifest = JSON.parse(Buffer.from(await storage.get(manifestUrl(model))).toString('utf8'));
  const names = Array.from({ length: 70 }, (_, i) => `shot-${i}`);
  for (const [i, renderId] of names.entries()) {
    const folder = new URL(`${renderId}/`, output);
    const createdAt = new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString();
    const jobs = { render: { jobId: `r${i}`, jobName: 'r' }, stitch: { jobId: `s${i}`, jobName: 's' } };
    await storage.put(manifestUrl(folder), JSON.stringify({ ...manifest, renderId, createdAt }));
    await storage.put(jobsUrl(folder), JSON.stringify(jobs));
    if (i >= 60) await storage.put(statusUrl(folder), JSON.stringify(completed(renderId, i)));
  }
  await storage.put(statusUrl(new URL('no-scene/', output)), JSON.stringify(refused('no-scene')));
  answer = (ids) => ids.map((id) => job(id, id.startsWith('r') ? 'RUNNING' : 'PENDING'));
  const { exitCode, stdout } = await spotreel(['list', '--json', ...place()], { environment });
  expect(exitCode).toBe(0);
  expect(calls.map((ids) => ids.length)).toEqual([100, 22]);
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(told).toHaveLength(72);
  expect(told.slice(2).map(({ renderId }) => renderId)).toEqual(names.toReversed());
  expect(told.filter(({ state }) => state === 'complete')).toHaveLength(10);
  expect(told.filter(({ state }) => state === 'rendering')).toHaveLength(60);
  expect(told.find(({ state }) => state === 'refused')).toMatchObject({
    renderId: 'no-scene',
    reason: 'no camera',
  });
});

function completed(renderId: string, i: number): RenderStatus {
  return {
    version: 1,
    renderId,
    state: 'complete',
    at: new Date().toISOString(),
    jobs: { render: `r${i}`, stitch: `s${i}` },
    findings: [],
    frames: { total: 8, stored: 8, failed: 0, failedFrames: [] },
    links: { folder: 's3://x/' },
  };
}

function refused(renderId: string): RenderStatus {
  const at = new Date().toISOString();
  return {
    version: 1,
    renderId,
    state: 'refused',
    at,
    reason: 'no camera',
    findings: [],
    links: { folder: 's3://x/' },
  };
}
