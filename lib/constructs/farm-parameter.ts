import { Aws, Stack } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { type FarmDescription, farmDescriptionSchema, farmParameterName } from '../../core/jobs/farm';
import { CAPS_PREFIX, OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import type { Machines } from '../../core/render/options';
import type { SpotCompute } from './compute';
import type { JobDefinitions } from './job-definitions';

export interface FarmParameterProps {
  readonly farmName: string;
  readonly bucket: IBucket;
  readonly compute: SpotCompute;
  readonly jobs: JobDefinitions;
  /** How many slices each queue can render at once. */
  readonly parallel: number;
  readonly gpuParallel: number;
  readonly allowScripts: boolean;
  readonly hasOcio: boolean;
  readonly machines: Machines;
  readonly onDemandParallel: number;
  readonly topic: ITopic;
}

/**
 * The farm's description as an SSM parameter, from which the command line finds everything. A standard parameter holds 4 KB and
 * costs nothing; what a farm with many Blenders and many types of machines needs beyond makes it an advanced one, of 8 KB, for 5 cents a
 * month (https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html). A test holds
 * both.
 */
export class FarmParameter extends Construct {
  readonly name: string;
  readonly parameter: StringParameter;

  constructor(scope: Construct, id: string, props: FarmParameterProps) {
    super(scope, id);
    this.name = farmParameterName(props.farmName);
    // Names and ARNs are still tokens here, which the schema takes as the texts that they stand for.
    const description = farmDescriptionSchema.parse(describe(props));
    this.parameter = new StringParameter(this, 'Parameter', {
      parameterName: this.name,
      description: 'Spotreel: what this farm is made of',
      tier: ParameterTier.INTELLIGENT_TIERING,
      stringValue: Stack.of(this).toJsonString(description),
    });
  }
}

function describe(props: FarmParameterProps): FarmDescription {
  const { farmName, bucket, compute, jobs, parallel, gpuParallel, onDemandParallel, machines, topic } = props;
  const { gpuQueue, onDemandQueue } = compute;
  return {
    version: 1,
    name: farmName,
    region: Aws.REGION,
    bucket: bucket.bucketName,
    uploadPrefix: UPLOAD_PREFIX,
    outputPrefix: OUTPUT_PREFIX,
    capPrefix: CAPS_PREFIX,
    jobQueue: compute.queue.jobQueueArn,
    renderDefinitions: jobs.renderDefinitions,
    stitchJobDefinition: jobs.stitch.definition.jobDefinitionArn,
    ...(gpuQueue && { gpu: { jobQueue: gpuQueue.jobQueueArn, parallel: gpuParallel } }),
    ...(onDemandQueue && { onDemand: { jobQueue: onDemandQueue.jobQueueArn, parallel: onDemandParallel } }),
    parallel,
    ...(props.allowScripts && { allowScripts: true }),
    ...(props.hasOcio && { hasOcio: true }),
    machines,
    logGroup: jobs.logGroup.logGroupName,
    topicArn: topic.topicArn,
  };
}
