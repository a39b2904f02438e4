import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ChangeMessageVisibilityCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { objectCreated, sqsRecord } from '../../../support/aws-events';
import { SUBMIT_ENVIRONMENT } from '../../../support/submit-environment';

const s3 = mockClient(S3Client);
const sns = mockClient(SNSClient);
const sqs = mockClient(SQSClient);

type AwaitedHandler = (event: SQSEvent, context: Pick<Context, 'awsRequestId'>) => Promise<SQSBatchResponse>;

/** Loaded with these variables set, as at a cold start. */
function withEnvironment<T>(environment: NodeJS.ProcessEnv, load: () => T): T {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    return load();
  } finally {
    process.env = before;
  }
}

const loadHandler = (): AwaitedHandler => require('../../../../lambda/submit-render/handler').handler;

const handle = (records: SQSRecord[]): Promise<SQSBatchResponse> =>
  withEnvironment(SUBMIT_ENVIRONMENT, loadHandler)({ Records: records }, { awsRequestId: 'request-1' });

beforeEach(() => {
  s3.reset();
  sns.reset();
  sqs.reset();
  jest.spyOn(process.stdout, 'write').mockReturnValue(true);
});
afterEach(() => jest.restoreAllMocks());

test('the submit Lambda writes status.json and sends a link for an upload with wrong metadata', async () => {
  const missing = new NoSuchKey({ message: 'none', $metadata: { httpStatusCode: 404 } });
  const head = { ETag: '"abc"', ContentLength: 5, Metadata: { frames: 'all' } };
  s3.on(HeadObjectCommand).rejects(missing);
  s3.on(HeadObjectCommand, { Key: 'uploads/my shot.blend' }).resolves(head);
  s3.on(GetObjectCommand).rejects(missing);
  s3.on(PutObjectCommand).resolves({});
  sns.on(PublishCommand).resolves({});
  const event = objectCreated({ bucket: 'films', key: 'uploads/my shot.blend', etag: 'abc' });

  expect(await handle([sqsRecord(event)])).toEqual({ batchItemFailures: [] });

  const [put] = s3.commandCalls(PutObjectCommand);
  expect(put?.args[0].input).toMatchObject({ Bucket: 'films', IfNoneMatch: '*' });
  expect(put?.args[0].input.Key).toMatch(/^renders\/my-shot-[0-9a-f]{8}\/status\.json$/);
  const [publish] = sns.commandCalls(PublishCommand);
  expect(publish?.args[0].input).toMatchObject({ TopicArn: SUBMIT_ENVIRONMENT.TOPIC_ARN });
  expect(publish?.args[0].input.Message).toContain('x-amz-meta-frames "all" is wrong');
  expect(publish?.args[0].input.Message).toContain(
    'https://eu-central-1.console.aws.amazon.com/s3/buckets/films?',
  );
});

test('the submit Lambda reports a failed message for another delivery', async () => {
  expect(await handle([sqsRecord('hello', 'bad')])).toEqual({
    batchItemFailures: [{ itemIdentifier: 'bad' }],
  });
});

test('the submit Lambda makes SQS deliver a failed message again in a minute', async () => {
  sqs.on(ChangeMessageVisibilityCommand).resolves({});
  await handle([sqsRecord('hello')]);
  const [change] = sqs.commandCalls(ChangeMessageVisibilityCommand);
  expect(change?.args[0].input).toEqual({
    QueueUrl: SUBMIT_ENVIRONMENT.QUEUE_URL,
    ReceiptHandle: 'handle',
    VisibilityTimeout: 60,
  });
});

test('the submit Lambda fails a message even if SQS does not change its timeout', async () => {
  sqs.on(ChangeMessageVisibilityCommand).rejects(new Error('no'));
  expect(await handle([sqsRecord('hello', 'bad')])).toEqual({
    batchItemFailures: [{ itemIdentifier: 'bad' }],
  });
});

test('the submit Lambda ignores a scene that starts no render', async () => {
  const asset = objectCreated({ bucket: 'films', key: 'uploads/film/lib/props.blend', etag: 'abc' });
  expect(await handle([sqsRecord(asset)])).toEqual({ batchItemFailures: [] });
  expect(s3.calls()).toHaveLength(0);
});

test('the submit Lambda leaves several messages to SQS', async () => {
  const records = [sqsRecord('hello', 'a'), sqsRecord('hello', 'b')];
  await expect(handle(records)).rejects.toMatchObject({ code: 'bad-event' });
});

describe('the submit Lambda does not start with the wrong variable', () => {
  test.each([
    ['BUCKET', ''],
    ['JOB_QUEUE', ''],
    ['RENDER_JOB_DEFINITIONS', ''],
    ['RENDER_JOB_DEFINITIONS', '[]'],
    ['RENDER_JOB_DEFINITIONS', '[{"blenderVersion":"5.2.0"}]'],
    ['PARALLEL', 'many'],
    ['PARALLEL', '0'],
    ['GPU_PARALLEL', '0'],
    ['TOPIC_ARN', 'spotreel'],
    ['QUEUE_URL', ''],
    ['OUTPUT_PREFIX', 'uploads/renders/'],
    ['OUTPUT_PREFIX', 'uploads'],
    ['OUTPUT_PREFIX', ''],
    ['CLAIM_STALE_SECONDS', '-1'],
  ])('%s=%s', (variable, value) => {
    const coldStart = () => jest.isolateModules(() => void loadHandler());
    const load = () => withEnvironment({ ...SUBMIT_ENVIRONMENT, [variable]: value }, coldStart);
    expect(load).toThrow(expect.objectContaining({ message: expect.stringContaining(variable) }));
  });
});
