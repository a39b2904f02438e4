import { Stack, Validations } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement, type PolicyStatementProps } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { DEFAULT_CROSS_STACK_REFERENCES } from 'aws-cdk-lib/cx-api';
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

/** Grants `grantee` this access to objects with these prefixes, with the key of the bucket, and nothing else. */
export function grantBucketAccess(grantee: IGrantable, bucket: IBucket, access: Partial<BucketAccess>): void {
  const named = new Set<string>();
  for (const [kind, action] of OBJECT_ACTIONS) {
    const prefixes = access[kind] ?? [];
    if (prefixes.length === 0) continue;
    const resources = prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`));
    allow(grantee, { actions: [action], resources });
    for (const prefix of prefixes) named.add(prefix);
  }
  // Only a listing has a prefix. Without `IfExists` S3 would answer 403 instead of 404 for a missing object, and the code
  // relies on 404.
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (Permissions)
  allow(grantee, {
    actions: ['s3:ListBucket'],
    resources: [bucket.bucketArn],
    conditions: { StringLikeIfExists: { 's3:prefix': (access.list ?? []).map((prefix) => `${prefix}*`) } },
  });
  grantKey(grantee, bucket, access);
  for (const prefix of named) {
    acknowledge(
      grantee,
      `${flatArn(grantee, bucket)}/${prefix}*`,
      `The role works on the objects in ${prefix}, whose names come from artists and frame numbers.`,
    );
  }
}

/**
 * S3 calls AWS KMS with the rights of its caller: to decrypt what is read, and for a data key of what is written. The
 * parts of a multipart upload are decrypted as well.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
function grantKey(
  grantee: IGrantable,
  { encryptionKey: key }: IBucket,
  { read = [], write = [] }: Partial<BucketAccess>,
): void {
  if (read.length + write.length > 0) key?.grant(grantee, 'kms:Decrypt');
  if (write.length > 0) key?.grant(grantee, 'kms:GenerateDataKey');
}

/** Lets `grantee` delete its claim on a render (see `core/jobs/ensure-jobs.ts`), and nothing else. */
export function grantClaimRemoval(grantee: IGrantable, bucket: IBucket): void {
  const claims = `${OUTPUT_PREFIX}*/${CLAIM_NAME}`;
  allow(grantee, { actions: ['s3:DeleteObject'], resources: [bucket.arnForObjects(claims)] });
  acknowledge(
    grantee,
    `${flatArn(grantee, bucket)}/${claims}`,
    'Each render has its own claim in its folder.',
  );
}

function allow({ grantPrincipal }: IGrantable, statement: PolicyStatementProps): void {
  grantPrincipal.addToPrincipalPolicy(new PolicyStatement(statement));
}

/** Justifies a resource with a wildcard to cdk-nag. */
function acknowledge(grantee: IGrantable, resource: string, reason: string): void {
  if (!Construct.isConstruct(grantee)) return;
  Validations.of(grantee).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
}

/** Parts of an ARN as CloudFormation has them. */
interface ResolvedArn {
  readonly 'Fn::GetAtt'?: readonly string[];
  readonly 'Fn::Join'?: readonly [
    separator: string,
    parts: ReadonlyArray<string | { readonly Ref?: string }>,
  ];
}

/** The bucket's ARN in the notation of cdk-nag: a text, a reference in its stack, or the name of another stack's export. */
function flatArn(grantee: IGrantable, bucket: IBucket): string {
  const owner = Stack.of(bucket);
  const arn: string | ResolvedArn = owner.resolve(bucket.bucketArn);
  if (typeof arn === 'string') return arn;
  const { 'Fn::GetAtt': attribute, 'Fn::Join': [, parts] = ['', []] } = arn;
  if (!attribute) return parts.map((part) => (typeof part === 'string' ? part : `<${part.Ref}>`)).join('');
  if (!Construct.isConstruct(grantee) || !readsExports(owner, Stack.of(grantee)))
    return `<${attribute.join('.')}>`;
  const imported: { 'Fn::ImportValue': string } = owner.resolve(owner.exportValue(bucket.bucketArn));
  return imported['Fn::ImportValue'];
}

/** Whether `reader` refers to values of `owner` by their exports. */
function readsExports(owner: Stack, reader: Stack): boolean {
  const isNested = owner.nested || reader.nested;
  const references: unknown = reader.node.tryGetContext(DEFAULT_CROSS_STACK_REFERENCES);
  return owner !== reader && !isNested && owner.environment === reader.environment && references !== 'weak';
}

const RESOURCE_TAG = `aws:ResourceTag/${FARM_TAG}`;

/** An ARN that matches every job of this account and region. */
function anyJobArn(scope: Construct): string {
  return Stack.of(scope).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
}

/**
 * Lets `grantee` submit tagged jobs to these queues with these definitions. SubmitJob with tags also needs TagResource for the
 * job, the queue and the definition: AWS Batch refused it for the ARN of a definition
 * (https://github.com/wri/gfw-data-api/pull/175).
 *
 * The condition requires the farm's tag in the request and excludes resources with the tag of another farm. It cannot
 * distinguish a new job from an existing job without a farm's tag.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
 */
export function grantSubmitJob(
  grantee: IGrantable,
  queuesAndDefinitions: readonly string[],
  farmName: string,
  scope = constructOf(grantee),
): void {
  allow(grantee, { actions: ['batch:SubmitJob'], resources: [...queuesAndDefinitions] });
  allow(grantee, {
    actions: ['batch:TagResource'],
    resources: [...queuesAndDefinitions, anyJobArn(scope)],
    conditions: {
      StringEquals: { [`aws:RequestTag/${FARM_TAG}`]: farmName },
      StringEqualsIfExists: { [RESOURCE_TAG]: farmName },
    },
  });
  acknowledgeAnyJob(grantee);
}

/** Lets `grantee` terminate jobs that have this farm's tag (see `jobTags`). */
export function grantTerminateJob(grantee: IGrantable, farmName: string, scope = constructOf(grantee)): void {
  allow(grantee, {
    actions: ['batch:TerminateJob'],
    resources: [anyJobArn(scope)],
    conditions: { StringEquals: { [RESOURCE_TAG]: farmName } },
  });
  acknowledgeAnyJob(grantee);
}

/** A construct of the stack with the farm's jobs: a role of the farm itself. */
function constructOf(grantee: IGrantable): Construct {
  if (Construct.isConstruct(grantee)) return grantee;
  throw new Error('a grantee that is not a construct needs the scope of the farm');
}

function acknowledgeAnyJob(grantee: IGrantable): void {
  acknowledge(
    grantee,
    'arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*',
    'AWS Batch creates job ids in SubmitJob; the condition limits the jobs by the tag of the farm.',
  );
}
