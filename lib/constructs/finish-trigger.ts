import { Duration, Stack } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type LargerSize, largerSizes } from '../../core/jobs/machine-types';
import { CAPS_PREFIX, OUTPUT_PREFIX } from '../../core/render/keys';
import type { Settings } from '../settings/settings';
import { DeadLetters, FarmFunction } from './farm-function';
import { grantBucketAccess, grantClaimRemoval, grantSubmitJob, grantTerminateJob } from './grants';
import type { JobDefinitions } from './job-definitions';
import type { JobQueues } from './job-queues';

export interface FinishTriggerProps {
  readonly settings: Settings;
  readonly bucket: IBucket;
  /** The queues whose jobs are watched. Retries and rescues go to them. */
  readonly queues: JobQueues;
  readonly jobs: JobDefinitions;
  readonly topic: ITopic;
}

/**
 * Event pattern for array jobs and plain jobs of these queues that have ended. It excludes children, of which a job may
 * have 10,000: only children have an index.
 * https://docs.aws.amazon.com/batch/latest/userguide/batch_job_events.html
 */
export function endedJobsPattern(jobQueueArns: readonly string[]): EventPattern {
  return {
    source: ['aws.batch'],
    detailType: ['Batch Job State Change'],
    detail: {
      jobQueue: [...jobQueueArns],
      status: ['SUCCEEDED', 'FAILED'],
      arrayProperties: { index: [{ exists: false }] },
    },
  };
}

const TIMEOUT = Duration.minutes(2);

/** Sizes of slices with twice the memory, for each queue. */
function largerSlices(settings: Settings, { spot, gpu, onDemand }: JobQueues): Record<string, LargerSize[]> {
  const { instanceTypes, gpuInstanceTypes, renderVcpus: vcpus, renderMemoryMib: memoryMib } = settings;
  const slice = { vcpus, memoryMib };
  return {
    spot: largerSizes(instanceTypes, slice, spot.parallel),
    ...(gpu && { gpu: largerSizes(gpuInstanceTypes, { ...slice, gpu: true }, gpu.parallel) }),
    ...(onDemand && { onDemand: largerSizes(instanceTypes, slice, onDemand.parallel) }),
  };
}

/**
 * When a job ends, this Lambda writes `status.json` and publishes a message. If frames are missing, it submits a retry
 * with more memory, or a rescue on On-Demand machines, or a job that makes a video of the frames that exist.
 */
export class FinishTrigger extends Construct {
  readonly finish: FarmFunction;
  readonly rule: Rule;
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, props: FinishTriggerProps) {
    super(scope, id);
    const { settings, bucket, queues, jobs, topic } = props;
    const { farmName } = settings;
    const stitchQueue = queues.spot.queue;
    const { onDemand, gpu } = queues;
    const stitchDefinition = jobs.stitch.definition;
    this.deadLetters = new DeadLetters(this, 'DeadLetters');
    const deadLetterQueue = this.deadLetters.queue;
    this.finish = new FarmFunction(this, 'Finish', {
      folder: 'finish-render',
      description: 'Spotreel: reports ended jobs and completes their renders',
      timeout: TIMEOUT,
      logRetention: settings.logDays,
      environment: {
        BUCKET: bucket.bucketName,
        OUTPUT_PREFIX,
        FARM_NAME: farmName,
        JOB_QUEUE: stitchQueue.jobQueueArn,
        STITCH_JOB_DEFINITION: stitchDefinition.jobDefinitionArn,
        TOPIC_ARN: topic.topicArn,
        // No invocation still works then, and Lambda's last try of an event comes later.
        CLAIM_STALE_SECONDS: String(TIMEOUT.toSeconds() + 30),
        RENDER_JOB_DEFINITIONS: Stack.of(this).toJsonString(jobs.renderDefinitions),
        ...(gpu && { GPU_JOB_QUEUE: gpu.queue.jobQueueArn }),
        ...(onDemand && { ON_DEMAND_JOB_QUEUE: onDemand.queue.jobQueueArn }),
        LARGER_SIZES: JSON.stringify(largerSlices(settings, queues)),
      },
      deadLetterQueue,
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'Render jobs and stitch jobs that have ended',
      eventPattern: endedJobsPattern(queues.all.map(({ jobQueueArn }) => jobQueueArn)),
      targets: [new LambdaFunction(this.finish.lambda, { deadLetterQueue })],
    });
    const { role } = this.finish;
    grantBucketAccess(role, bucket, {
      read: [OUTPUT_PREFIX, CAPS_PREFIX],
      write: [OUTPUT_PREFIX],
      list: [OUTPUT_PREFIX],
    });
    topic.grantPublish(role);
    // These two actions support no resources:
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
    role.addToPolicy(
      new PolicyStatement({ actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
    this.grantRetries(props);
  }

  /** A retry is a render job and a stitch job. The Lambda removes its claim, and stops the first if the second fails. */
  private grantRetries({ settings, bucket, jobs, queues }: FinishTriggerProps): void {
    const { farmName } = settings;
    const { role } = this.finish;
    const definitions = jobs.renders.flatMap(({ render, gpuRender }) => [
      render,
      ...(gpuRender ? [gpuRender] : []),
    ]);
    grantSubmitJob(
      role,
      [
        ...queues.all.map(({ jobQueueArn }) => jobQueueArn),
        jobs.stitch.definition.jobDefinitionArn,
        ...definitions.map(({ definition }) => definition.jobDefinitionArn),
      ],
      farmName,
    );
    grantTerminateJob(role, farmName);
    grantClaimRemoval(role, bucket);
  }
}
