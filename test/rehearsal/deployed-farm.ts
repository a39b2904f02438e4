import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  BatchClient,
  DescribeJobsCommand,
  type JobDetail,
  ListJobsCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  IAMClient,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SSMClient } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { readFarm } from '../../core/jobs/aws-farm';
import type { FarmDescription } from '../../core/jobs/farm';
import type { RenderStatus } from '../../core/render/records';
import { parseStatus } from '../support/documents';
import { ROOT } from '../support/source-files';
import { ACCOUNT, type AwsEmulator, type Credentials, JOB_IS_DONE, JOB_TOLD, REGION } from './aws-emulator';

/** The trust policy of roles that the rehearsal assumes. */
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'sts:AssumeRole' },
  ],
});

/** Long enough for a Lambda to start on a busy machine. */
const PATIENCE_SECONDS = 60;

export interface StackResource {
  readonly logicalId: string;
  readonly type: string;
  readonly physicalId: string;
  readonly status: string;
}

/** A farm in the emulator, as its owner sees it. */
export class DeployedFarm {
  readonly s3: S3Client;
  readonly batch: BatchClient;
  readonly logs: CloudWatchLogsClient;
  private readonly sqs: SQSClient;

  private constructor(
    private readonly aws: AwsEmulator,
    /** The description that the command line finds, too. */
    readonly description: FarmDescription,
    readonly resources: readonly StackResource[],
  ) {
    this.s3 = new S3Client(aws.clientConfig());
    this.batch = new BatchClient(aws.clientConfig());
    this.logs = new CloudWatchLogsClient(aws.clientConfig());
    this.sqs = new SQSClient(aws.clientConfig());
  }

  /** With its stacks `spotreel-<farmName>-storage` and `spotreel-<farmName>-farm`, or those of `parts`. */
  static async find(
    aws: AwsEmulator,
    farmName = 'main',
    parts: readonly string[] = ['storage', 'farm'],
  ): Promise<DeployedFarm> {
    const cloudFormation = new CloudFormationClient(aws.clientConfig());
    const stacks = await Promise.all(
      parts.map((part) =>
        cloudFormation.send(new DescribeStackResourcesCommand({ StackName: `spotreel-${farmName}-${part}` })),
      ),
    );
    const resources = stacks
      .flatMap(({ StackResources = [] }) => StackResources)
      .map((resource) => ({
        logicalId: resource.LogicalResourceId!,
        type: resource.ResourceType!,
        physicalId: resource.PhysicalResourceId!,
        status: resource.ResourceStatus!,
      }));
    const description = await readFarm(farmName, new SSMClient(aws.clientConfig()));
    return new DeployedFarm(aws, description, resources);
  }

  /** The physical id of the only resource of this type whose logical id begins so. */
  idOf(type: string, idStart: string): string {
    const found = this.resources.filter((one) => one.type === type && one.logicalId.startsWith(idStart));
    if (found.length !== 1) throw new Error(`${found.length} resources of ${type} are ${idStart}*`);
    return found[0]!.physicalId;
  }

  /** A client with a role's permissions: its policies stay as they are, only its trust policy is changed. */
  async credentialsOf(idStart: string): Promise<Credentials> {
    const roleName = this.idOf('AWS::IAM::Role', idStart);
    const config = this.aws.clientConfig();
    await new IAMClient(config).send(
      new UpdateAssumeRolePolicyCommand({ RoleName: roleName, PolicyDocument: TRUST }),
    );
    return this.assume(roleName);
  }

  /** A client with the permissions of a managed policy, by a role that has no other. */
  async credentialsWith(idStart: string): Promise<Credentials> {
    const roleName = `person-${idStart}`;
    const iam = new IAMClient(this.aws.clientConfig());
    await iam.send(new CreateRoleCommand({ RoleName: roleName, AssumeRolePolicyDocument: TRUST }));
    const PolicyArn = this.idOf('AWS::IAM::ManagedPolicy', idStart);
    await iam.send(new AttachRolePolicyCommand({ RoleName: roleName, PolicyArn }));
    return this.assume(roleName);
  }

  private async assume(roleName: string): Promise<Credentials> {
    const { Credentials: given } = await new STSClient(this.aws.clientConfig()).send(
      new AssumeRoleCommand({
        RoleArn: `arn:aws:iam::${ACCOUNT}:role/${roleName}`,
        RoleSessionName: 'rehearsal',
      }),
    );
    return {
      accessKeyId: given!.AccessKeyId!,
      secretAccessKey: given!.SecretAccessKey!,
      sessionToken: given!.SessionToken!,
    };
  }

