import { Readable } from 'node:stream';
import {
  BatchClient,
  ClientException,
  DescribeJobsCommand,
  ListJobsCommand,
  ServerException,
  SubmitJobCommand,
} from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { AwsBatch } from '../../../../core/jobs/aws-batch';

const mock = mockClient(BatchClient);
const batch = new AwsBatch(new BatchClient({ region: 'eu-central-1' }));
const request = { jobName: 'shot_Rendering', jobQueue: 'queue', jobDefinition: 'render' };

beforeEach(() => mock.reset());

const fault = (name: string, status?: number) =>
  Object.assign(new Error('because'), { name, $metadata: { httpStatusCode: status } });

const clientException = () =>
  new ClientException({ message: 'JobQueue x not found', $metadata: { httpStatusCode: 400 } });
const serverException = () => new ServerException({ message: 'oops', $metadata: { httpStatusCode: 500 } });

test('submitJob passes a request unchanged', async () => {
  mock.on(SubmitJobCommand).resolves({ jobArn: 'arn:job', jobId: 'id', jobName: 'shot_Rendering' });
  const full = {
    ...request,
    arrayProperties: { size: 3 },
    dependsOn: [{ jobId: 'x', type: 'SEQUENTIAL' as const }],
    containerOverrides: { command: ['render', '-i', 's3://a/my shot.blend'] },
  };
  expect(await batch.submitJob(full)).toEqual({ jobArn: 'arn:job', jobId: 'id', jobName: 'shot_Rendering' });
  expect(mock.commandCalls(SubmitJobCommand)[0]?.args[0].input).toEqual(full);
});

describe('errors of AWS Batch', () => {
  const cases: Array<[Error, string, string]> = [
    [clientException(), 'client-exception', 'usage'],
    [serverException(), 'batch-unavailable', 'passing'],
    [fault('TooManyRequestsException', 429), 'throttled', 'passing'],
    [fault('ThrottlingException', 400), 'throttled', 'passing'],
    [fault('AccessDeniedException', 403), 'denied', 'usage'],
    [fault('CredentialsProviderError'), 'denied', 'usage'],
    [fault('ExpiredTokenException', 400), 'denied', 'usage'],
    [fault('TimeoutError'), 'batch-unavailable', 'passing'],
    [fault('Error'), 'batch-unavailable', 'passing'],
  ];
  test.each(cases.map(([error, ...rest]) => [error.name, ...rest, error] as const))(
    '%s becomes %s, %s',
    async (_, code, kind, error) => {
      mock.on(SubmitJobCommand).rejects(error);
      await expect(batch.submitJob(request)).rejects.toMatchObject({ code, kind, cause: error });
    },
  );

  test('name the request and the answer of AWS Batch', async () => {
    mock.on(SubmitJobCommand).rejects(clientException());
    await expect(batch.submitJob(request)).rejects.toThrow(
      'AWS Batch request to submit job shot_Rendering failed: request refused (400, ClientException: JobQueue x not found)',
    );
  });
});

test('describeJobs asks for 100 jobs at a time and gives JobDetails', async () => {
  mock.on(DescribeJobsCommand).callsFake(({ jobs }: { jobs: string[] }) => ({
    jobs: jobs.map((jobId) => ({
      jobId,
      jobName: 'shot_Rendering',
      jobQueue: 'queue',
      jobDefinition: 'render:1',
      status: 'RUNNING',
      startedAt: 2,
      createdAt: 1,
      container: { image: 'x', command: ['render'] },
      arrayProperties: { size: 2, statusSummary: { RUNNING: 2 } },
      attempts: [
        { startedAt: 3, container: { exitCode: 75, reason: 'x', logStreamName: 'log', taskArn: 'arn' } },
      ],
    })),
  }));
  const ids = Array.from({ length: 250 }, (_, index) => `job-${index}`);
  const details = await batch.describeJobs(ids);
  expect(details.map(({ jobId }) => jobId)).toEqual(ids);
  expect(mock.commandCalls(DescribeJobsCommand).map(({ args }) => args[0].input.jobs?.length)).toEqual([
    100, 100, 50,
  ]);
  expect(details[0]).toMatchObject({
    status: 'RUNNING',
    startedAt: 2,
    createdAt: 1,
    container: { command: ['render'] },
    arrayProperties: { size: 2, statusSummary: { RUNNING: 2 } },
    attempts: [{ startedAt: 3, container: { exitCode: 75, reason: 'x', logStreamName: 'log' } }],
  });
});

test('describeJobs makes no call without ids', async () => {
  expect(await batch.describeJobs([])).toEqual([]);
  expect(mock.calls()).toHaveLength(0);
});

/** The SDK's paginator changes one input from page to page, so this copies it. */
function answerInPages(...pages: object[]): object[] {
  const asked: object[] = [];
  mock.on(ListJobsCommand).callsFake((input: object) => pages[asked.push({ ...input }) - 1]);
  return asked;
}

