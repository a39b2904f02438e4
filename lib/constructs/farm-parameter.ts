import { Aws, Stack } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { type FarmDescription, farmDescriptionSchema, farmParameterName } from '../../core/jobs/farm';
import { CAPS_PREFIX, OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import { machinesOf, type Settings } from '../settings/settings';
import type { JobDefinitions } from './job-definitions';
import type { FarmQueue, JobQueues } from './job-queues';

export interface FarmParameterProps {
  readonly settings: Settings;
  readonly bucket: IBucket;
  readonly queues: JobQueues;
  readonly jobs: JobDefinitions;
  readonly topic: ITopic;
}

/**
 * The farm's description as an SSM parameter, in which the command line finds the bucket, queues and job definitions.
 * A standard parameter has at most 4 KB and is free. Farms with many Blender versions and instance types need an advanced
 * parameter: at most 8 KB, 5 cents a month.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
 */
export class FarmParameter extends Construct {
  readonly name: string;
  readonly parameter: StringParameter;

  constructor(scope: Construct, id: string, props: FarmParameterProps) {
    super(scope, id);
    this.name = farmParameterName(props.settings.farmName);
    // Names and ARNs are still tokens here. The schema accepts them as texts.
    const description = farmDescriptionSchema.parse(describe(props));
    this.parameter = new StringParameter(this, 'Parameter', {
      parameterName: this.name,
      description: 'Spotreel: bucket, queues and job definitions of this farm',
      tier: ParameterTier.INTELLIGENT_TIERING,
      stringValue: Stack.of(this).toJsonString(description),
    });
  }
}

function describe(props: FarmParameterProps): FarmDescription {
  const { settings, bucket, queues, jobs, topic } = props;
  return {
    version: 1,
    name: settings.farmName,
    region: Aws.REGION,
    bucket: bucket.bucketName,
    uploadPrefix: UPLOAD_PREFIX,
    outputPrefix: OUTPUT_PREFIX,
    capPrefix: CAPS_PREFIX,
    jobQueue: queues.spot.queue.jobQueueArn,
    renderDefinitions: jobs.renderDefinitions,
    stitchJobDefinition: jobs.stitch.definition.jobDefinitionArn,
    ...(queues.gpu && { gpu: described(queues.gpu) }),
    ...(queues.onDemand && { onDemand: described(queues.onDemand) }),
    parallel: queues.spot.parallel,
    ...(settings.allowScripts && { allowScripts: true }),
    ...(settings.ocio !== undefined && { hasOcio: true }),
    machines: machinesOf(settings),
    ...(settings.warmMinutes > 0 && { warmMinutes: settings.warmMinutes }),
    logGroup: jobs.logGroup.logGroupName,
    topicArn: topic.topicArn,
  };
}

function described({ queue, parallel }: FarmQueue): { jobQueue: string; parallel: number } {
  return { jobQueue: queue.jobQueueArn, parallel };
}
