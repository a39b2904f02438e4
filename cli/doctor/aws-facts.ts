import { randomUUID } from 'node:crypto';
import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
  type JobDefinition,
  type JobQueueDetail,
  type ResourceType,
} from '@aws-sdk/client-batch';
import { EC2Client, type Instance, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import {
  DescribeImagesCommand,
  ECRClient,
  ImageNotFoundException,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import {
  DescribeContainerInstancesCommand,
  ECSClient,
  paginateListContainerInstances,
} from '@aws-sdk/client-ecs';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  GetServiceQuotaCommand,
  NoSuchResourceException,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import type { FarmDescription } from '../../core/jobs/farm';
import { FARM_TAG } from '../../core/render/options';
import { type Answer, ask } from './check';
import {
  type ComputeFacts,
  type DefinitionFacts,
  type EcrImage,
  type EnvironmentFacts,
  type FarmFacts,
  type ImageFacts,
  type MachineFacts,
  type QueueFacts,
  parseEcrImage,
  type QuotaFacts,
  quotasOf,
} from './farm-facts';
import { CLIENT } from './aws-account';

/** Assumption: a machine joins ECS a minute or two after EC2 starts it. */
const JOINED_AFTER_SECONDS = 10 * 60;

/** Container instances per page, the documented maximum for listing and describing. */
const PAGE = 100;

/**
 * Finds the machines with the farm's tag, and those that ECS can use.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html
 */
export async function askMachines(
  { name, region }: Pick<FarmDescription, 'name' | 'region'>,
  environments: Answer<readonly EnvironmentFacts[]>,
  now: Date,
): Promise<Answer<MachineFacts>> {
  if (!('value' in environments)) return environments;
  const clusters = environments.value.flatMap(({ cluster }) => cluster ?? []);
  const [started, joined] = await Promise.all([
    ask('ec2:DescribeInstances', () => instancesOf(name, new EC2Client({ ...CLIENT, region }))),
    ask('ecs:ListContainerInstances and ecs:DescribeContainerInstances', () =>
      connectedIn(clusters, new ECSClient({ ...CLIENT, region })),
    ),
  ]);
  if (!('value' in started)) return started;
  if (!('value' in joined)) return joined;
  return { value: machineFacts(started.value, joined.value, now) };
}

/** `joined` are instance ids, possibly also of other farms. Pure. */
function machineFacts(started: readonly Instance[], joined: ReadonlySet<string>, now: Date): MachineFacts {
  const others = started.filter(({ InstanceId = '' }) => !joined.has(InstanceId));
  const isLate = ({ LaunchTime = now }: Instance) =>
    now.getTime() - LaunchTime.getTime() > JOINED_AFTER_SECONDS * 1000;
  return {
    started: started.length,
    joined: started.length - others.length,
    lost: others.filter(isLate).map(({ InstanceId = '' }) => InstanceId),
  };
}

async function instancesOf(farmName: string, client: EC2Client): Promise<Instance[]> {
  const Filters = [
    { Name: `tag:${FARM_TAG}`, Values: [farmName] },
    { Name: 'instance-state-name', Values: ['pending', 'running'] },
  ];
  const instances: Instance[] = [];
  for await (const page of paginateDescribeInstances({ client, pageSize: 1000 }, { Filters }))
    instances.push(...(page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []));
  return instances;
}

/** Instance ids registered in these clusters with a connected agent. */
async function connectedIn(clusters: readonly string[], client: ECSClient): Promise<Set<string>> {
  const connected = new Set<string>();
  for (const cluster of clusters) {
    for await (const page of paginateListContainerInstances({ client, pageSize: PAGE }, { cluster })) {
      const containerInstances = page.containerInstanceArns ?? [];
      if (containerInstances.length === 0) continue;
      const command = new DescribeContainerInstancesCommand({ cluster, containerInstances });
      for (const one of (await client.send(command)).containerInstances ?? [])
        if (one.agentConnected && one.ec2InstanceId !== undefined) connected.add(one.ec2InstanceId);
    }
  }
  return connected;
}

/** Asks AWS about all parts of a farm in parallel. */
export async function findFarmFacts(farm: FarmDescription): Promise<FarmFacts> {
  const s3 = new S3Client(CLIENT);
  const [compute, listed, ...written] = await Promise.all([
    findComputeFacts(farm),
    ask('s3:ListBucket', () =>
      s3.send(new ListObjectsV2Command({ Bucket: farm.bucket, Prefix: farm.outputPrefix, MaxKeys: 1 })),
    ),
    ...[farm.uploadPrefix, farm.outputPrefix].map((prefix) => tryToWrite(farm.bucket, prefix, s3)),
  ]);
  return { farm, listed, written, ...compute };
}

/** Asks AWS about the compute parts of a farm in parallel. Changes nothing. */
export async function findComputeFacts(farm: FarmDescription): Promise<ComputeFacts> {
  const batch = new BatchClient(CLIENT);
  const asked = askQueues(farm, batch);
  const behind = asked.then((answer) => askEnvironments(answer, batch));
  const toRun = askDefinitions(farm, batch);
  const [queues, environments, definitions, images, quotas, machines] = await Promise.all([
    asked.then((answer) => mapAnswer(answer, (details) => details.map(queueOf))),
    behind,
    toRun,
    toRun.then(askImages),
    behind.then(askQuotas),
    behind.then((answer) => askMachines(farm, answer, new Date())),
  ]);
  return { queues, environments, definitions, images, quotas, machines };
}

function mapAnswer<T, U>(answer: Answer<T>, map: (value: T) => U): Answer<U> {
  return 'value' in answer ? { value: map(answer.value) } : answer;
}

/**
 * Starts and aborts a multipart upload: needs the permissions of a real one, and leaves no object, version or event.
 */
async function tryToWrite(Bucket: string, prefix: string, s3: S3Client) {
  const Key = `${prefix}.spotreel-doctor-${randomUUID()}`;
  const answer = await ask('s3:PutObject and s3:AbortMultipartUpload', async () => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  });
  return { prefix, answer };
}

function askQueues(farm: FarmDescription, batch: BatchClient): Promise<Answer<JobQueueDetail[]>> {
  const others = [farm.gpu, farm.onDemand].flatMap((queue) => (queue ? [queue.jobQueue] : []));
  const names = [farm.jobQueue, ...others];
  return ask('batch:DescribeJobQueues', async () => {
    const { jobQueues = [] } = await batch.send(new DescribeJobQueuesCommand({ jobQueues: names }));
    return names.map(
      (name) =>
        jobQueues.find(({ jobQueueArn, jobQueueName }) => name === jobQueueArn || name === jobQueueName) ?? {
          jobQueueName: name,
          jobQueueArn: name,
          state: undefined,
          priority: 0,
          computeEnvironmentOrder: [],
        },
    );
  });
}

function queueOf({ jobQueueName = '', state, status, statusReason }: JobQueueDetail): QueueFacts {
  return {
    name: nameOf(jobQueueName),
    state: state ?? 'missing',
    status: status ?? 'missing',
    statusReason,
  };
}

async function askEnvironments(
  queues: Answer<readonly JobQueueDetail[]>,
  batch: BatchClient,
): Promise<Answer<readonly EnvironmentFacts[]>> {
  if (!('value' in queues)) return queues;
  const orders = queues.value.flatMap(({ computeEnvironmentOrder = [] }) => computeEnvironmentOrder);
  const computeEnvironments = orders.flatMap(({ computeEnvironment }) => computeEnvironment ?? []);
  if (computeEnvironments.length === 0) return { value: [] };
  return ask('batch:DescribeComputeEnvironments', async () => {
    const answer = await batch.send(new DescribeComputeEnvironmentsCommand({ computeEnvironments }));
    return (answer.computeEnvironments ?? []).map((environment) => ({
      name: environment.computeEnvironmentName ?? '',
      state: environment.state ?? '',
      status: environment.status ?? '',
      statusReason: environment.statusReason,
      isSpot: environment.computeResources?.type === 'SPOT',
      maxVcpus: environment.computeResources?.maxvCpus ?? 0,
      warmMinutes: environment.computeResources?.scalingPolicy?.minScaleDownDelayMinutes,
      instanceTypes: environment.computeResources?.instanceTypes ?? [],
      cluster: environment.ecsClusterArn,
      hasNewerImage: environment.computeResources?.ec2Configuration?.some(
        ({ batchImageStatus }) => batchImageStatus === 'UPDATE_AVAILABLE',
      ),
    }));
  });
}

function askDefinitions(
  farm: FarmDescription,
  batch: BatchClient,
): Promise<Answer<readonly DefinitionFacts[]>> {
  const arns = [
    ...farm.renderDefinitions.flatMap(({ jobDefinition, gpuJobDefinition }) => [
      jobDefinition,
      ...(gpuJobDefinition === undefined ? [] : [gpuJobDefinition]),
    ]),
    farm.stitchJobDefinition,
  ];
  return ask('batch:DescribeJobDefinitions', async () => {
    const command = new DescribeJobDefinitionsCommand({ jobDefinitions: arns });
    const { jobDefinitions = [] } = await batch.send(command);
    return arns.map((arn) =>
      definitionOf(
        arn,
        jobDefinitions.find(({ jobDefinitionArn }) => jobDefinitionArn === arn),
      ),
    );
  });
}

function definitionOf(arn: string, definition: JobDefinition | undefined): DefinitionFacts {
  const { image, vcpus, memory, resourceRequirements = [] } = definition?.containerProperties ?? {};
  const required = (kind: ResourceType, older?: number): number | undefined => {
    const value = resourceRequirements.find(({ type }) => type === kind)?.value;
    return value === undefined ? older : Number(value);
  };
  return {
    arn,
    status: definition?.status,
    image,
    vcpus: required('VCPU', vcpus),
    memoryMib: required('MEMORY', memory),
    ...(required('GPU') !== undefined && { gpu: true }),
  };
}

async function askImages(definitions: Answer<readonly DefinitionFacts[]>): Promise<FarmFacts['images']> {
  if (!('value' in definitions)) return [];
  const uris = new Set(definitions.value.flatMap(({ image }) => image ?? []));
  const known = [...uris].flatMap((uri) => {
    const image = parseEcrImage(uri);
    return image ? [{ uri, image }] : [];
  });
  return Promise.all(
    known.map(async ({ uri, image }) => {
      return { uri, answer: await ask('ecr:DescribeImages', () => describeImage(uri, image)) };
    }),
  );
}

async function describeImage(
  uri: string,
  { registryId, region, repositoryName, imageId }: EcrImage,
): Promise<ImageFacts> {
  const ecr = new ECRClient({ ...CLIENT, region });
  try {
    const command = new DescribeImagesCommand({ registryId, repositoryName, imageIds: [imageId] });
    const { imageDetails = [] } = await ecr.send(command);
    return { uri, size: imageDetails[0]?.imageSizeInBytes ?? 0 };
  } catch (error) {
    if (error instanceof ImageNotFoundException || error instanceof RepositoryNotFoundException)
      return { uri };
    throw error;
  }
}

async function askQuotas(environments: Answer<readonly EnvironmentFacts[]>): Promise<FarmFacts['quotas']> {
  if (!('value' in environments)) return [];
  const client = new ServiceQuotasClient(CLIENT);
  const codes = new Set(environments.value.flatMap(quotasOf).map(({ code }) => code));
  return Promise.all(
    [...codes].map(async (code) => {
      const answer = await ask('servicequotas:GetServiceQuota', () => quotaValue(code, client));
      return { code, answer };
    }),
  );
}

async function quotaValue(code: string, client: ServiceQuotasClient): Promise<QuotaFacts> {
  try {
    const command = new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: code });
    return { code, value: (await client.send(command)).Quota?.Value };
  } catch (error) {
    if (error instanceof NoSuchResourceException) return { code };
    throw error;
  }
}

/** The last part of an ARN. */
function nameOf(arn: string): string {
  return arn.split('/').at(-1) ?? arn;
}
