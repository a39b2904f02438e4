import { Match, type Template } from 'aws-cdk-lib/assertions';
import { allProperties, expectCounts, expectResource, flat, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm({ farmName: 'studio' });

const environments = (template: Template) =>
  allProperties(template, 'AWS::Batch::ComputeEnvironment').map(({ properties }) => properties);

test('the farm uses only Spot machines, 0 to 256 vCPUs, by price and capacity', () => {
  expect(environments(farmTemplate)).toHaveLength(1);
  expect(environments(farmTemplate)[0].ComputeResources).toMatchObject({
    Type: 'SPOT',
    AllocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED',
    MinvCpus: 0,
    MaxvCpus: 256,
    InstanceTypes: ['default_x86_64'],
    Ec2Configuration: [{ ImageType: 'ECS_AL2023' }],
    Tags: { 'spotreel:farm': 'studio' },
  });
});

test('machines start from the newest version of the launch template', () => {
  const [{ ComputeResources }] = environments(farmTemplate);
  const { LaunchTemplate } = ComputeResources;
  expect(flat(LaunchTemplate.LaunchTemplateId)).toBe('<MachineLaunchTemplate>');
  expect(flat(LaunchTemplate.Version)).toBe('<MachineLaunchTemplate.LatestVersionNumber>');
});

test('the compute environment is updated in place without ending running jobs', () => {
  expectResource(farmTemplate, 'AWS::Batch::ComputeEnvironment', {
    Type: 'managed',
    State: 'ENABLED',
    ReplaceComputeEnvironment: false,
    UpdatePolicy: { TerminateJobsOnUpdate: Match.absent() },
  });
});

test('On-Demand machines are optional and have their own queue that no other queue uses', () => {
  const { farmTemplate: both } = synthFarm({ onDemandVcpus: 32 });
  const queues = allProperties(both, 'AWS::Batch::JobQueue').flatMap(({ properties }): string[] =>
    properties.ComputeEnvironmentOrder.map(({ ComputeEnvironment }: { ComputeEnvironment: unknown }) =>
      flat(ComputeEnvironment),
    ),
  );
  expectCounts(both, { 'AWS::Batch::JobQueue': 2 });
  expect(new Set(queues)).toEqual(
    new Set([
      '<ComputeOnDemandEnvironment.ComputeEnvironmentArn>',
      '<ComputeSpotEnvironment.ComputeEnvironmentArn>',
    ]),
  );
  expect(queues).toHaveLength(2);
  expectResource(both, 'AWS::Batch::ComputeEnvironment', {
    ComputeResources: { Type: 'EC2', AllocationStrategy: 'BEST_FIT_PROGRESSIVE', MinvCpus: 0, MaxvCpus: 32 },
  });
});

test('GPU machines are optional Spot machines with their own queue', () => {
  const { farmTemplate: gpu } = synthFarm({ gpuVcpus: 64, gpuInstanceTypes: ['g5', 'g6.2xlarge'] });
  expectResource(gpu, 'AWS::Batch::ComputeEnvironment', {
    ComputeResources: {
      Type: 'SPOT',
      AllocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED',
      MinvCpus: 0,
      MaxvCpus: 64,
      InstanceTypes: ['g5', 'g6.2xlarge'],
      Ec2Configuration: [{ ImageType: 'ECS_AL2023_NVIDIA' }],
    },
  });
  expectCounts(gpu, { 'AWS::Batch::JobQueue': 2 });
  expectResource(gpu, 'AWS::Batch::JobDefinition', {
    ContainerProperties: { ResourceRequirements: Match.arrayWith([{ Type: 'GPU', Value: '1' }]) },
  });
  expectCounts(farmTemplate, { 'AWS::Batch::JobQueue': 1 });
});

test('the queue cancels a job after half an hour only if no machine can ever run it', () => {
  const {
    JobStateTimeLimitActions: actions,
  }: {
    JobStateTimeLimitActions: Array<Record<string, unknown>>;
  } = onlyProperties(farmTemplate, 'AWS::Batch::JobQueue');
  expect(actions.map(({ Reason }) => Reason)).toEqual([
    'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE',
    'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT',
  ]);
  for (const action of actions) {
    expect(action).toMatchObject({ Action: 'CANCEL', State: 'RUNNABLE', MaxTimeSeconds: 1800 });
  }
});
