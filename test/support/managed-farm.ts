import {
  BatchClient,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  RegisterJobDefinitionCommand,
} from '@aws-sdk/client-batch';
import { DescribeSecurityGroupsCommand, DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateRepositoryCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import {
  AddRoleToInstanceProfileCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  IAMClient,
} from '@aws-sdk/client-iam';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type FarmDescription, farmParameterName } from '../../core/jobs/farm';

/** Settings of clients of the emulator. */
interface EmulatorClient {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Creates a farm named `films` in moto as the stack would, with a compute environment and an image. */
export async function deployManagedFarm(bucket: string, client: EmulatorClient): Promise<void> {
  const batch = new BatchClient(client);
  const ecr = new ECRClient(client);
  const ec2 = new EC2Client(client);
  const iam = new IAMClient(client);
  const role = { RoleName: 'role', AssumeRolePolicyDocument: '{}' };
  const serviceRole = (await iam.send(new CreateRoleCommand(role))).Role?.Arn;
  const profile = { InstanceProfileName: 'profile' };
  const made = await iam.send(new CreateInstanceProfileCommand(profile));
  await iam.send(new AddRoleToInstanceProfileCommand({ ...profile, RoleName: 'role' }));
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
  const farm: FarmDescription = {
    version: 1,
    name: 'films',
    region: 'us-east-1',
    bucket,
    uploadPrefix: 'uploads/',
    outputPrefix: 'renders/',
    jobQueue: jobQueueArn,
    renderDefinitions: [{ jobDefinition: await register('render', `${repository?.repositoryUri}:tag`) }],
    stitchJobDefinition: await register('stitch', 'ghcr.io/films/worker:1'),
    parallel: 16,
    logGroup: 'log',
    topicArn: 'topic',
  };
  const parameter = {
    Name: farmParameterName(farm.name),
    Value: JSON.stringify(farm),
    Type: 'String',
  } as const;
  await new SSMClient(client).send(new PutParameterCommand(parameter));
}
