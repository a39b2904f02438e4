import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  CfnBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { OUTPUT_PREFIX } from '../../core/render/keys';
import type { Settings } from '../settings/settings';
import { l1Resource } from './l1-resource';

export interface FilmBucketProps {
  readonly settings: Settings;
  /** @default - keys of S3 */
  readonly encryptionKey?: IKey;
}

const NONCURRENT_DAYS = 30;

/**
 * The bucket with scenes in `uploads/` and renders in `renders/`. It has no versions by default: the artist has each scene,
 * every render can be made again from it, and each repeated upload would cost storage twice.
 */
export class FilmBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, { settings, encryptionKey }: FilmBucketProps) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      // S3-managed keys are free. A KMS key costs a dollar a month, and a bucket key saves most of its requests.
      encryption: encryptionKey ? BucketEncryption.KMS : BucketEncryption.S3_MANAGED,
      ...(encryptionKey && { encryptionKey, bucketKeyEnabled: true }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: settings.versioned,
      lifecycleRules: lifecycleRules(settings),
      removalPolicy: settings.deleteBucket ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      autoDeleteObjects: settings.deleteBucket,
    });
    // To set this property, the L2 would deploy a Lambda that may change every bucket.
    const cfnBucket = l1Resource(this.bucket, CfnBucket);
    cfnBucket.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a second bucket that grows all the time; CloudTrail data events do the same on demand.',
    });
  }
}

function lifecycleRules({ renderDays, versioned }: Settings): LifecycleRule[] {
  const rules: LifecycleRule[] = [
    // AWS bills the parts of an unfinished upload, and no listing shows them.
    { id: 'aborted-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
  ];
  if (renderDays > 0) {
    rules.push({ id: 'old-renders', prefix: OUTPUT_PREFIX, expiration: Duration.days(renderDays) });
  }
  if (versioned) {
    rules.push({ id: 'old-versions', noncurrentVersionExpiration: Duration.days(NONCURRENT_DAYS) });
  }
  return rules;
}
