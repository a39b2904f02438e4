import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { APP_SETTINGS } from './account-settings';
import type { Settings } from './settings';
import { SpotreelFarm } from './spotreel-farm';

export interface FarmStackProps extends StackProps {
  readonly settings: Settings;
  /** The bucket of the storage stack, which sends its events to EventBridge. */
  readonly bucket: IBucket;
}

/** The stack of a farm that is deployed from a checkout. */
export class FarmStack extends Stack {
  readonly farm: SpotreelFarm;

  constructor(scope: Construct, id: string, { settings, bucket, ...props }: FarmStackProps) {
    super(scope, id, props);
    // The app and the storage stack have applied these settings.
    const applied = [...APP_SETTINGS, 'versioned', 'renderDays', 'deleteBucket'];
    const rest = Object.fromEntries(Object.entries(settings).filter(([name]) => !applied.includes(name)));
    // The CDK leaves `Default` out of logical ids and names.
    this.farm = new SpotreelFarm(this, 'Default', {
      ...rest,
      bucket,
      sendBucketEvents: false,
    });
    this.output('JobQueue', this.farm.jobQueue.jobQueueName, 'Queue of the Spot machines');
    this.output('Parameter', this.farm.parameterName, 'SSM parameter that describes the farm');
    const { experimentId } = this.farm;
    if (experimentId !== undefined) {
      this.output('InterruptionExperiment', experimentId, 'FIS experiment template');
    }
  }

  private output(id: string, value: string, description: string): CfnOutput {
    return new CfnOutput(this, id, { value, description });
  }
}
