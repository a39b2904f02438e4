import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
} from '@aws-sdk/client-batch';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import {
  DescribeContainerInstancesCommand,
  ECSClient,
  ListContainerInstancesCommand,
} from '@aws-sdk/client-ecs';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { mockClient } from 'aws-sdk-client-mock';
import { askMachines, findComputeFacts } from '../../../../cli/doctor/aws-facts';
import type { EnvironmentFacts } from '../../../../cli/doctor/farm-facts';
import { makeFarmDescription } from '../../../support/farm-description';

const FARM = { name: 'main', region: 'eu-west-1' };
const NOW = new Date('2026-01-01T12:00:00Z');
const ec2 = mockClient(EC2Client);
const ecs = mockClient(ECSClient);
beforeEach(() => {
  ec2.reset();
  ecs.reset();
});

const environment = (name: string, cluster?: string): EnvironmentFacts => ({
  name,
  state: 'ENABLED',
  status: 'VALID',
  isSpot: true,
  maxVcpus: 64,
  instanceTypes: ['m6i'],
  cluster,
});
const ask = (...environments: EnvironmentFacts[]) => askMachines(FARM, { value: environments }, NOW);
const instance = (InstanceId: string, minutesAgo: number) => ({
  InstanceId,
  LaunchTime: new Date(NOW.getTime() - minutesAgo * 60_000),
});

test('askMachines counts started, joined and lost machines in all clusters, page by page', async () => {
  ec2
    .on(DescribeInstancesCommand)
    .resolvesOnce({ Reservations: [{ Instances: [instance('i-1', 60)] }], NextToken: 'more' })
    .resolves({
      Reservations: [{ Instances: [instance('i-2', 2), instance('i-3', 60), instance('i-4', 60)] }],
    });
  ecs
    .on(ListContainerInstancesCommand, { cluster: 'spot' })
    .resolvesOnce({ containerInstanceArns: ['a'], nextToken: 'more' })
    .resolves({ containerInstanceArns: ['b', 'c'] })
    .on(ListContainerInstancesCommand, { cluster: 'gpu' })
    .resolves({ containerInstanceArns: [] })
    .on(DescribeContainerInstancesCommand, { containerInstances: ['a'] })
    .resolves({ containerInstances: [{ ec2InstanceId: 'i-1', agentConnected: true }] })
    .on(DescribeContainerInstancesCommand, { containerInstances: ['b', 'c'] })
    .resolves({
      containerInstances: [
        { ec2InstanceId: 'i-3', agentConnected: false },
        { ec2InstanceId: 'i-9', agentConnected: true },
      ],
    });
  const answered = await ask(environment('a', 'spot'), environment('b', 'gpu'), environment('c'));
  expect(answered).toEqual({ value: { started: 4, joined: 1, lost: ['i-3', 'i-4'] } });
  expect(ec2.commandCalls(DescribeInstancesCommand)[0]!.args[0].input.Filters).toEqual([
    { Name: 'tag:spotreel:farm', Values: ['main'] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ]);
});

test('askMachines names the missing permission if a request is denied', async () => {
  const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  ec2.on(DescribeInstancesCommand).resolves({});
  ecs.on(ListContainerInstancesCommand).rejects(denied);
  expect(await ask(environment('a', 'spot'))).toMatchObject({
    why: 'denied',
    permission: expect.stringContaining('ecs:ListContainerInstances'),
  });
  const late = { why: 'late', fault: 'x', permission: 'batch:DescribeJobQueues' } as const;
  expect(await askMachines(FARM, late, NOW)).toBe(late);
});

test.each([
  ['UPDATE_AVAILABLE', true],
  ['LATEST', false],
  [undefined, false],
])('findComputeFacts reads the status %s of a machine image', async (batchImageStatus, hasNewerImage) => {
  const batch = mockClient(BatchClient);
  const farm = makeFarmDescription();
  batch.on(DescribeJobQueuesCommand).resolves({
    jobQueues: [
      {
        jobQueueName: farm.jobQueue,
        jobQueueArn: farm.jobQueue,
        state: 'ENABLED',
        priority: 1,
        computeEnvironmentOrder: [{ order: 1, computeEnvironment: 'spot' }],
      },
    ],
  });
  const ec2Configuration = [
    { imageType: 'ECS_AL2023', batchImageStatus: 'LATEST' },
    { imageType: 'ECS_AL2023_NVIDIA', batchImageStatus },
  ];
  const computeResources = { type: 'SPOT' as const, maxvCpus: 64, subnets: [], ec2Configuration };
  batch.on(DescribeComputeEnvironmentsCommand).resolves({
    computeEnvironments: [
      { computeEnvironmentName: 'spot', computeEnvironmentArn: 'spot', ecsClusterArn: 'c', computeResources },
    ],
  });
  batch.on(DescribeJobDefinitionsCommand).resolves({});
  mockClient(ServiceQuotasClient).on(GetServiceQuotaCommand).resolves({});
  ec2.on(DescribeInstancesCommand).resolves({});
  ecs.on(ListContainerInstancesCommand).resolves({});
  const { environments } = await findComputeFacts(farm);
  expect(environments).toMatchObject({ value: [{ name: 'spot', hasNewerImage }] });
  batch.restore();
});
