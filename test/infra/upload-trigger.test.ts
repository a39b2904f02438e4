import type { Template } from 'aws-cdk-lib/assertions';
import fc from 'fast-check';
import { startsRender } from '../../core/render/keys';
import { uploadPattern } from '../../lib/constructs/upload-trigger';
import { matchesPattern, writtenPattern } from './event-pattern';
import { FARM_JOBS, flat, grants, onlyProperties, synthFarm, TAGGING_FARM } from './synth-farm';

const { farmTemplate } = synthFarm();

/** As S3 sends it; https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
function objectCreated(key: string, bucket = 'film'): object {
  return {
    version: '0',
    source: 'aws.s3',
    'detail-type': 'Object Created',
    account: '123456789012',
    region: 'eu-west-1',
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, size: 5, etag: 'b1946ac92492d2347c6235b4d2611184', sequencer: '00617F08299329D189' },
      reason: 'PutObject',
    },
  };
}

const passesRule = (event: unknown) => matchesPattern(writtenPattern(uploadPattern('film')), event);

test.each([
  ['uploads/scene.blend'],
  ['uploads/film/scene.blend'],
  ['uploads/SCENE.BLEND'],
  ['uploads/my film/scene 1+2 (final).blend'],
  ['uploads/Übung/Szene.blend'],
  ['uploads/日本/場面.blend'],
])('the upload rule lets %s start a render', (key) => {
  expect([passesRule(objectCreated(key)), startsRender(key)]).toEqual([true, true]);
});

test.each([
  // The rule does not match these.
  ['uploads/scene.blend1', false],
  ['uploads/texture.png', false],
  ['uploads/', false],
  ['uploads/blend', false],
  ['renders/scene-1a2b3c4d/manifest.json', false],
  ['renders/scene-1a2b3c4d/frames/0001.png', false],
  ['renders/scene-1a2b3c4d/output.mp4', false],
  // The rule matches these, and the Lambda ignores them.
  ['uploads/film/lib/props.blend', true],
  ['uploads/film/lib/more/props.blend', true],
  ['uploads/.blend', true],
  ['renders/scene.blend', true],
  ['scene.blend', true],
  ['other/uploads/scene.blend', true],
])('the upload %s starts no render (event reaches the Lambda: %s)', (key, heard) => {
  expect(passesRule(objectCreated(key))).toBe(heard);
  expect(startsRender(key)).toBe(false);
});

test('the upload rule matches every key that the submit Lambda would render', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
    .filter((text) => !text.includes('/'));
  const ending = fc.mixedCase(fc.constant('.blend'));
  const law = fc.property(fc.option(name), name, ending, (project, file, end) => {
    const key = `uploads/${project === null ? '' : `${project}/`}${file}${end}`;
    return !startsRender(key) || passesRule(objectCreated(key));
  });
  expect(fc.check(law)).toMatchObject({ failed: false });
});

test('the upload rule ignores other buckets and other events', () => {
  expect(passesRule(objectCreated('uploads/scene.blend', 'another'))).toBe(false);
  const deleted = { ...objectCreated('uploads/scene.blend'), 'detail-type': 'Object Deleted' };
  expect(passesRule(deleted)).toBe(false);
});

test('the upload rule in the template is for the bucket of the farm', () => {
  const { EventPattern: pattern } = onlyProperties(farmTemplate, 'AWS::Events::Rule', 'UploadRule');
  const { name } = pattern.detail.bucket;
  expect(name.map(flat)).toEqual(['<RefFilmBucket>']);
  expect(pattern).toEqual(writtenPattern(uploadPattern(name[0])));
});

test('the upload queue is encrypted, and hides messages for six times the Lambda timeout', () => {
  const queue = onlyProperties(farmTemplate, 'AWS::SQS::Queue', 'UploadQueue');
  const lambda = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'UploadSubmit');
  expect(lambda.Timeout).toBe(180);
  expect(queue).toMatchObject({ SqsManagedSseEnabled: true, VisibilityTimeout: 6 * 180 });
  const { deadLetterTargetArn, maxReceiveCount } = queue.RedrivePolicy;
  expect([flat(deadLetterTargetArn), maxReceiveCount]).toEqual(['<UploadDeadLettersQueue.Arn>', 9]);
});

test('a dead-letter queue keeps events that do not reach the upload queue', () => {
  const {
    Targets,
  }: {
    Targets: Array<{ Arn: unknown; DeadLetterConfig: { Arn: unknown } }>;
  } = onlyProperties(farmTemplate, 'AWS::Events::Rule', 'UploadRule');
  expect(Targets.map(({ Arn, DeadLetterConfig }) => [flat(Arn), flat(DeadLetterConfig.Arn)])).toEqual([
    ['<UploadQueue.Arn>', '<UploadDeadLettersQueue.Arn>'],
  ]);
});

test('the submit Lambda takes a bounded number of uploads at a time and reports failed ones', () => {
  expect(onlyProperties(farmTemplate, 'AWS::Lambda::EventSourceMapping')).toMatchObject({
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: 10 },
  });
});

test('the submit Lambda runs on Node 24 and arm64 with tracing and its own log group', () => {
  const lambda = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'UploadSubmit');
  expect(lambda).toMatchObject({
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    TracingConfig: { Mode: 'Active' },
  });
  expect(flat(lambda.LoggingConfig.LogGroup)).toBe('<UploadSubmitLog>');
  expect(onlyProperties(farmTemplate, 'AWS::Logs::LogGroup', 'UploadSubmitLog').RetentionInDays).toBe(30);
});

function toldBy(template: Template): Record<string, string> {
  const {
    Variables,
  }: {
    Variables: Record<string, unknown>;
  } = onlyProperties(template, 'AWS::Lambda::Function', 'UploadSubmit').Environment;
  return Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, flat(value)]));
}

test('the submit Lambda gets its environment', () => {
  expect(toldBy(farmTemplate)).toEqual({
    BUCKET: '<RefFilmBucket>',
    OUTPUT_PREFIX: 'renders/',
    FARM_NAME: 'main',
    JOB_QUEUE: '<ComputeQueue.JobQueueArn>',
    RENDER_JOB_DEFINITIONS: JSON.stringify([
      { blenderVersion: '5.2.3', jobDefinition: '<JobsRender52Definition>' },
    ]),
    STITCH_JOB_DEFINITION: '<JobsStitchDefinition>',
    // 256 vCPUs, 4 a slice.
    PARALLEL: '64',
    TOPIC_ARN: '<NoticesTopic>',
    QUEUE_URL: '<UploadQueue>',
    // Between the Lambda's timeout and the queue's visibility timeout.
    CLAIM_STALE_SECONDS: '210',
  });
});

test('the submit Lambda has only the permissions that it needs', () => {
  const bucket = '<FnGetAttFilmBucketArn>';
  expect(grants(farmTemplate, 'UploadSubmitRole')).toEqual({
    's3:GetObject': [`${bucket}/caps/*`, `${bucket}/renders/*`, `${bucket}/uploads/*`],
    's3:PutObject': [`${bucket}/caps/*`, `${bucket}/renders/*`],
    's3:DeleteObject': [`${bucket}/renders/*/submitting.json`],
    's3:ListBucket': [`${bucket} if {"StringLikeIfExists":{"s3:prefix":["uploads/*","renders/*"]}}`],
    'batch:SubmitJob': ['<ComputeQueue.JobQueueArn>', '<JobsRender52Definition>', '<JobsStitchDefinition>'],
    'batch:TagResource': [
      '<ComputeQueue.JobQueueArn>',
      '<JobsRender52Definition>',
      '<JobsStitchDefinition>',
      'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*',
    ].map((resource) => resource + TAGGING_FARM),
    'batch:ListJobs': ['*'],
    'batch:DescribeJobs': ['*'],
    'batch:TerminateJob': [FARM_JOBS],
    'sns:Publish': ['<NoticesTopic>'],
    'logs:CreateLogStream': ['<UploadSubmitLog.Arn>'],
    'logs:PutLogEvents': ['<UploadSubmitLog.Arn>'],
    'xray:PutTelemetryRecords': ['*'],
    'xray:PutTraceSegments': ['*'],
    'sqs:ChangeMessageVisibility': ['<UploadQueue.Arn>'],
    'sqs:DeleteMessage': ['<UploadQueue.Arn>'],
    'sqs:GetQueueAttributes': ['<UploadQueue.Arn>'],
    'sqs:GetQueueUrl': ['<UploadQueue.Arn>'],
    'sqs:ReceiveMessage': ['<UploadQueue.Arn>'],
  });
});

test('the submit Lambda may use exactly the GPU and Blender job definitions of the farm', () => {
  const { farmTemplate: large } = synthFarm({ gpuVcpus: 16, blenderVersions: ['4.5.1', '5.2.3'] });
  const definition = (name: string) => `<Jobs${name}Definition>`;
  expect(toldBy(large)).toMatchObject({
    GPU_JOB_QUEUE: '<ComputeGpuQueue.JobQueueArn>',
    // 16 vCPUs, 4 a slice.
    GPU_PARALLEL: '4',
    RENDER_JOB_DEFINITIONS: JSON.stringify([
      {
        blenderVersion: '4.5.1',
        jobDefinition: definition('Render45'),
        gpuJobDefinition: definition('GpuRender45'),
      },
      {
        blenderVersion: '5.2.3',
        jobDefinition: definition('Render52'),
        gpuJobDefinition: definition('GpuRender52'),
      },
    ]),
  });
  expect(grants(large, 'UploadSubmitRole')['batch:SubmitJob']).toEqual([
    '<ComputeGpuQueue.JobQueueArn>',
    '<ComputeQueue.JobQueueArn>',
    ...['GpuRender45', 'GpuRender52', 'Render45', 'Render52', 'Stitch'].map(definition),
  ]);
});
