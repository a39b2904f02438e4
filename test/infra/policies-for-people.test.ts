import { allProperties, flat, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm({ gpuVcpus: 8, onDemandVcpus: 8 });

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

/** Action → resources of a managed policy. */
function allowed(idStart: string): Record<string, string[]> {
  const { properties } = allProperties(farmTemplate, 'AWS::IAM::ManagedPolicy').find(
    ({ id }) => id === idStart,
  )!;
  const statements: Statement[] = properties.PolicyDocument.Statement;
  const actions: Record<string, string[]> = {};
  for (const { Action, Resource } of statements)
    for (const action of [Action].flat())
      actions[action] = [...(actions[action] ?? []), ...[Resource].flat().map(flat)].toSorted();
  return actions;
}

const BUCKET = '<FnGetAttFilmBucketArn>';

test('viewers may read renders, jobs, logs and prices', () => {
  expect(allowed('Viewers')).toEqual({
    's3:GetObject': [`${BUCKET}/caps/*`, `${BUCKET}/renders/*`],
    's3:ListBucket': [BUCKET],
    'ssm:GetParameter': [expect.stringMatching(/:parameter\/spotreel\/main$/)],
    'logs:GetLogEvents': ['<JobsLog.Arn>'],
    'batch:ListJobs': ['*'],
    'batch:DescribeJobs': ['*'],
    'ec2:DescribeSpotPriceHistory': ['*'],
  });
});

test('submitters may submit to every queue, and end jobs of the farm', () => {
  const { 'batch:SubmitJob': submit, 'batch:TerminateJob': terminate } = allowed('Submitters');
  expect(submit).toEqual([
    '<ComputeGpuQueue.JobQueueArn>',
    '<ComputeOnDemandQueue.JobQueueArn>',
    '<ComputeQueue.JobQueueArn>',
    '<JobsGpuRender52Definition>',
    '<JobsRender52Definition>',
    '<JobsStitchDefinition>',
  ]);
  expect(terminate).toEqual(['arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*']);
});

test('submitters may delete only their claims on renders', () => {
  expect(allowed('Submitters')['s3:DeleteObject']).toEqual([`${BUCKET}/renders/*/submitting.json`]);
});

test('the deployment prints the managed policies', () => {
  for (const name of ['Submitters', 'Viewers']) {
    const output = farmTemplate.findOutputs(`${name}Policy`)[`${name}Policy`];
    expect(flat(output?.Value)).toBe(`<${name}>`);
  }
});

test('ECS may use the roles of workers only for tasks of the same account and region', () => {
  const roles = allProperties(farmTemplate, 'AWS::IAM::Role').filter(({ id }) => id.startsWith('Jobs'));
  expect(roles).toHaveLength(2);
  for (const { properties } of roles) {
    const [statement] = properties.AssumeRolePolicyDocument.Statement;
    expect(statement.Condition.StringEquals).toEqual({ 'aws:SourceAccount': { Ref: 'AWS::AccountId' } });
    expect(flat(statement.Condition.ArnLike['aws:SourceArn'])).toBe(
      'arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:*',
    );
  }
});
