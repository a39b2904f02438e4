import { CreateRoleCommand } from '@aws-sdk/client-iam';
import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { PublishCommand } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import { AssumeRoleCommand } from '@aws-sdk/client-sts';
import { farmParameterName } from '../../core/jobs/farm';
import { ACCOUNT, type AwsEmulator, type Credentials, REGION } from './aws-emulator';
import { BATCH_DEEDS } from './batch-deeds';
import { clientsOf, type Deed, type Role } from './deed';
import type { DeployedFarm } from './deployed-farm';

/** A bucket of the same account that does not belong to the farm. */
export const ANOTHER_BUCKET = 'another-bucket';

const ELSEWHERE = { Bucket: ANOTHER_BUCKET, Key: 'uploads/theirs.blend' };

/** Calls of the code, each with one that the role must not make, and calls that no role of the farm may make. */
const DEEDS: readonly Deed[] = [
  ...[
    {
      key: 'uploads/x.blend',
      readers: ['submit', 'worker', 'submitter'],
      writers: ['submitter'],
      removers: [],
    } as const,
    {
      key: 'renders/x/frames/0001.png',
      readers: ['submit', 'finish', 'watch', 'worker', 'submitter', 'viewer'],
      writers: ['submit', 'finish', 'worker', 'submitter'],
      removers: ['worker'],
    } as const,
    {
      key: 'renders/x/submitting.json',
      readers: ['submit', 'finish', 'watch', 'worker', 'submitter', 'viewer'],
      writers: ['submit', 'finish', 'worker', 'submitter'],
      removers: ['submit', 'finish', 'worker', 'submitter'],
    } as const,
    {
      key: 'caps/x.json',
      readers: ['submit', 'finish', 'watch', 'submitter', 'viewer'],
      writers: ['submit', 'watch', 'submitter'],
      removers: ['watch'],
    } as const,
    { key: 'x.blend', readers: [], writers: [], removers: [] } as const,
  ].flatMap(({ key, readers, writers, removers }): Deed[] => [
    {
      what: `get ${key}`,
      by: readers,
      attempt: ({ s3 }, { description: { bucket } }) =>
        s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })),
    },
    {
      what: `put ${key}`,
      by: writers,
      attempt: ({ s3 }, { description: { bucket } }) =>
        s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' })),
    },
    {
      what: `delete ${key}`,
      by: removers,
      attempt: ({ s3 }, { description: { bucket } }) =>
        s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })),
    },
  ]),
  ...[
    { prefix: 'uploads/', by: ['submit', 'worker', 'submitter'] } as const,
    { prefix: 'renders/', by: ['submit', 'finish', 'watch', 'worker', 'submitter', 'viewer'] } as const,
    { prefix: 'caps/', by: ['watch', 'submitter', 'viewer'] } as const,
    { prefix: 'elsewhere/', by: [] } as const,
    { prefix: '', by: [] } as const,
  ].map(({ prefix, by }): Deed => ({
    what: `list "${prefix}"`,
    by,
    attempt: ({ s3 }, { description: { bucket } }) =>
      s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix })),
  })),
  {
    what: 'give up an upload in parts',
    by: ['worker'],
    attempt: ({ s3 }, { description: { bucket } }) =>
      s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: 'renders/x/y', UploadId: 'none' })),
  },
  { what: 'get from another bucket', by: [], attempt: ({ s3 }) => s3.send(new GetObjectCommand(ELSEWHERE)) },
  {
    what: 'put into another bucket',
    by: [],
    attempt: ({ s3 }) => s3.send(new PutObjectCommand({ ...ELSEWHERE, Body: 'x' })),
  },
  { what: 'list buckets', by: [], attempt: ({ s3 }) => s3.send(new ListBucketsCommand({})) },
  {
    what: 'change who gets at the bucket',
    by: [],
    attempt: ({ s3 }, { description: { bucket } }) =>
      s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: '{"Statement":[]}' })),
  },
  {
    what: 'delete the bucket',
    by: [],
    attempt: ({ s3 }, { description: { bucket } }) => s3.send(new DeleteBucketCommand({ Bucket: bucket })),
  },
  ...BATCH_DEEDS,
  {
    what: 'publish to the topic',
    by: ['submit', 'finish'],
    attempt: ({ sns }, { description: { topicArn } }) =>
      sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'deed' })),
  },
  {
    what: 'publish to another topic',
    by: [],
    attempt: ({ sns }) =>
      sns.send(new PublishCommand({ TopicArn: `arn:aws:sns:${REGION}:${ACCOUNT}:another`, Message: 'deed' })),
  },
  {
    what: 'take an upload from the queue',
    by: ['submit'],
    attempt: ({ sqs }, farm) =>
      sqs.send(new ReceiveMessageCommand({ QueueUrl: farm.idOf('AWS::SQS::Queue', 'UploadQueue') })),
  },
  {
    what: 'put an upload into the queue',
    by: [],
    attempt: ({ sqs }, farm) =>
      sqs.send(
        new SendMessageCommand({ QueueUrl: farm.idOf('AWS::SQS::Queue', 'UploadQueue'), MessageBody: '{}' }),
      ),
  },
  {
    what: 'give up an ended job',
    by: ['finish'],
    attempt: ({ sqs }, farm) =>
      sqs.send(
        new SendMessageCommand({
          QueueUrl: farm.idOf('AWS::SQS::Queue', 'FinishDeadLetters'),
          MessageBody: '{}',
        }),
      ),
  },
  {
    what: 'read the description of the farm',
    by: ['submitter', 'viewer'],
    attempt: ({ ssm }) => ssm.send(new GetParameterCommand({ Name: farmParameterName('main') })),
  },
  {
    what: 'make a role',
    by: [],
    attempt: ({ iam }) =>
      iam.send(new CreateRoleCommand({ RoleName: 'deed', AssumeRolePolicyDocument: '{}' })),
  },
  {
    what: 'take on another role',
    by: [],
    attempt: ({ sts }) =>
      sts.send(
        new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${ACCOUNT}:role/another`, RoleSessionName: 'deed' }),
      ),
  },
];

/** The result of every call by `role`: deed → whether it was allowed. */
export async function tryEverything(
  credentials: Credentials,
  farm: DeployedFarm,
  aws: AwsEmulator,
): Promise<Record<string, 'allowed' | 'denied'>> {
  const clients = clientsOf(aws.clientConfig(credentials));
  const results: Record<string, 'allowed' | 'denied'> = {};
  for (const { what, attempt } of DEEDS) results[what] = await outcomeOf(attempt(clients, farm));
  return results;
}

/** What the design gives to `role`. */
export function rightsOf(role: Role): Record<string, 'allowed' | 'denied'> {
  return Object.fromEntries(
    DEEDS.map(({ what, by }) => [what, by.includes(role) ? 'allowed' : 'denied'] as const),
  );
}

/** Names of AWS's errors for a missing permission. */
const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'AuthorizationErrorException',
]);

/** A call that fails for another reason (there is no such object) was allowed. */
async function outcomeOf(call: Promise<unknown>): Promise<'allowed' | 'denied'> {
  try {
    await call;
    return 'allowed';
  } catch (error) {
    const { name, $metadata } = Object(error);
    if ($metadata === undefined) throw error;
    return DENIED.has(name) ? 'denied' : 'allowed';
  }
}
