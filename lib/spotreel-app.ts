import { Annotations, type App, CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { UPLOAD_PREFIX } from '../core/render/keys';
import { FARM_TAG } from '../core/render/options';
import { FilmBucket } from './constructs/film-bucket';
import { FarmStack } from './farm-stack';
import { readSettings, type Settings } from './settings';

export interface StorageStackProps extends StackProps {
  readonly settings: Settings;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-event-notifications-eventbridge.html */
const FIRST_UPLOAD =
  'After the first deployment, wait five minutes before you upload: until then, S3 may report no upload to the farm';

/** The bucket with scenes and renders, which remains if the farm's stack is deleted. */
class StorageStack extends Stack {
  readonly bucket: IBucket;
  readonly uploadTo: CfnOutput;
  readonly firstUpload: CfnOutput;

  constructor(scope: Construct, id: string, { settings, ...props }: StorageStackProps) {
    super(scope, id, { terminationProtection: !settings.deleteBucket, ...props });
    const { bucket } = new FilmBucket(this, 'Film', { settings });
    this.bucket = bucket;
    const value = `s3://${bucket.bucketName}/${UPLOAD_PREFIX}`;
    this.uploadTo = new CfnOutput(this, 'UploadTo', { value, description: 'Upload .blend files here' });
    this.firstUpload = new CfnOutput(this, 'FirstUpload', { value: FIRST_UPLOAD });
  }
}

/** The two stacks of one farm. */
export interface SpotreelStacks {
  readonly storage: StorageStack;
  readonly farm: FarmStack;
}

/**
 * Adds the stacks to `app`, with settings from the context `spotreel` and `environment`. They use the account and region
 * of the credentials, and synth needs none. Throws `SettingsError`.
 */
export function spotreelApp(
  app: App,
  environment: Readonly<Record<string, string | undefined>>,
): SpotreelStacks {
  const settings = readSettings(app.node.tryGetContext('spotreel'), environment);
  const { farmName } = settings;
  const storage = new StorageStack(app, 'SpotreelStorage', {
    stackName: `spotreel-${farmName}-storage`,
    description: `Spotreel ${farmName}: bucket with scenes and renders, which remains without the farm`,
    settings,
  });
  const farm = new FarmStack(app, 'SpotreelFarm', {
    stackName: `spotreel-${farmName}-farm`,
    description: `Spotreel ${farmName}: renders Blender scenes on Spot machines`,
    settings,
    bucket: storage.bucket,
  });
  Annotations.of(farm).addInfoV2(
    'spotreel:farmName',
    `this is the farm "${farmName}". A farm that you deployed with another farmName stays in the account: to remove it, run cdk destroy with that farmName`,
  );
  Tags.of(app).add(FARM_TAG, farmName);
  return { storage, farm };
}
