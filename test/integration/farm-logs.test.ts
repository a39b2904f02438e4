import { setTimeout as sleep } from 'node:timers/promises';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { FarmDescription } from '../../core/jobs/farm';
import type { WorkerEvent } from '../../core/jobs/worker';
import { S3Storage } from '../../core/storage/s3-storage';
import { emulatedEnvironment } from '../support/emulated-farm';
import { type HttpServer, startHttpServer } from '../support/http-server';
import { jobsUrl, manifestUrl } from '../support/render-urls';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { spotreel, startProgram } from '../support/spotreel';
import { manifestFor } from '../support/stored-render';

jest.setTimeout(120_000);

const GROUP = 'farm-log';
/** Whose jobs say nothing of it. */
const FARM_GROUP = 'described-log';

let aws: S3Emulator;
let cloudWatch: CloudWatchLogsClient;
/** Plays DescribeJobs and ListJobs alone: the emulator runs no jobs without containers. */
let batch: HttpServer;
let described: () => object[];
let listed: object[];
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  aws = await startS3Emulator();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = { endpoint: aws.endpoint, region: 'us-east-1', credentials };
  cloudWatch = new CloudWatchLogsClient(client);
  for (const logGroupName of [GROUP, FARM_GROUP])
    await cloudWatch.send(new CreateLogGroupCommand({ logGroupName }));
  batch = await startHttpServer((incoming, response) => {
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => {
      const { jobs: ids = [], jobStatus } = JSON.parse(body);
      const answer = incoming.url?.endsWith('/listjobs')
        ? { jobSummaryList: listed.filter((job) => Object(job).status === jobStatus) }
        : { jobs: described().filter((job) => ids.includes(Object(job).jobId)) };
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  environment = { ...emulatedEnvironment(aws), AWS_ENDPOINT_URL_BATCH: batch.endpoint };
  const storage = new S3Storage(aws.client);
  const folder = new URL(`s3://${aws.bucket}/renders/shot/`);
  const manifest = manifestFor('shot', 8, { framesPerSlice: 2, sliceCount: 4 });
  const jobs = { render: { jobId: 'r', jobName: 'r' }, stitch: { jobId: 's', jobName: 's' } };
  await storage.put(manifestUrl(folder), JSON.stringify(manifest));
  await storage.put(jobsUrl(folder), JSON.stringify(jobs));
  const farm: FarmDescription = {
    version: 1,
    name: 'films',
    region: 'us-east-1',
    bucket: aws.bucket,
    uploadPrefix: 'uploads/',
    outputPrefix: 'renders/',
    jobQueue: 'queue',
    renderDefinitions: [{ jobDefinition: 'render' }],
    stitchJobDefinition: 'stitch',
    parallel: 4,
    logGroup: FARM_GROUP,
    topicArn: 'topic',
  };
  const Value = JSON.stringify(farm);
  await new SSMClient(client).send(
    new PutParameterCommand({ Name: '/spotreel/films', Value, Type: 'String' }),
  );
});
afterAll(async () => {
  await batch.stop();
  await aws.stop();
});

async function write(
  logStreamName: string,
  messages: readonly string[],
  logGroupName = GROUP,
): Promise<void> {
  const stream = { logGroupName, logStreamName };
  await cloudWatch.send(new CreateLogStreamCommand(stream)).catch(() => undefined);
  const timestamp = Date.now();
  const logEvents = messages.map((message) => ({ timestamp, message }));
  await cloudWatch.send(new PutLogEventsCommand({ ...stream, logEvents }));
}

const line = (event: WorkerEvent) => JSON.stringify(event);
const began = (frame: number) => line({ event: 'frame-started', frame });
const stored = (frame: number) => line({ event: 'frame-stored', frame, seconds: 1 });

const job = (jobId: string, status: string, more: object = {}) => ({
  jobId,
  jobName: jobId,
  status,
  ...more,
});
const parent = (statusSummary: object) =>
  job('r', 'PENDING', { arrayProperties: { size: 4, statusSummary } });
/** With attempts that have ended, each with its stream. */
const child = (index: number, status: string, streams: readonly string[], running?: string) =>
  job(`r:${index}`, status, {
    attempts: streams.map((logStreamName) => ({
      startedAt: 1,
      stoppedAt: 2,
      container: { exitCode: 65, logStreamName },
    })),
    container: {
      logStreamName: running ?? streams.at(-1),
      logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': GROUP } },
    },
  });
const logs = (...more: string[]) =>
  spotreel(['logs', 'shot', '-o', `s3://${aws.bucket}/renders`, ...more], { environment });

test('logs shows failed slices from the log group of their job, page after page', async () => {
  const many = Array.from({ length: 12_000 }, (_, i) => `line ${i}`);
  for (const at of [0, 6_000]) await write('render/a', many.slice(at, at + 6_000));
  described = () => [
    parent({ FAILED: 1, RUNNING: 3 }),
    job('s', 'PENDING'),
    child(2, 'FAILED', ['gone', 'render/a']),
  ];
  listed = [job('r:2', 'FAILED')];
  const { exitCode, stdout, stderr } = await logs('--raw');
  expect(exitCode).toBe(0);
  expect(stderr).toBe('failed jobs\nslice 2, attempt 2 of 2: exit code 65 (log stream render/a)\n');
  expect(stdout.trimEnd().split('\n')).toEqual(many);

  const gone = await logs('--slice', '2', '--attempt', '1');
  expect(gone).toMatchObject({ exitCode: 1, stdout: '' });
  expect(gone.stderr).toContain('slice 2, attempt 1: no log');
});

test('logs --frame shows the lines of all attempts', async () => {
  await write('render/b1', [began(3), began(4), stored(3), 'something else']);
  await write('render/b2', [line({ event: 'frame-kept', frame: 3 }), began(4), stored(4)]);
  described = () => [parent({}), job('s', 'PENDING'), child(1, 'SUCCEEDED', ['render/b1', 'render/b2'])];
  const { exitCode, stdout } = await logs('--frame', '3', '--json');
  expect(exitCode).toBe(0);
  const told = stdout
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text));
  expect(told.map(({ attempt, frame, message }) => [attempt, frame, message])).toEqual([
    [1, 3, 'frame 3 begins'],
    [1, 3, 'frame 3 is stored (1.0 s)'],
    [2, 3, 'frame 3 was already stored'],
  ]);
});

