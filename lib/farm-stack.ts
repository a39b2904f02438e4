import { CfnOutput, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { APP_SETTINGS, BUCKET_SETTINGS } from './settings/account-settings';
import { UPLOAD_PREFIX } from '../core/render/keys';
import { type Settings, SettingsError } from './settings/settings';
import { SpotreelFarm, type SpotreelFarmProps } from './constructs/spotreel-farm';

export interface FarmStackProps extends StackProps {
  readonly settings: Settings;
  /**
   * The bucket of the storage stack, which sends its events to EventBridge.
   * @default - the bucket of the setting `bucketName`
   */
  readonly bucket?: IBucket | undefined;
}

/** Where scenes are uploaded. */
export const uploadFolder = ({ bucketName }: IBucket): string => `s3://${bucketName}/${UPLOAD_PREFIX}`;

/** The stack of a farm that is deployed from a checkout. */
export class FarmStack extends Stack {
  readonly farm: SpotreelFarm;

  constructor(scope: Construct, id: string, { settings, bucket, ...props }: FarmStackProps) {
    super(scope, id, props);
    // The app and the storage stack have applied these settings.
    const applied = [...APP_SETTINGS, ...BUCKET_SETTINGS];
    const rest = Object.fromEntries(Object.entries(settings).filter(([name]) => !applied.includes(name)));
    const used = bucket ?? this.existingBucket(settings);
    this.farm = this.farmFromCdkJson({
      ...rest,
      bucket: used,
      ...(used.encryptionKey && { encryptionKey: used.encryptionKey }),
      sendBucketEvents: false,
    });
    this.output('JobQueue', this.farm.jobQueue.jobQueueName, 'Queue of the Spot machines');
    this.output('Parameter', this.farm.parameterName, 'SSM parameter that describes the farm');
    this.policiesForPeople();
    if (!bucket) this.output('UploadTo', uploadFolder(used), 'Upload .blend files here');
    const { experimentId } = this.farm;
    const { webhook } = this.farm;
    if (webhook) this.output('WebhookSecret', webhook.secret.secretArn, 'Key that the webhook sends');
    if (experimentId !== undefined) {
      this.output('InterruptionExperiment', experimentId, 'FIS experiment template');
    }
  }

  /** A wrong setting is in cdk.json or in the environment, and not in props as for other stacks. Throws `SettingsError`. */
  private farmFromCdkJson(props: SpotreelFarmProps): SpotreelFarm {
    try {
      // The CDK leaves `Default` out of logical ids and names.
      return new SpotreelFarm(this, 'Default', props);
    } catch (error) {
      throw error instanceof SettingsError ? new SettingsError(error.problems) : error;
    }
  }

  /** Managed policies, which an administrator attaches to people's roles or permission sets. */
  private policiesForPeople(): void {
    const submitters = new ManagedPolicy(this, 'Submitters', {
      description: 'Spotreel: submit, follow, download, cancel and retry renders',
    });
    const viewers = new ManagedPolicy(this, 'Viewers', {
      description: 'Spotreel: follow and download renders',
    });
    this.farm.grantSubmit(submitters);
    this.farm.grantView(viewers);
    for (const policy of [submitters, viewers]) {
      Validations.of(policy).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'batch:ListJobs, batch:DescribeJobs and ec2:DescribeSpotPriceHistory support no resources.',
      });
    }
    this.output('SubmittersPolicy', submitters.managedPolicyArn, 'Managed policy for people who render');
    this.output('ViewersPolicy', viewers.managedPolicyArn, 'Managed policy for people who look on');
  }

  private existingBucket({ bucketName, kmsKeyArn }: Settings): IBucket {
    const encryptionKey = kmsKeyArn === undefined ? undefined : Key.fromKeyArn(this, 'Key', kmsKeyArn);
    return Bucket.fromBucketAttributes(this, 'Existing', { bucketName, encryptionKey });
  }

  private output(id: string, value: string, description: string): CfnOutput {
    return new CfnOutput(this, id, { value, description });
  }
}
