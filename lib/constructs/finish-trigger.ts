import { Duration, Stack } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { RenderDefinition } from '../../core/jobs/farm';
import { CAPS_PREFIX, OUTPUT_PREFIX } from '../../core/render/keys';
import type { SpotCompute } from './compute';
import { DeadLetters, FarmFunction } from './farm-function';
import { grantBucketAccess, grantClaimRemoval, grantSubmitJob, grantTerminateJob } from './grants';
import type { JobDefinitions } from './job-definitions';

export interface FinishTriggerProps {
  readonly farmName: string;
  readonly bucket: IBucket;
  /** Whose jobs are watched, and where more go when a render has failed. */
  readonly compute: SpotCompute;
  readonly jobs: JobDefinitions;
  readonly topic: ITopic;
  readonly logRetention: RetentionDays;
}

/**
 * Jobs of these queues that have ended: array jobs as a whole and plain jobs, but no children, of which there may be
 * 10,000. Only a child has an index.
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

/** On-Demand machines have none. */
function withoutGpus(definitions: readonly RenderDefinition[]): RenderDefinition[] {
  return definitions.map((definition) => ({ ...definition, gpuJobDefinition: undefined }));
}

/**
 * From an ended job to `status.json` and a message, and where frames are missing to a retry on On-Demand machines, where the farm has
 * some, or to a video of what there is.
 */
export class FinishTrigger extends Construct {
  readonly finish: FarmFunction;
  readonly rule: Rule;
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, props: FinishTriggerProps) {
    super(scope, id);
    const { farmName, bucket, compute, jobs, topic, logRetention } = props;
    const { queue: stitchQueue, onDemandQueue } = compute;
    const stitchDefinition = jobs.stitch.definition;
    this.deadLetters = new DeadLetters(this, 'DeadLetters');
    const deadLetterQueue = this.deadLetters.queue;
    this.finish = new FarmFunction(this, 'Finish', {
      folder: 'finish-render',
      description: 'Spotreel: from an ended job to its status and a message',
      timeout: TIMEOUT,
      logRetention,
      environment: {
        BUCKET: bucket.bucketName,
        OUTPUT_PREFIX,
        FARM_NAME: farmName,
        JOB_QUEUE: stitchQueue.jobQueueArn,
        STITCH_JOB_DEFINITION: stitchDefinition.jobDefinitionArn,
        TOPIC_ARN: topic.topicArn,
        // No invocation still works then, and Lambda's last try of an event comes later.
        CLAIM_STALE_SECONDS: String(TIMEOUT.toSeconds() + 30),
        ...(onDemandQueue && {
          ON_DEMAND_JOB_QUEUE: onDemandQueue.jobQueueArn,
          RENDER_JOB_DEFINITIONS: Stack.of(this).toJsonString(withoutGpus(jobs.renderDefinitions)),
        }),
      },
      deadLetterQueue,
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'Renders and videos that have ended',
      eventPattern: endedJobsPattern(compute.queues.map(({ jobQueueArn }) => jobQueueArn)),
      targets: [new LambdaFunction(this.finish.lambda, { deadLetterQueue })],
    });
    const { role } = this.finish;
    grantBucketAccess(role, bucket, {
      read: [OUTPUT_PREFIX, CAPS_PREFIX],
      write: [OUTPUT_PREFIX],
      list: [OUTPUT_PREFIX],
    });
    topic.grantPublish(role);
    grantSubmitJob(role, [stitchQueue.jobQueueArn, stitchDefinition.jobDefinitionArn], farmName);
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html: these two know no resources.
    role.addToPolicy(
      new PolicyStatement({ actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
    if (onDemandQueue) this.grantRescue(onDemandQueue, props);
  }

  /** What it takes to submit a pair of jobs: their definitions, the claim's end, and taking back a job that no video can follow. */
  private grantRescue(onDemandQueue: IJobQueue, { farmName, bucket, jobs }: FinishTriggerProps): void {
    const { role } = this.finish;
    const definitions = jobs.renders.map(({ render }) => render.definition.jobDefinitionArn);
    grantSubmitJob(role, [onDemandQueue.jobQueueArn, ...definitions], farmName);
    grantTerminateJob(role, farmName);
    grantClaimRemoval(role, bucket);
  }
}
