import { Annotations, type App, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { FARM_TAG } from '../core/render/options';
import { FilmBucket } from './constructs/film-bucket';
import { applyPermissionsBoundary, applyTags } from './constructs/account-rules';
import { FarmStack, uploadFolder } from './farm-stack';
import { readSettings, SETTINGS, type Settings, SettingsError } from './settings/settings';

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
    const { kmsKeyArn } = settings;
    const encryptionKey = kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', kmsKeyArn);
    const { bucket } = new FilmBucket(this, 'Film', { settings, encryptionKey });
    this.bucket = bucket;
    const value = uploadFolder(bucket);
    this.uploadTo = new CfnOutput(this, 'UploadTo', { value, description: 'Upload .blend files here' });
    this.firstUpload = new CfnOutput(this, 'FirstUpload', { value: FIRST_UPLOAD });
  }
}

/** The stacks of one farm. */
export interface SpotreelStacks {
  /** Only if the farm creates its bucket. */
  readonly storage?: StorageStack;
  readonly farm: FarmStack;
}

/**
 * Adds the stacks to `app`, with settings from the context `spotreel` and `environment`. By default they use the account
 * and region of the credentials. Synth needs no credentials. Throws `SettingsError`.
 */
export function spotreelApp(
  app: App,
  environment: Readonly<Record<string, string | undefined>>,
): SpotreelStacks {
  checkContextKeys(app);
  const settings = readSettings(app.node.tryGetContext('spotreel'), environment);
  const { farmName } = settings;
  const storage = settings.bucketName === undefined ? storageStack(app, settings) : undefined;
  const farm = new FarmStack(app, 'SpotreelFarm', {
    stackName: `spotreel-${farmName}-farm`,
    description: `Spotreel ${farmName}: renders Blender scenes on Spot machines`,
    ...environmentOf(settings),
    settings,
    bucket: storage?.bucket,
  });
  Annotations.of(farm).addInfoV2(
    'spotreel:farmName',
    `this is the farm "${farmName}". A farm that you deployed with another farmName stays in the account: to remove it, run cdk destroy with that farmName`,
  );
  applyTags(app, { ...settings.tags, [FARM_TAG]: farmName });
  const { permissionsBoundary } = settings;
  if (permissionsBoundary !== undefined) {
    for (const stack of storage ? [storage, farm] : [farm]) {
      applyPermissionsBoundary(stack, permissionsBoundary);
    }
  }
  return { ...(storage && { storage }), farm };
}

function storageStack(app: App, settings: Settings): StorageStack {
  const { farmName } = settings;
  return new StorageStack(app, 'SpotreelStorage', {
    stackName: `spotreel-${farmName}-storage`,
    description: `Spotreel ${farmName}: bucket with scenes and renders, which remains without the farm`,
    ...environmentOf(settings),
    settings,
  });
}

/** Where a stack is deployed. An `undefined` property means: where the credentials belong. */
function environmentOf({ account, region }: Settings): Pick<StackProps, 'env'> {
  return { env: { ...(account !== undefined && { account }), ...(region !== undefined && { region }) } };
}

/** Refuses settings beside `context.spotreel`, where nothing would read them. Throws `SettingsError`. */
function checkContextKeys(app: App): void {
  const all: Readonly<Record<string, unknown>> = app.node.getAllContext();
  const names = new Set<string>(SETTINGS.map(({ name }) => name));
  const misplaced = Object.keys(all).filter(
    (key) => key !== 'spotreel' && (/^spotreel/i.test(key) || names.has(key)),
  );
  if (misplaced.length === 0) return;
  throw new SettingsError(
    misplaced.map((key) => `the context key ${key} sets nothing; put the setting into context.spotreel`),
  );
}
