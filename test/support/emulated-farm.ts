import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BatchClient,
  CreateComputeEnvironmentCommand,
  CreateJobQueueCommand,
  RegisterJobDefinitionCommand,
} from '@aws-sdk/client-batch';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { type FarmDescription, farmParameterName } from '../../core/jobs/farm';
import type { S3Emulator } from './s3-emulator';

const ACCOUNT = '123456789012';

/** The environment in which programs under test find the emulator. */
export function emulatedEnvironment({ endpoint }: S3Emulator): NodeJS.ProcessEnv {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    XDG_CACHE_HOME: join(tmpdir(), `spotreel-cache-${process.pid}`),
  };
}

const configOf = ({ endpoint }: S3Emulator) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

/** Creates the role that moto's Batch needs, by a request to IAM with a dummy signature, which moto accepts. */
async function makeRole(name: string, { endpoint }: S3Emulator): Promise<string> {
  const body = new URLSearchParams({
    Action: 'CreateRole',
    Version: '2010-05-08',
    RoleName: name,
    AssumeRolePolicyDocument: '{}',
  });
  const credential = 'Credential=test/20260101/us-east-1/iam/aws4_request';
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=none`;
  const answer = await fetch(endpoint, { method: 'POST', body, headers: { authorization } });
  if (!answer.ok) throw new Error(`no role: ${await answer.text()}`);
  return `arn:aws:iam::${ACCOUNT}:role/${name}`;
}

/** A farm named `main` in moto's Batch and SSM, which accepts jobs but runs none. Its bucket is the emulator's. */
export async function makeEmulatedFarm(aws: S3Emulator): Promise<FarmDescription> {
  const batch = new BatchClient(configOf(aws));
  const serviceRole = await makeRole('batch', aws);
  const makeQueue = async (name: string): Promise<string> => {
    const compute = await batch.send(
      new CreateComputeEnvironmentCommand({
        computeEnvironmentName: `${name}-environment`,
        type: 'UNMANAGED',
        state: 'ENABLED',
        serviceRole,
      }),
    );
    const { jobQueueArn } = await batch.send(
      new CreateJobQueueCommand({
        jobQueueName: name,
        state: 'ENABLED',
        priority: 1,
        computeEnvironmentOrder: [{ order: 1, computeEnvironment: compute.computeEnvironmentArn! }],
      }),
    );
    return jobQueueArn!;
  };
  const define = async (name: string) => {
    const { jobDefinitionArn } = await batch.send(
      new RegisterJobDefinitionCommand({
        jobDefinitionName: name,
        type: 'container',
        containerProperties: { image: 'spotreel', vcpus: 1, memory: 512, command: ['true'] },
      }),
    );
    return jobDefinitionArn!;
  };
  const farm: FarmDescription = {
    version: 1,
    name: 'main',
    region: 'us-east-1',
    bucket: aws.bucket,
    uploadPrefix: 'uploads/',
    outputPrefix: 'renders/',
    jobQueue: await makeQueue('spotreel-queue'),
    renderDefinitions: [
      { blenderVersion: '4.5.1', jobDefinition: await define('spotreel-render-4') },
      { blenderVersion: '5.2.0', jobDefinition: await define('spotreel-render') },
    ],
    stitchJobDefinition: await define('spotreel-stitch'),
    onDemand: { jobQueue: await makeQueue('spotreel-on-demand'), parallel: 2 },
    parallel: 4,
    logGroup: 'spotreel',
    topicArn: `arn:aws:sns:us-east-1:${ACCOUNT}:spotreel`,
  };
  const parameter = { Name: farmParameterName('main'), Value: JSON.stringify(farm), Type: 'String' } as const;
  await new SSMClient(configOf(aws)).send(new PutParameterCommand(parameter));
  return farm;
}

/** The emulator's AWS Batch. */
export const emulatedBatch = (aws: S3Emulator): BatchClient => new BatchClient(configOf(aws));