test('listJobs reads all pages of a name, without children and names that differ in case', async () => {
  const job = (jobId: string, jobName: string) => ({
    jobId,
    jobName,
    status: 'FAILED' as const,
    createdAt: 1,
  });
  const asked = answerInPages(
    { jobSummaryList: [job('a', 'Shot_Rendering'), job('b', 'shot_rendering')], nextToken: 'more' },
    { jobSummaryList: [job('c', 'Shot_Rendering'), job('c:0', 'Shot_Rendering')] },
  );
  const jobs = await batch.listJobs({ jobQueue: 'queue', jobName: 'Shot_Rendering' });
  expect(jobs.map(({ jobId }) => jobId)).toEqual(['a', 'c']);
  expect(asked).toEqual([
    { jobQueue: 'queue', filters: [{ name: 'JOB_NAME', values: ['Shot_Rendering'] }] },
    { jobQueue: 'queue', filters: [{ name: 'JOB_NAME', values: ['Shot_Rendering'] }], nextToken: 'more' },
  ]);
});

test('listJobs gives each child once, with its latest status', async () => {
  mock.on(ListJobsCommand).callsFake(({ jobStatus }: { jobStatus: string }) => ({
    jobSummaryList: ['RUNNABLE', 'RUNNING'].includes(jobStatus)
      ? [{ jobId: 'p:0', jobName: 'n', status: jobStatus }]
      : [],
  }));
  expect(await batch.listJobs({ arrayJobId: 'p' })).toEqual([
    { jobId: 'p:0', jobName: 'n', status: 'RUNNING' },
  ]);
  expect(mock.commandCalls(ListJobsCommand)).toHaveLength(7);
});

test('listJobs stops at the wanted number of children', async () => {
  const page = (first: number) =>
    [first, first + 1].map((i) => ({ jobId: `p:${i}`, jobName: 'n', status: 'FAILED' as const }));
  const asked = answerInPages(
    { jobSummaryList: page(0), nextToken: 'more' },
    { jobSummaryList: page(2), nextToken: 'still more' },
  );
  const children = await batch.listJobs({ arrayJobId: 'p', jobStatus: 'FAILED', most: 3 });
  expect(children.map(({ jobId }) => jobId)).toEqual(['p:0', 'p:1', 'p:2']);
  expect(asked).toEqual([
    { arrayJobId: 'p', jobStatus: 'FAILED' },
    { arrayJobId: 'p', jobStatus: 'FAILED', nextToken: 'more' },
  ]);
});

test('an answer without a job id is an error', async () => {
  mock.on(SubmitJobCommand).resolves({});
  await expect(batch.submitJob(request)).rejects.toMatchObject({ code: 'bad-answer', kind: 'passing' });
});

describe('the SDK', () => {
  /** An AWS Batch that gives these answers, without a network. */
  function fakeBatch(answers: ReadonlyArray<{ status: number; body: object } | Error>) {
    let sent = 0;
    const requestHandler = {
      handle: async () => {
        const answer = answers[Math.min(sent++, answers.length - 1)]!;
        if (answer instanceof Error) throw answer;
        const { status: statusCode, body } = answer;
        const stream = Readable.from([Buffer.from(JSON.stringify(body))]);
        return { response: { statusCode, headers: { 'content-type': 'application/json' }, body: stream } };
      },
      updateHttpClientConfig: () => undefined,
      httpHandlerConfigs: () => ({}),
    };
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new BatchClient({ region: 'eu-central-1', credentials, requestHandler, maxAttempts: 3 });
    return { batch: new AwsBatch(client), sent: () => sent };
  }

  const done = { status: 200, body: { jobId: 'id', jobName: 'shot_Rendering' } };
  const broken = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

  beforeEach(() => mock.restore());

  test.each([
    ['a lost answer', broken],
    ['a server error', { status: 500, body: { __type: 'ServerException', message: 'oops' } }],
  ])('does not repeat a submission after %s', async (_, answer) => {
    const fake = fakeBatch([answer, done]);
    await expect(fake.batch.submitJob(request)).rejects.toMatchObject({ code: 'batch-unavailable' });
    expect(fake.sent()).toBe(1);
  });

  test('repeats a throttled submission', async () => {
    const fake = fakeBatch([
      { status: 429, body: { __type: 'TooManyRequestsException', message: 'slow' } },
      done,
    ]);
    expect(await fake.batch.submitJob(request)).toEqual({ jobId: 'id', jobName: 'shot_Rendering' });
    expect(fake.sent()).toBe(2);
  });

  test('repeats idempotent requests', async () => {
    const fake = fakeBatch([broken, { status: 200, body: {} }]);
    await fake.batch.terminateJob('id', 'because');
    expect(fake.sent()).toBe(2);
  });
});
