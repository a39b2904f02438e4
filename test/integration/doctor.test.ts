import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  UpdateJobQueueCommand,
} from '@aws-sdk/client-batch';
import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { BatchDeleteImageCommand, ECRClient } from '@aws-sdk/client-ecr';
import { ECSClient, RegisterContainerInstanceCommand } from '@aws-sdk/client-ecs';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { readdirSync } from 'node:fs';
import type { Check } from '../../cli/doctor/check';
import { runsHeavy } from '../support/heavy';
import { startHttpServer } from '../support/http-server';
import { deployManagedFarm } from '../support/managed-farm';
import { startS3Emulator, type S3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** The environment of a user without AWS. */
const NO_AWS: NodeJS.ProcessEnv = {
  AWS_EC2_METADATA_DISABLED: 'true',
  ...Object.fromEntries(
    [
      'AWS_PROFILE',
      'AWS_REGION',
      'AWS_DEFAULT_REGION',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_ENDPOINT_URL',
      'SPOTREEL_FARM_NAME',
    ].map((name) => [name, undefined]),
  ),
};

async function doctor(environment: NodeJS.ProcessEnv, ...more: string[]) {
  const files = { AWS_CONFIG_FILE: at('config'), AWS_SHARED_CREDENTIALS_FILE: at('credentials') };
  const options = { cwd: at(), environment: { ...NO_AWS, ...files, ...environment } };
  const { exitCode, stdout, stderr } = await spotreel(['doctor', '--json', ...more], options);
  const { checks }: { checks: Check[] } = JSON.parse(stdout || '{"checks":[]}');
  const stateOf = (name: string) => checks.filter((check) => check.name === name).map(({ state }) => state);
  return { exitCode, stderr, checks, stateOf };
}

test('doctor finds nothing wrong with this machine without AWS', async () => {
  const { exitCode, checks, stateOf } = await doctor({});
  expect(checks.filter(({ state }) => state === 'wrong')).toEqual([]);
  expect(exitCode).toBe(0);
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'Node',
      'Blender',
      'ffmpeg',
      'display',
      'sandbox',
      'disk',
      'memory',
      'output',
      'AWS',
    ]),
  );
  expect([...stateOf('Node'), ...stateOf('ffmpeg')]).toEqual(['ok', 'ok']);
  // Debian 12's own, which is older than scenes of today.
  expect(stateOf('Blender')).toEqual(['warning']);
  expect(stateOf('AWS')).toEqual(['skipped']);
  expect(readdirSync(at())).toEqual([]);
  const { stdout } = await spotreel(['doctor'], { cwd: at(), environment: { ...NO_AWS, HOME: at() } });
  expect(stdout).toMatch(/^ok {7}Node {5}v\d+/);
});

if (runsHeavy('commands'))
  test('doctor reports a missing Blender with its fix', async () => {
    const { exitCode, checks, stateOf } = await doctor({ SPOTREEL_BLENDER: '/nowhere/blender' });
    expect(exitCode).toBe(1);
    expect(checks.find(({ name }) => name === 'Blender')).toMatchObject({
      state: 'wrong',
      found: 'SPOTREEL_BLENDER is /nowhere/blender, which cannot be run',
      mend: expect.stringContaining('https://www.blender.org/download/'),
    });
    expect(stateOf('ffmpeg')).toEqual(['ok']);
  });

if (runsHeavy('commands'))
  test('doctor reports missing credentials if a farm is named', async () => {
    const { exitCode, stateOf } = await doctor({}, '--farm', 'films');
    expect(exitCode).toBe(1);
    expect(stateOf('AWS')).toEqual(['wrong']);
  });

