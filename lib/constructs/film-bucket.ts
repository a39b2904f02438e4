import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  CfnBucket,
  type LifecycleRule,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { OUTPUT_PREFIX } from '../../core/render/keys';
import { l1Resource } from './compute';

export interface FilmBucketProps {
  /** Days after which a render is deleted, its video too; 0 keeps it. */
  readonly renderDays: number;
  /**
   * Whether to keep what is overwritten or deleted, for 30 days. Off by default: a scene here is a copy of the
   * artist's own file, a render can be made again from it, and every retried upload would be paid for twice.
   */
  readonly versioned: boolean;
  /** Whether the bucket and all that is in it goes with the stack. */
  readonly deleteWithStack: boolean;
}

const NONCURRENT_DAYS = 30;

/** Scenes under `uploads/`, everything of a render under `renders/`. */
export class FilmBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, props: FilmBucketProps) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      // S3's own keys: free, where a KMS key is a dollar a month while idle.
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: props.versioned,
      lifecycleRules: lifecycleRules(props),
      removalPolicy: props.deleteWithStack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      autoDeleteObjects: props.deleteWithStack,
    });
    // L1, because the L2's `eventBridgeEnabled` deploys a Lambda with rights over every bucket to set this one property.
    const cfnBucket = l1Resource(this.bucket, CfnBucket);
    cfnBucket.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Access logs need a second bucket that grows while idle; CloudTrail data events do the same on demand.',
    });
  }
}

function lifecycleRules({ renderDays, versioned }: FilmBucketProps): LifecycleRule[] {
  const rules: LifecycleRule[] = [
    // Parts of an upload that was never finished are billed, and shown by no listing.
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
