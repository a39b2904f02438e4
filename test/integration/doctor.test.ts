import {
  BatchClient,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  RegisterJobDefinitionCommand,
  UpdateJobQueueCommand,
} from '@aws-sdk/client-batch';
import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import {
  BatchDeleteImageCommand,
  CreateRepositoryCommand,
  ECRClient,
  PutImageCommand,
} from '@aws-sdk/client-ecr';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { readdirSync } from 'node:fs';
import type { Check } from '../../cli/doctor/check';
import type { FarmDescription } from '../../core/contract/farm-description';
import { startHttpServer } from '../support/http-server';
import { startS3Emulator, type S3Emulator } from '../support/s3-emulator';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(120_000);

const at = useScratchFolder();

/** Of who has never heard of AWS. */
const NO_AWS: NodeJS.ProcessEnv = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
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

test('this machine, with its real programs and without AWS: nothing is wrong, and nothing is left behind', async () => {
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
  expect([...stateOf('Node'), ...stateOf('Blender'), ...stateOf('ffmpeg')]).toEqual(['ok', 'ok', 'ok']);
  expect(stateOf('AWS')).toEqual(['skipped']);
  expect(readdirSync(at())).toEqual([]);
  const { stdout } = await spotreel(['doctor'], { cwd: at(), environment: { ...NO_AWS, HOME: at() } });
  expect(stdout).toMatch(/^ok {7}Node {5}v\d+/);
});

test('without Blender that is wrong, and how to mend it is said; all else is looked at all the same', async () => {
  const { exitCode, checks, stateOf } = await doctor({ SPOTREEL_BLENDER: '/nowhere/blender' });
  expect(exitCode).toBe(1);
  expect(checks.find(({ name }) => name === 'Blender')).toMatchObject({
    state: 'wrong',
    found: "SPOTREEL_BLENDER is /nowhere/blender, which can't be run",
    mend: expect.stringContaining('apt-get install blender'),
  });
  expect(stateOf('ffmpeg')).toEqual(['ok']);
});

test('a farm that is asked for by name, and no credentials', async () => {
  const { exitCode, stateOf } = await doctor({}, '--farm', 'films');
  expect(exitCode).toBe(1);
  expect(stateOf('AWS')).toEqual(['wrong']);
});

describe('a farm in the account', () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  let aws: S3Emulator;
  let batch: BatchClient;
  let ecr: ECRClient;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    aws = await startS3Emulator();
    const client = { endpoint: aws.endpoint, region: 'us-east-1', credentials };
    [batch, ecr] = [new BatchClient(client), new ECRClient(client)];
    environment = {
      AWS_ENDPOINT_URL: aws.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
    const farm = await deploy(client);
    const parameter = { Name: '/spotreel/films', Value: JSON.stringify(farm), Type: 'String' } as const;
    await new SSMClient(client).send(new PutParameterCommand(parameter));
  });
  afterAll(() => aws.stop());

  /** By hand, as the stack would. */
  async function deploy(client: {
    endpoint: string;
    region: string;
    credentials: typeof credentials;
  }): Promise<FarmDescription> {
    const iam = new IAMClient(client);
    const role = { RoleName: 'role', AssumeRolePolicyDocument: '{}' };
    const serviceRole = (await iam.send(new CreateRoleCommand(role))).Role?.Arn;
    const profile = { InstanceProfileName: 'profile' };
    const made = await iam.send(new CreateInstanceProfileCommand(profile));
    await iam.send(new AddRoleToInstanceProfileCommand({ ...profile, RoleName: 'role' }));
    const ec2 = new EC2Client(client);
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    const { SecurityGroups = [] } = await ec2.send(new DescribeSecurityGroupsCommand({}));
    const { computeEnvironmentArn } = await batch.send(
      new CreateComputeEnvironmentCommand({
        computeEnvironmentName: 'spot',
        type: 'MANAGED',
        state: 'ENABLED',
        serviceRole,
        computeResources: {
          type: 'SPOT',
          minvCpus: 0,
          maxvCpus: 64,
          instanceTypes: ['m5'],
          instanceRole: made.InstanceProfile?.Arn,
          spotIamFleetRole: serviceRole,
          subnets: [Subnets[0]?.SubnetId ?? ''],
          securityGroupIds: [SecurityGroups[0]?.GroupId ?? ''],
        },
      }),
    );
    const { jobQueueArn = '' } = await batch.send(
      new CreateJobQueueCommand({
        jobQueueName: 'queue',
        state: 'ENABLED',
        priority: 1,
        computeEnvironmentOrder: [{ order: 1, computeEnvironment: computeEnvironmentArn }],
      }),
    );
    const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: 'assets' }));
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      layers: [],
    };
    const imageManifest = JSON.stringify({ ...manifest, config: { digest: 'sha256:00', size: 1 } });
    await ecr.send(new PutImageCommand({ repositoryName: 'assets', imageTag: 'tag', imageManifest }));
    const register = async (jobDefinitionName: string, image: string) => {
      const resourceRequirements = [
        { type: 'VCPU', value: '4' } as const,
        { type: 'MEMORY', value: '14000' } as const,
      ];
      const containerProperties = { image, command: ['x'], resourceRequirements };
      const definition = { jobDefinitionName, type: 'container', containerProperties } as const;
      return (await batch.send(new RegisterJobDefinitionCommand(definition))).jobDefinitionArn ?? '';
    };
    return {
      version: 1,
      name: 'films',
      region: 'us-east-1',
      bucket: aws.bucket,
      uploadPrefix: 'uploads/',
      outputPrefix: 'renders/',
      jobQueue: jobQueueArn,
      renderDefinitions: [{ jobDefinition: await register('render', `${repository?.repositoryUri}:tag`) }],
      stitchJobDefinition: await register('stitch', 'ghcr.io/films/worker:1'),
      parallel: 16,
      logGroup: 'log',
      topicArn: 'topic',
    };
  }

  test('all of it is there, nothing is written; what this emulator does not know is a warning', async () => {
    const { exitCode, checks, stateOf } = await doctor(environment, '--farm', 'films');
    expect(checks.filter(({ state }) => state === 'wrong')).toEqual([]);
    expect(exitCode).toBe(0);
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
    ]);
    expect(stateOf('AWS')).toEqual([]);
    const { KeyCount } = await aws.client.send(new ListObjectsV2Command({ Bucket: aws.bucket }));
    expect(KeyCount).toBe(0);
    const { Uploads = [] } = await aws.client.send(new ListMultipartUploadsCommand({ Bucket: aws.bucket }));
    expect(Uploads).toEqual([]);
  });

  test('what may not be asked is a warning that names the permission, and hides nothing else', async () => {
    const denying = await startHttpServer((_, response) => {
      response.writeHead(403, {
        'content-type': 'application/json',
        'x-amzn-errortype': 'AccessDeniedException',
      });
      response.end(JSON.stringify({ message: 'not authorized to perform' }));
    });
    try {
      const endpoints = { AWS_ENDPOINT_URL_BATCH: denying.endpoint, AWS_ENDPOINT_URL_ECR: denying.endpoint };
      const { exitCode, checks, stateOf } = await doctor({ ...environment, ...endpoints }, '--farm', 'films');
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

  test('a queue that was switched off and an image that is gone are wrong; so is a farm that is not there', async () => {
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