describe('doctor, with a farm,', () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  let aws: S3Emulator;
  let batch: BatchClient;
  let ec2: EC2Client;
  let ecs: ECSClient;
  let ecr: ECRClient;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    aws = await startS3Emulator();
    const client = { endpoint: aws.endpoint, region: 'us-east-1', credentials };
    [batch, ec2] = [new BatchClient(client), new EC2Client(client)];
    [ecs, ecr] = [new ECSClient(client), new ECRClient(client)];
    environment = {
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    await deployManagedFarm(aws.bucket, client);
  });
  afterAll(() => aws.stop());

  test('checks every part without a change', async () => {
    const { exitCode, stderr, checks, stateOf } = await doctor(environment, '--farm', 'films');
    expect(checks.filter(({ state }) => state === 'wrong')).toEqual([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const ofFarm = checks.slice(checks.findIndex(({ name }) => name === 'credentials'));
    expect(ofFarm.map(({ name, state }) => `${state} ${name}`)).toEqual([
      'ok credentials',
      'ok region',
      'ok farm',
      'ok bucket',
      'ok queue',
      'ok machines',
      'ok job',
      'ok job',
      'ok image',
      'skipped image',
      'warning quota',
      'ok running',
    ]);
    expect(checks.at(-1)?.found).toBe('no machine now');
    expect(stateOf('AWS')).toEqual([]);
    const { KeyCount } = await aws.client.send(new ListObjectsV2Command({ Bucket: aws.bucket }));
    expect(KeyCount).toBe(0);
    const { Uploads = [] } = await aws.client.send(new ListMultipartUploadsCommand({ Bucket: aws.bucket }));
    expect(Uploads).toEqual([]);
  });

  if (runsHeavy('commands'))
    test("counts only the farm's machines that have joined the cluster", async () => {
      const { computeEnvironments = [] } = await batch.send(new DescribeComputeEnvironmentsCommand({}));
      const cluster = computeEnvironments[0]!.ecsClusterArn!;
      const start = async (Value: string) => {
        const { Instances = [] } = await ec2.send(
          new RunInstancesCommand({
            ImageId: 'ami-12c6146b',
            MinCount: 1,
            MaxCount: 1,
            TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'spotreel:farm', Value }] }],
          }),
        );
        return Instances[0]!.InstanceId!;
      };
      const [ids, others] = [[await start('films'), await start('films')], await start('other')];
      for (const instanceId of [ids[0]!, others]) {
        const instanceIdentityDocument = JSON.stringify({ instanceId });
        await ecs.send(new RegisterContainerInstanceCommand({ cluster, instanceIdentityDocument }));
      }
      const { exitCode, checks } = await doctor(environment, '--farm', 'films');
      expect(exitCode).toBe(0);
      expect(checks.find(({ name }) => name === 'running')).toEqual({
        name: 'running',
        state: 'ok',
        found: '1 of 2 machines are working or ready',
      });
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: [...ids, others] }));
    });

  if (runsHeavy('commands'))
    test('warns of each missing permission', async () => {
      const denying = await startHttpServer((_, response) => {
        response.writeHead(403, {
          'content-type': 'application/json',
          'x-amzn-errortype': 'AccessDeniedException',
        });
        response.end(JSON.stringify({ message: 'not authorized to perform' }));
      });
      try {
        const endpoints = {
          AWS_ENDPOINT_URL_BATCH: denying.endpoint,
          AWS_ENDPOINT_URL_ECR: denying.endpoint,
        };
        const { exitCode, checks, stateOf } = await doctor(
          { ...environment, ...endpoints },
          '--farm',
          'films',
        );
        expect(exitCode).toBe(0);
        expect(stateOf('bucket')).toEqual(['ok']);
        const permissions = {
          queue: 'batch:DescribeJobQueues',
          machines: 'batch:DescribeJobQueues',
          job: 'batch:DescribeJobDefinitions',
        };
        for (const [name, permission] of Object.entries(permissions)) {
          const check = checks.find((one) => one.name === name);
          expect(check).toMatchObject({ state: 'warning', found: expect.stringContaining(permission) });
        }
      } finally {
        await denying.stop();
      }
    });

  if (runsHeavy('commands'))
    test('reports a disabled queue, a missing image and an unknown farm', async () => {
      await batch.send(new UpdateJobQueueCommand({ jobQueue: 'queue', state: 'DISABLED' }));
      await ecr.send(
        new BatchDeleteImageCommand({ repositoryName: 'assets', imageIds: [{ imageTag: 'tag' }] }),
      );
      const { exitCode, stateOf } = await doctor(environment, '--farm', 'films');
      expect(exitCode).toBe(1);
      expect([...stateOf('queue'), ...stateOf('image'), ...stateOf('machines')]).toEqual([
        'wrong',
        'wrong',
        'skipped',
        'ok',
      ]);
      expect((await doctor(environment, '--farm', 'other')).stateOf('farm')).toEqual(['wrong']);
      const unasked = await doctor(environment);
      expect(unasked).toMatchObject({ exitCode: 0 });
      expect(unasked.stateOf('farm')).toEqual(['skipped']);
    });
});
