import { Match, type Template } from 'aws-cdk-lib/assertions';
import { allProperties, expectCounts, expectResource, flat, onlyProperties, synthFarm } from './synth-farm';
import { runsHeavy } from '../support/heavy';

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

/** The scaling policies of a farm with all three kinds of machines, by compute environment. */
const scalingPolicies = (settings: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    allProperties(
      synthFarm({ onDemandVcpus: 32, gpuVcpus: 64, ...settings }).farmTemplate,
      'AWS::Batch::ComputeEnvironment',
    ).map(({ id, properties }) => [id, properties.ComputeResources.ScalingPolicy]),
  );

if (runsHeavy('accounts'))
  test('idle machines do not wait for a job by default', () => {
    expect(Object.values(scalingPolicies({}))).toEqual([undefined, undefined, undefined]);
  });

test('warmMinutes lets idle Spot machines wait, but no On-Demand machine', () => {
  const wait = { MinScaleDownDelayMinutes: 45 };
  expect(scalingPolicies({ warmMinutes: 45 })).toEqual({
    ComputeSpotEnvironment: wait,
    ComputeOnDemandEnvironment: undefined,
    ComputeGpuEnvironment: wait,
  });
});

if (runsHeavy('accounts'))
  test('the description of a farm names its warmMinutes for estimates', () => {
    const { farmTemplate: warm } = synthFarm({ warmMinutes: 45 });
    expect(flat(onlyProperties(warm, 'AWS::SSM::Parameter').Value)).toContain('"warmMinutes":45');
  });

const updatePolicies = (settings: Readonly<Record<string, unknown>>) =>
  environments(synthFarm({ onDemandVcpus: 32, gpuVcpus: 64, ...settings }).farmTemplate).map(
    ({ ReplaceComputeEnvironment, UpdatePolicy }) => ({ ReplaceComputeEnvironment, UpdatePolicy }),
  );

test('an update of the machines is made in place and ends no running job', () => {
  const kept = {
    ReplaceComputeEnvironment: false,
    UpdatePolicy: { TerminateJobsOnUpdate: false, JobExecutionTimeoutMinutes: 90 },
  };
  expect(updatePolicies({ renderTimeoutMinutes: 90, stitchTimeoutMinutes: 60 })).toEqual([kept, kept, kept]);
});

test.each([
  ['the slower kind of job', { renderTimeoutMinutes: 30, stitchTimeoutMinutes: 45 }, 45],
  ['the limit of AWS Batch', { renderTimeoutMinutes: 720 }, 360],
])('machines wait for running jobs during an update as long as %s allows', (_, settings, minutes) => {
  const waits = updatePolicies(settings).map(({ UpdatePolicy }) => UpdatePolicy.JobExecutionTimeoutMinutes);
  expect(waits).toEqual([minutes, minutes, minutes]);
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