  async put(key: string, body: Uint8Array, metadata: Readonly<Record<string, string>> = {}): Promise<void> {
    const { bucket } = this.description;
    await this.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, Metadata: { ...metadata } }),
    );
  }

  async get(key: string): Promise<Uint8Array> {
    const { Body } = await this.s3.send(new GetObjectCommand({ Bucket: this.description.bucket, Key: key }));
    return Body!.transformToByteArray();
  }

  async keys(prefix: string): Promise<string[]> {
    const { Contents = [] } = await this.s3.send(
      new ListObjectsV2Command({ Bucket: this.description.bucket, Prefix: prefix }),
    );
    return Contents.map(({ Key }) => Key!);
  }

  /** The first object below `prefix` whose key ends so, once it exists. */
  async appears(prefix: string, ending: string): Promise<string> {
    for (const deadline = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < deadline; await sleep(200)) {
      const key = (await this.keys(prefix)).find((one) => one.endsWith(ending));
      if (key !== undefined) return key;
    }
    throw new Error(`no ${prefix}…${ending} after ${PATIENCE_SECONDS} s; the emulator: ${this.aws.log()}`);
  }

  /** How a render ended, once its message was sent. */
  async status(folderStart: string): Promise<RenderStatus> {
    const key = await this.appears(folderStart, '/status.json');
    for (const deadline = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < deadline; await sleep(200)) {
      const status = parseStatus(await this.get(key));
      if (status.notifiedAt !== undefined) return status;
    }
    throw new Error(`no message about ${key} after ${PATIENCE_SECONDS} s; the emulator: ${this.aws.log()}`);
  }

  /** The same, once the render has this state. */
  async statusIn(folder: string, state: RenderStatus['state']): Promise<RenderStatus> {
    for (const deadline = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < deadline; await sleep(200)) {
      const status = await this.status(folder);
      if (status.state === state) return status;
    }
    throw new Error(
      `${folder} was not ${state} after ${PATIENCE_SECONDS} s; the emulator: ${this.aws.log()}`,
    );
  }

  /** The id of a render's salvage job, once it is recorded. */
  async salvageJob(folder: string): Promise<string> {
    const key = await this.appears(folder, '/salvage.json');
    for (const deadline = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < deadline; await sleep(200)) {
      const { jobId } = JSON.parse(Buffer.from(await this.get(key)).toString());
      if (jobId !== undefined) return jobId;
    }
    throw new Error(`no job in ${key} after ${PATIENCE_SECONDS} s; the emulator: ${this.aws.log()}`);
  }

  /** All jobs of the queue, or of another one, in the order in which they were submitted. */
  async jobs(jobQueue = this.description.jobQueue): Promise<JobDetail[]> {
    const { jobSummaryList = [] } = await this.batch.send(new ListJobsCommand({ jobQueue, filters: [] }));
    const jobs = await this.describe(jobSummaryList.map(({ jobId }) => jobId!));
    return jobs.toSorted((a, b) => a.createdAt! - b.createdAt!);
  }

  async describe(jobIds: readonly string[]): Promise<JobDetail[]> {
    if (jobIds.length === 0) return [];
    const { jobs = [] } = await this.batch.send(new DescribeJobsCommand({ jobs: [...jobIds] }));
    return jobs;
  }

  /** Waits until every upload's message has been dealt with. Gives how many ended as dead letters. */
  async quiet(): Promise<number> {
    for (const deadline = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < deadline; await sleep(200)) {
      if ((await this.messagesIn('UploadQueue')) === 0) return this.messagesIn('UploadDeadLetters');
    }
    throw new Error(`messages are left after ${PATIENCE_SECONDS} s; the emulator: ${this.aws.log()}`);
  }

  private async messagesIn(idStart: string): Promise<number> {
    const { Attributes = {} } = await this.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.idOf('AWS::SQS::Queue', idStart),
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  }

  /** Has a Lambda called, as a schedule would, by the SDK that the emulator brings. Throws what it throws. */
  async call(idStart: string): Promise<void> {
    const name = this.idOf('AWS::Lambda::Function', idStart);
    const program = [
      'import sys, botocore.session as s',
      "answer = s.get_session().create_client('lambda').invoke(FunctionName=sys.argv[1])",
      "sys.exit(answer['Payload'].read().decode() if 'FunctionError' in answer else 0)",
    ].join('\n');
    const environment = { ...this.aws.environment(), AWS_DEFAULT_REGION: REGION };
    await promisify(execFile)(join(ROOT, '.venv/bin/python'), ['-c', program, name], { env: environment });
  }

  /** Plays AWS Batch: a job ends, and EventBridge gets the event. */
  async done(jobId: string): Promise<void> {
    await this.fail(jobId, JOB_IS_DONE);
  }

  /** Reports the state of a job, or of a child `<jobId>:<index>`, that runs elsewhere. */
  async tell(
    jobId: string,
    told: Partial<Pick<JobDetail, 'status' | 'startedAt' | 'attempts'>>,
  ): Promise<void> {
    await this.fail(jobId, JOB_TOLD + JSON.stringify(told));
  }

  /** The same of a job that has failed. */
  async fail(jobId: string, reason: string): Promise<void> {
    await this.batch.send(new TerminateJobCommand({ jobId, reason }));
  }
}
