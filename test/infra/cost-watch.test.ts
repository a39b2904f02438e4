import { FARM_JOBS, flat, grants, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm({ gpuVcpus: 16 });

test('the cost watch runs every five minutes without retries', () => {
  const { ScheduleExpression, Targets } = onlyProperties(farmTemplate, 'AWS::Events::Rule', 'CostsRule');
  expect(ScheduleExpression).toBe('rate(5 minutes)');
  expect(Targets).toMatchObject([{ RetryPolicy: { MaximumRetryAttempts: 0 } }]);
});

test('the cost watch gets the machines and places that it needs for an estimate', () => {
  const { Environment, Timeout } = onlyProperties(farmTemplate, 'AWS::Lambda::Function', 'CostsWatchF');
  expect(Timeout).toBe(300);
  const { MACHINES, BUCKET, OUTPUT_PREFIX, GPU_JOB_QUEUE } = Environment.Variables;
  expect(JSON.parse(MACHINES)).toMatchObject({
    renderVcpus: 4,
    stitchVcpus: 4,
    instanceTypes: ['default_x86_64'],
    gpuInstanceTypes: ['g4dn', 'g5', 'g6'],
  });
  expect([BUCKET, OUTPUT_PREFIX, GPU_JOB_QUEUE].map(flat)).toEqual([
    '<RefFilmBucket>',
    'renders/',
    '<ComputeGpuQueue.JobQueueArn>',
  ]);
});

test('the cost watch may read renders, stop them, and write only caps', () => {
  expect(grants(farmTemplate, 'CostsWatchRole')).toEqual({
    's3:GetObject': ['<FnGetAttFilmBucketArn>/caps/*', '<FnGetAttFilmBucketArn>/renders/*'],
    's3:PutObject': ['<FnGetAttFilmBucketArn>/caps/*'],
    's3:DeleteObject': ['<FnGetAttFilmBucketArn>/caps/*'],
    's3:ListBucket': [
      '<FnGetAttFilmBucketArn> if {"StringLikeIfExists":{"s3:prefix":["caps/*","renders/*"]}}',
    ],
    'batch:DescribeJobs': ['*'],
    'batch:TerminateJob': [FARM_JOBS],
    'logs:CreateLogStream': ['<CostsWatchLog.Arn>'],
    'logs:PutLogEvents': ['<CostsWatchLog.Arn>'],
    'xray:PutTelemetryRecords': ['*'],
    'xray:PutTraceSegments': ['*'],
  });
});
