import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { type ProbeReport, probeReportSchema } from '../../core/jobs/worker';
import { type S3Emulator, startS3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { startProgram, worker } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

// In order: the reports stay.
let s3: S3Emulator;
beforeAll(async () => {
  s3 = await startS3Emulator();
});
afterAll(() => s3.stop());

const FOLDER = 'renders/prove-1/';

const args = (...flags: string[]) => ['probe', '-o', `s3://${s3.bucket}/${FOLDER}`, ...flags];

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  AWS_ENDPOINT_URL: s3.endpoint,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  // Nothing listens on this port.
  AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:2',
  SPOTREEL_CACHE: at('.'),
  SPOTREEL_SPOT_NOTICE: at('spot-notice.json'),
  ...more,
});

async function textOf(name: string): Promise<string> {
  const command = new GetObjectCommand({ Bucket: s3.bucket, Key: `${FOLDER}${name}` });
  return (await s3.client.send(command)).Body!.transformToString();
}

const reportOf = async (name: string): Promise<ProbeReport> =>
  probeReportSchema.parse(JSON.parse(await textOf(`${name}.json`)));

test('a probe reports its container, and a later probe sees its mark in the cache', async () => {
  expect(await worker(args('--name', 'first'), { environment: environment() })).toMatchObject({
    exitCode: 0,
  });
  const child = environment({ AWS_BATCH_JOB_ARRAY_INDEX: '1', AWS_BATCH_JOB_ID: 'job:1' });
  await worker(args('--name', 'second'), { environment: child });
  expect(await reportOf('first')).toMatchObject({
    attempt: 1,
    programs: { blender: expect.stringMatching(/^\d/), ffmpeg: expect.stringMatching(/^ffmpeg version/) },
    metadata: { token: 'ECONNREFUSED', page: 'ECONNREFUSED' },
    cache: { write: 'done', marks: [] },
  });
  expect(await reportOf('second-1')).toMatchObject({ jobId: 'job:1', cache: { marks: ['first'] } });
});

test('a probe finds what the sandbox forbids', async () => {
  const { inside } = (await reportOf('first')).sandbox;
  const done = Object.keys(inside).filter((what) => inside[what] === 'done');
  expect({ done, ...inside }).toMatchObject({
    done: ['write its own folder'],
    'credentials in its environment': 'none',
    Seccomp: '2',
    NoNewPrivs: '1',
  });
});

test('the first attempt of a probe ends with the exit code of a passing fault if asked, without a report', async () => {
  const flags = args('--name', 'again', '--failFirst');
  expect(await worker(flags, { environment: environment({ AWS_BATCH_JOB_ATTEMPT: '1' }) })).toMatchObject({
    exitCode: 75,
  });
  await expect(textOf('again.json')).rejects.toThrow('The specified key does not exist');
  await worker(flags, { environment: environment({ AWS_BATCH_JOB_ATTEMPT: '2' }) });
  expect(await reportOf('again')).toMatchObject({ attempt: 2 });
});

test('a probe that holds reports that it was stopped', async () => {
  const { process: held, finished } = startProgram('worker', args('--name', 'held', '--hold'), {
    environment: environment(),
  });
  const isStored = async () => {
    const list = new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: `${FOLDER}held.json` });
    return ((await s3.client.send(list)).KeyCount ?? 0) > 0;
  };
  while (!(await isStored())) await new Promise((resolve) => setTimeout(resolve, 100));
  held.kill('SIGTERM');
  expect(await finished).toMatchObject({ exitCode: 143 });
  expect(await textOf('held.stopped')).toBe('stopped by SIGTERM');
});
