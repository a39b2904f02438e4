import { Aws, Stack } from 'aws-cdk-lib';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import {
  farmDescriptionSchema,
  farmParameterName,
  type FarmDescription,
} from '../../core/contract/farm-description';
import { OUTPUT_PREFIX } from '../../core/contract/keys';
import { UPLOAD_PREFIX } from '../../core/contract/upload-key';
import type { JobDefinitions } from './job-definitions';
import type { SpotCompute } from './spot-compute';

export interface FarmParameterProps {
  readonly farmName: string;
  readonly bucket: IBucket;
  readonly compute: SpotCompute;
  readonly jobs: JobDefinitions;
  /** Of the farm's image, where it is known. */
  readonly blenderVersion: string | undefined;
  /** How many slices the farm can render at once. */
  readonly parallel: number;
  readonly topic: ITopic;
}

/** The farm's description as an SSM parameter, from which the command line finds everything. */
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
      stringValue: Stack.of(this).toJsonString(description),
    });
  }
}

function describe(props: FarmParameterProps): FarmDescription {
  const { farmName, bucket, compute, jobs, blenderVersion, parallel, topic } = props;
  const { gpuQueue } = compute;
  const { gpuRender } = jobs;
  return {
    version: 1,
    name: farmName,
    region: Aws.REGION,
    bucket: bucket.bucketName,
    uploadPrefix: UPLOAD_PREFIX,
    outputPrefix: OUTPUT_PREFIX,
    jobQueue: compute.queue.jobQueueArn,
    renderJobDefinition: jobs.render.definition.jobDefinitionArn,
    stitchJobDefinition: jobs.stitch.definition.jobDefinitionArn,
    ...(gpuQueue &&
      gpuRender && {
        gpu: { jobQueue: gpuQueue.jobQueueArn, renderJobDefinition: gpuRender.definition.jobDefinitionArn },
      }),
    ...(blenderVersion !== undefined && { blenderVersion }),
    parallel,
    logGroup: jobs.logGroup.logGroupName,
    topicArn: topic.topicArn,
  };
}