test("logs --farm reads the farm's log group if a job names none", async () => {
  await write('stitch/a', [line({ event: 'stitching', frames: 8, total: 8 })], FARM_GROUP);
  const container = { logStreamName: 'stitch/a' };
  described = () => [parent({ SUCCEEDED: 4 }), job('s', 'SUCCEEDED', { container })];
  const { exitCode, stdout } = await spotreel(['logs', '--stitch', '--farm', 'films'], { environment });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('video, attempt 1  8 of 8 frames are done\n');
});

test('logs --follow shows the next attempt, to the end', async () => {
  await write('render/c1', [began(7)]);
  let now = child(3, 'RUNNING', [], 'render/c1');
  described = () => [parent({ RUNNING: 1 }), job('s', 'PENDING'), now];
  const args = ['logs', 'shot', '--slice', '3', '--follow', '-o', `s3://${aws.bucket}/renders`];
  const following = startProgram('spotreel', args, { environment });
  let seen = '';
  following.process.stdout?.on('data', (data) => (seen += data));
  while (!seen.includes('frame 7 begins')) await sleep(50);
  await write('render/c1', ['the last word']);
  await write('render/c2', [began(8)]);
  now = child(3, 'RUNNING', ['render/c1'], 'render/c2');
  while (!seen.includes('frame 8 begins')) await sleep(50);
  await write('render/c2', [stored(8)]);
  now = child(3, 'SUCCEEDED', ['render/c1', 'render/c2']);
  const { exitCode, stdout } = await following.finished;
  expect(exitCode).toBe(0);
  expect(stdout.match(/frame 7 begins|the last word|frame 8 begins|frame 8 is stored/g)).toEqual([
    'frame 7 begins',
    'the last word',
    'frame 8 begins',
    'frame 8 is stored',
  ]);

  described = () => [];
  const forgotten = await logs('--slice', '3');
  expect(forgotten).toMatchObject({ exitCode: 1 });
  expect(forgotten.stderr).toContain('the job is unknown');
});
