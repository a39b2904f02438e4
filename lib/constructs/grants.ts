import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CLAIM_NAME, OUTPUT_PREFIX } from '../../core/render/keys';
import { FARM_TAG } from '../../core/render/options';

/** What a role may do in the bucket, by key prefixes that end with a slash. */
export interface BucketAccess {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Deleting objects. */
  readonly remove: readonly string[];
  readonly list: readonly string[];
  /** Giving up an upload in parts; whoever writes large objects needs it. */
  readonly abort: readonly string[];
}

const OBJECT_ACTIONS = [
  ['read', 's3:GetObject'],
  ['write', 's3:PutObject'],
  ['remove', 's3:DeleteObject'],
  ['abort', 's3:AbortMultipartUpload'],
] as const;

/** Gives `role` this access, below these prefixes alone. */
export function grantBucketAccess(role: Role, bucket: IBucket, access: Partial<BucketAccess>): void {
  const named = new Set<string>();
  for (const [kind, action] of OBJECT_ACTIONS) {
    const prefixes = access[kind] ?? [];
    if (prefixes.length === 0) continue;
    const resources = prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`));
    role.addToPolicy(new PolicyStatement({ actions: [action], resources }));
    for (const prefix of prefixes) named.add(prefix);
  }
  // `IfExists`, because only a listing has a prefix: else this right would not count when an object that is not there
  // is asked for, and S3 would answer 403 in place of the 404 that the code goes by.
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
      reason: `The objects below ${prefix} are what it works on; their names are made by artists and frame numbers.`,
    });
  }
}

/** Lets who submits jobs give up its claim on a render (see `core/jobs/ensure-jobs.ts`), and delete nothing else. */
export function grantClaimRemoval(role: Role, bucket: IBucket): void {
  const claims = `${OUTPUT_PREFIX}*/${CLAIM_NAME}`;
  const resources = [bucket.arnForObjects(claims)];
  role.addToPolicy(new PolicyStatement({ actions: ['s3:DeleteObject'], resources }));
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${flatArn(role, bucket)}/${claims}]`,
    reason: 'Each render has such an object in its own folder.',
  });
}

/** The bucket's ARN as cdk-nag writes it down: a reference within the stack, or the name of another stack's export. */
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

/** The ARN of every job of this account and region. */
function anyJobArn(scope: Construct): string {
  return Stack.of(scope).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
}

/**
 * Lets `role` submit jobs with tags to these queues by these definitions. Tags need a right of their own, for the job, and for
 * what SubmitJob itself is asked about: AWS Batch has been seen to refuse it by the ARN of the definition
 * (https://github.com/wri/gfw-data-api/pull/175).
 *
 * By the documentation (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html) TagResource knows the
 * tags of its request, and of its resource once that exists. So the right needs the farm's tag in the request, and ends at
 * resources that carry another farm's tag. A job of the account without any farm's tag can't be told apart from a new one.
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

/** Lets `role` terminate jobs of this farm: those that were submitted with its tag (see `jobTags`). */
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
    reason:
      'The id of a job is known only after SubmitJob; the condition on the tag of the farm limits which jobs.',
  });
}
