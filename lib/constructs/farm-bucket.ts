import { Bucket, CfnBucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import type { Settings } from '../settings/settings';
import { FilmBucket } from './film-bucket';

export interface FarmBucketProps {
  readonly settings: Settings;
  /** @default - a new bucket */
  readonly bucket?: IBucket;
  /** @default - the key that `bucket` names */
  readonly encryptionKey?: IKey;
  /** Whether to make `bucket` send its events to EventBridge. @default true */
  readonly sendBucketEvents?: boolean;
}

/** The bucket that a farm works in: a given bucket, or a new one. */
export class FarmBucket extends Construct {
  /** Names its key, if it has one. */
  readonly bucket: IBucket;

  constructor(scope: Construct, id: string, props: FarmBucketProps) {
    super(scope, id);
    const { settings, bucket, encryptionKey, sendBucketEvents = true } = props;
    if (!bucket) {
      this.bucket = new FilmBucket(this, 'Own', { settings, encryptionKey }).bucket;
      return;
    }
    if (sendBucketEvents && !sendsEvents(bucket)) bucket.enableEventBridgeNotification();
    this.bucket =
      encryptionKey && encryptionKey !== bucket.encryptionKey
        ? Bucket.fromBucketAttributes(this, 'WithKey', { bucketArn: bucket.bucketArn, encryptionKey })
        : bucket;
  }
}

/** Whether the template of a bucket in this app already switches its events on. */
function sendsEvents({ node }: IBucket): boolean {
  const resource = node.defaultChild;
  return resource instanceof CfnBucket && resource.notificationConfiguration !== undefined;
}
