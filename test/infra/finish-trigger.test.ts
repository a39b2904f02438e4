import { endedJobsPattern } from '../../lib/constructs/finish-trigger';
import { matchesPattern, writtenPattern } from './event-pattern';
import { FARM_JOBS, flat, grants, onlyProperties, synthFarm, TAGGING_FARM } from './synth-farm';

const { farmTemplate } = synthFarm();
const QUEUE = 'arn:aws:batch:eu-west-1:123456789012:job-queue/render';

/** As AWS Batch sends it; https://docs.aws.amazon.com/batch/latest/userguide/batch_cwe_events.html */
function stateChange(detail: Readonly<Record<string, unknown>>): unknown {
  return {
    source: 'aws.batch',
    'detail-type': 'Batch Job State Change',
    detail: {
      jobName: 'scene-1a2b3c4d_Rendering',
      jobId: '4c7599ae',
      jobQueue: QUEUE,
      attempts: [],
      ...detail,
    },
  };
}

const passes = (event: unknown) => matchesPattern(writtenPattern(endedJobsPattern([QUEUE])), event);
const SUMMARY = { statusSummary: { SUCCEEDED: 4 } };

test.each([
  ['an array job that succeeded', { status: 'SUCCEEDED', arrayProperties: { size: 4, ...SUMMARY } }],
  ['an array job that failed', { status: 'FAILED', arrayProperties: { size: 4, ...SUMMARY } }],
  ['a plain job that succeeded', { status: 'SUCCEEDED' }],
  ['a plain job that failed', { status: 'FAILED', arrayProperties: {} }],
])('the finish rule matches %s', (_, detail) => {
  expect(passes(stateChange(detail))).toBe(true);
});

test.each([
  ['a child that succeeded', { status: 'SUCCEEDED', arrayProperties: { index: 0, ...SUMMARY } }],
  ['a child that failed', { status: 'FAILED', arrayProperties: { index: 3 } }],
  ['a running job', { status: 'RUNNING', arrayProperties: { size: 4 } }],
  ['a waiting job', { status: 'RUNNABLE' }],
  ['a job of another queue', { status: 'FAILED', jobQueue: `${QUEUE}-2` }],
])('the finish rule ignores %s', (_, detail) => {
  expect(passes(stateChange(detail))).toBe(false);
});

test('the finish rule in the template covers all queues of the farm', () => {
  const { farmTemplate: gpu } = synthFarm({ gpuVcpus: 16, onDemandVcpus: 16 });
  const { EventPattern: pattern } = onlyProperties(gpu, 'AWS::Events::Rule', 'FinishRule');
  const { jobQueue } = pattern.detail;
  expect(jobQueue.map(flat)).toEqual([
    '<ComputeQueue.JobQueueArn>',
    '<ComputeOnDemandQueue.JobQueueArn>',
    '<ComputeGpuQueue.JobQueueArn>',
  ]);
  expect(pattern).toEqual(writtenPattern(endedJobsPattern(jobQueue)));
});

test('a dead-letter queue keeps events that reach no finish Lambda or fail in it', () => {
  const { Targets } = onlyProperties(farmTemplate, 'AWS::Events::Rule', 'FinishRule');
  expect(Targets).toHaveLength(1);
  expect(flat(Targets[0].DeadLetterConfig.Arn)).toBe('<FinishDeadLettersQueue.Arn>');
  const { DeadLetterConfig } = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'FinishF');
  expect(flat(DeadLetterConfig.TargetArn)).toBe('<FinishDeadLettersQueue.Arn>');
});

test('the finish Lambda runs on Node 24 and arm64 with tracing and its environment', () => {
  const lambda = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'FinishF');
  expect(lambda).toMatchObject({
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    TracingConfig: { Mode: 'Active' },
    Timeout: 120,
  });
  const { Variables } = lambda.Environment;
  expect(
    Object.fromEntries(Object.entries(Variables).map(([name, value]) => [name, flat(value)])),
  ).toMatchObject({
    BUCKET: '<RefFilmBucket>',
    OUTPUT_PREFIX: 'renders/',
    FARM_NAME: 'main',
    JOB_QUEUE: '<ComputeQueue.JobQueueArn>',
    STITCH_JOB_DEFINITION: '<JobsStitchDefinition>',
    TOPIC_ARN: '<NoticesTopic>',
    CLAIM_STALE_SECONDS: '150',
  });
  expect(JSON.parse(flat(Variables.RENDER_JOB_DEFINITIONS))).toEqual([
    { blenderVersion: '5.2.3', jobDefinition: '<JobsRender52Definition>' },
  ]);
  expect(JSON.parse(flat(Variables.LARGER_SIZES))).toEqual({
    spot: [{ memoryMib: 28_000, vcpus: 8 }, { memoryMib: 28_000 }],
  });
});

test('the finish Lambda has only the permissions that it needs', () => {
  expect(grants(farmTemplate, 'FinishRole')).toEqual({
    's3:GetObject': ['<FnGetAttFilmBucketArn>/caps/*', '<FnGetAttFilmBucketArn>/renders/*'],
    's3:PutObject': ['<FnGetAttFilmBucketArn>/renders/*'],
    's3:ListBucket': ['<FnGetAttFilmBucketArn> if {"StringLikeIfExists":{"s3:prefix":["renders/*"]}}'],
    's3:DeleteObject': ['<FnGetAttFilmBucketArn>/renders/*/submitting.json'],
    'batch:SubmitJob': ['<ComputeQueue.JobQueueArn>', '<JobsRender52Definition>', '<JobsStitchDefinition>'],
    'batch:TerminateJob': [FARM_JOBS],
    'batch:TagResource': [
      '<ComputeQueue.JobQueueArn>',
      '<JobsRender52Definition>',
      '<JobsStitchDefinition>',
      'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*',
    ].map((resource) => resource + TAGGING_FARM),
    'batch:ListJobs': ['*'],
    'batch:DescribeJobs': ['*'],
    'sns:Publish': ['<NoticesTopic>'],
    'sqs:SendMessage': ['<FinishDeadLettersQueue.Arn>'],
    'logs:CreateLogStream': ['<FinishLog.Arn>'],
    'logs:PutLogEvents': ['<FinishLog.Arn>'],
    'xray:PutTelemetryRecords': ['*'],
    'xray:PutTraceSegments': ['*'],
  });
});

test('the finish Lambda may submit retries to all queues of the farm', () => {
  const { farmTemplate: both } = synthFarm({ onDemandVcpus: 32, gpuVcpus: 16 });
  const { Variables } = onlyProperties(both, 'AWS::Lambda::Function', 'FinishF').Environment;
  expect([Variables.ON_DEMAND_JOB_QUEUE, Variables.GPU_JOB_QUEUE].map(flat)).toEqual([
    '<ComputeOnDemandQueue.JobQueueArn>',
    '<ComputeGpuQueue.JobQueueArn>',
  ]);
  expect(Object.keys(JSON.parse(flat(Variables.LARGER_SIZES)))).toEqual(['spot', 'gpu', 'onDemand']);
  expect(grants(both, 'FinishRole')['batch:SubmitJob']!.toSorted()).toEqual([
    '<ComputeGpuQueue.JobQueueArn>',
    '<ComputeOnDemandQueue.JobQueueArn>',
    '<ComputeQueue.JobQueueArn>',
    '<JobsGpuRender52Definition>',
    '<JobsRender52Definition>',
    '<JobsStitchDefinition>',
  ]);
});
