import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { CLAIM_NAME, OUTPUT_PREFIX } from '../../core/contract/keys';

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

/** Lets who submits jobs give up its claim on a render (see `core/batch/submit-claim.ts`), and delete nothing else. */
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
