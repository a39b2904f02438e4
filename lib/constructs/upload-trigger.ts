import { Duration, Stack } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CAPS_PREFIX, OUTPUT_PREFIX, UPLOAD_ENDING, UPLOAD_PREFIX } from '../../core/render/keys';
import type { SpotCompute } from './compute';
import { DeadLetters, FarmFunction } from './farm-function';
import { grantBucketAccess, grantClaimRemoval, grantSubmitJob, grantTerminateJob } from './grants';
import type { JobDefinitions } from './job-definitions';

export interface UploadTriggerProps {
  readonly farmName: string;
  readonly bucket: IBucket;
  readonly compute: SpotCompute;
  readonly jobs: JobDefinitions;
  /** How many slices each queue can render at once. */
  readonly parallel: number;
  readonly gpuParallel: number;
  /** Whether uploads may ask to run the scripts of their scenes. */
  readonly allowScripts: boolean;
  /** Whether its images have an OpenColorIO configuration built in. */
  readonly hasOcio: boolean;
  readonly topic: ITopic;
  readonly logRetention: RetentionDays;
}

/** Enough to unpack a large scene saved with gzip, which must be read from its start. */
const TIMEOUT = Duration.minutes(3);

/** Below AWS Batch's 50 SubmitJob calls a second, and kind to the rest of the account. */
const MAX_CONCURRENCY = 10;
const MAX_DELIVERIES = 5;

/**
 * What the rule lets through: any `.blend` of the bucket, in whatever case. A pattern can ask one field for one thing
 * only, so the folders, `uploads/` included, are the Lambda's to check (`startsRender`). Nothing that a render writes ends
 * in `.blend`, so no render can trigger one.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function uploadPattern(bucketName: string): EventPattern {
  return {
    source: ['aws.s3'],
    detailType: ['Object Created'],
    detail: {
      bucket: { name: [bucketName] },
      object: { key: [{ suffix: { 'equals-ignore-case': UPLOAD_ENDING } }] },
    },
  };
}

/** From an object created in the bucket to two submitted jobs. */
export class UploadTrigger extends Construct {
  readonly submit: FarmFunction;
  readonly queue: Queue;
  readonly rule: Rule;
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, props: UploadTriggerProps) {
    super(scope, id);
    this.deadLetters = new DeadLetters(this, 'DeadLetters');
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Six times, as https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html asks for.
      visibilityTimeout: Duration.seconds(6 * TIMEOUT.toSeconds()),
      retentionPeriod: Duration.days(14),
      deadLetterQueue: { queue: this.deadLetters.queue, maxReceiveCount: MAX_DELIVERIES },
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'Scenes put into the bucket',
      eventPattern: uploadPattern(props.bucket.bucketName),
      targets: [new SqsQueue(this.queue, { deadLetterQueue: this.deadLetters.queue })],
    });
    this.submit = new FarmFunction(this, 'Submit', {
      folder: 'submit-render',
      description: 'Spotreel: from an uploaded scene to its jobs',
      timeout: TIMEOUT,
      logRetention: props.logRetention,
      environment: this.environment(props),
    });
    this.submit.lambda.addEventSource(
      new SqsEventSource(this.queue, {
        // One upload an invocation: a slow one delays, and a fatal one takes with it, no other.
        batchSize: 1,
        reportBatchItemFailures: true,
        maxConcurrency: MAX_CONCURRENCY,
      }),
    );
    this.grant(props);
  }

  private grant({ farmName, bucket, topic, compute, jobs }: UploadTriggerProps): void {
    const { role } = this.submit;
    grantBucketAccess(role, bucket, {
      read: [UPLOAD_PREFIX, OUTPUT_PREFIX, CAPS_PREFIX],
      write: [OUTPUT_PREFIX, CAPS_PREFIX],
      list: [UPLOAD_PREFIX, OUTPUT_PREFIX],
    });
    grantClaimRemoval(role, bucket);
    topic.grantPublish(role);
    const queues = [compute.queue, ...(compute.gpuQueue ? [compute.gpuQueue] : [])];
    const renders = jobs.renders.flatMap(({ render, gpuRender }) => [
      render,
      ...(gpuRender ? [gpuRender] : []),
    ]);
    const definitions = [...renders, jobs.stitch].map(({ definition }) => definition);
    const queuesAndDefinitions = [
      ...queues.map(({ jobQueueArn }) => jobQueueArn),
      ...definitions.map(({ jobDefinitionArn }) => jobDefinitionArn),
    ];
    grantSubmitJob(role, queuesAndDefinitions, farmName);
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html: these two know no resources.
    role.addToPolicy(
      new PolicyStatement({ actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
    grantTerminateJob(role, farmName);
  }

  /** Lambda takes 4 KB in all (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html); a test holds it below. */
  private environment(props: UploadTriggerProps): Record<string, string> {
    const { bucket, compute, jobs, topic } = props;
    const { gpuQueue } = compute;
    return {
      BUCKET: bucket.bucketName,
      OUTPUT_PREFIX,
      FARM_NAME: props.farmName,
      JOB_QUEUE: compute.queue.jobQueueArn,
      RENDER_JOB_DEFINITIONS: Stack.of(this).toJsonString(jobs.renderDefinitions),
      STITCH_JOB_DEFINITION: jobs.stitch.definition.jobDefinitionArn,
      PARALLEL: String(props.parallel),
      ...(gpuQueue && { GPU_JOB_QUEUE: gpuQueue.jobQueueArn, GPU_PARALLEL: String(props.gpuParallel) }),
      ...(props.allowScripts && { ALLOW_SCRIPTS: '1' }),
      ...(props.hasOcio && { HAS_OCIO: '1' }),
      TOPIC_ARN: topic.topicArn,
      // No invocation is still at work then, and a redelivery comes later.
      CLAIM_STALE_SECONDS: String(TIMEOUT.toSeconds() + 30),
    };
  }
}
