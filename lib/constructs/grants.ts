import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CLAIM_NAME, OUTPUT_PREFIX } from '../../core/render/keys';
import { FARM_TAG } from '../../core/render/options';

/** Permissions of a role in the bucket: key prefixes that end with a slash. */
export interface BucketAccess {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** May delete objects. */
  readonly remove: readonly string[];
  readonly list: readonly string[];
  /** May abort multipart uploads, which large objects need. */
  readonly abort: readonly string[];
}

const OBJECT_ACTIONS = [
  ['read', 's3:GetObject'],
  ['write', 's3:PutObject'],
  ['remove', 's3:DeleteObject'],
  ['abort', 's3:AbortMultipartUpload'],
] as const;

/** Grants `role` this access to objects with these prefixes, and nothing else. */
export function grantBucketAccess(role: Role, bucket: IBucket, access: Partial<BucketAccess>): void {
  const named = new Set<string>();
  for (const [kind, action] of OBJECT_ACTIONS) {
    const prefixes = access[kind] ?? [];
    if (prefixes.length === 0) continue;
    const resources = prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`));
    role.addToPolicy(new PolicyStatement({ actions: [action], resources }));
    for (const prefix of prefixes) named.add(prefix);
  }
  // Only a listing has a prefix. Without `IfExists` S3 would answer 403 instead of 404 for a missing object, and the code
  // relies on 404.
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (Permissions)
  role.addToPolicy(
    new PolicyStatement({
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLikeIfExists: { 's3:prefix': (access.list ?? []).map((prefix) => `${prefix}*`) } },
    }),
  );
  for (const prefix of named) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${flatArn(role, bucket)}/${prefix}*]`,
      reason: `The role works on the objects in ${prefix}, whose names come from artists and frame numbers.`,
    });
  }
}

/** Lets `role` delete its claim on a render (see `core/jobs/ensure-jobs.ts`), and nothing else. */
export function grantClaimRemoval(role: Role, bucket: IBucket): void {
  const claims = `${OUTPUT_PREFIX}*/${CLAIM_NAME}`;
  const resources = [bucket.arnForObjects(claims)];
  role.addToPolicy(new PolicyStatement({ actions: ['s3:DeleteObject'], resources }));
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${flatArn(role, bucket)}/${claims}]`,
    reason: 'Each render has its own claim in its folder.',
  });
}

/** The bucket's ARN in the notation of cdk-nag: a reference in the same stack, or the name of another stack's export. */
function flatArn(role: Role, bucket: IBucket): string {
  const owner = Stack.of(bucket);
  if (owner !== Stack.of(role)) {
    const imported: { 'Fn::ImportValue': string } = owner.resolve(owner.exportValue(bucket.bucketArn));
    return imported['Fn::ImportValue'];
  }
  const own: { 'Fn::GetAtt': string[] } = owner.resolve(bucket.bucketArn);
  return `<${own['Fn::GetAtt'].join('.')}>`;
}

const RESOURCE_TAG = `aws:ResourceTag/${FARM_TAG}`;

/** An ARN that matches every job of this account and region. */
function anyJobArn(scope: Construct): string {
  return Stack.of(scope).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
}

/**
 * Lets `role` submit tagged jobs to these queues with these definitions. SubmitJob with tags also needs TagResource for the
 * job, the queue and the definition: AWS Batch refused it for the ARN of a definition
 * (https://github.com/wri/gfw-data-api/pull/175).
 *
 * The condition requires the farm's tag in the request and excludes resources with the tag of another farm. It cannot
 * distinguish a new job from an existing job without a farm's tag.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
 */
export function grantSubmitJob(role: Role, queuesAndDefinitions: readonly string[], farmName: string): void {
  role.addToPolicy(
    new PolicyStatement({ actions: ['batch:SubmitJob'], resources: [...queuesAndDefinitions] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      actions: ['batch:TagResource'],
      resources: [...queuesAndDefinitions, anyJobArn(role)],
      conditions: {
        StringEquals: { [`aws:RequestTag/${FARM_TAG}`]: farmName },
        StringEqualsIfExists: { [RESOURCE_TAG]: farmName },
      },
    }),
  );
  acknowledgeAnyJob(role);
}

/** Lets `role` terminate jobs that have this farm's tag (see `jobTags`). */
export function grantTerminateJob(role: Role, farmName: string): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: ['batch:TerminateJob'],
      resources: [anyJobArn(role)],
      conditions: { StringEquals: { [RESOURCE_TAG]: farmName } },
    }),
  );
  acknowledgeAnyJob(role);
}

function acknowledgeAnyJob(role: Role): void {
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*]',
    reason: 'AWS Batch creates job ids in SubmitJob; the condition limits the jobs by the tag of the farm.',
  });
}
