import { Duration, Stack } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { CAPS_PREFIX, OUTPUT_PREFIX, UPLOAD_ENDING, UPLOAD_PREFIX } from '../../core/render/keys';
import type { Settings } from '../settings/settings';
import { DeadLetters, FarmFunction } from './farm-function';
import { grantBucketAccess, grantClaimRemoval, grantSubmitJob, grantTerminateJob } from './grants';
import type { JobDefinitions } from './job-definitions';
import type { JobQueues } from './job-queues';

export interface UploadTriggerProps {
  readonly settings: Settings;
  readonly bucket: IBucket;
  readonly queues: JobQueues;
  readonly jobs: JobDefinitions;
  readonly topic: ITopic;
}

/** Enough to read a large scene saved with gzip, which must be unpacked from its start. */
const TIMEOUT = Duration.minutes(3);

/** Keeps below the 50 SubmitJob calls a second of AWS Batch, and leaves some for the rest of the account. */
const MAX_CONCURRENCY = 10;

/** With the waits of the Lambda (`secondsToNextDelivery`), the last delivery is an hour and a half after the first. */
const MAX_DELIVERIES = 9;

/**
 * Event pattern for any `.blend` in the bucket, in upper or lower case. A pattern can check a field for one property only,
 * so the Lambda checks the folder, such as `uploads/` (`startsRender`). A render writes no file that ends in `.blend`, so
 * no render can start another.
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

/** For each scene put into the bucket, this Lambda submits a render job and a stitch job. */
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
      // Six times the timeout, as https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html recommends. The
      // Lambda shortens it for a message that failed.
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
      description: 'Spotreel: submits the jobs of an uploaded scene',
      timeout: TIMEOUT,
      logRetention: props.settings.logDays,
      environment: this.environment(props),
    });
    this.submit.lambda.addEventSource(
      new SqsEventSource(this.queue, {
        // One upload for each invocation, so a slow or fatal upload affects no other.
        batchSize: 1,
        reportBatchItemFailures: true,
        maxConcurrency: MAX_CONCURRENCY,
      }),
    );
    this.grant(props);
  }

  private grant({ settings, bucket, topic, queues, jobs }: UploadTriggerProps): void {
    const { farmName } = settings;
    const { role } = this.submit;
    grantBucketAccess(role, bucket, {
      read: [UPLOAD_PREFIX, OUTPUT_PREFIX, CAPS_PREFIX],
      write: [OUTPUT_PREFIX, CAPS_PREFIX],
      list: [UPLOAD_PREFIX, OUTPUT_PREFIX],
    });
    grantClaimRemoval(role, bucket);
    topic.grantPublish(role);
    const uploadQueues = [queues.spot, ...(queues.gpu ? [queues.gpu] : [])];
    const renders = jobs.renders.flatMap(({ render, gpuRender }) => [
      render,
      ...(gpuRender ? [gpuRender] : []),
    ]);
    const queuesAndDefinitions = [
      ...uploadQueues.map(({ queue }) => queue.jobQueueArn),
      ...[...renders, jobs.stitch].map(({ definition }) => definition.jobDefinitionArn),
    ];
    grantSubmitJob(role, queuesAndDefinitions, farmName);
    // These two actions support no resources:
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
    role.addToPolicy(
      new PolicyStatement({ actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
    grantTerminateJob(role, farmName);
  }

  /** At most 4 KB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), which a test checks. */
  private environment(props: UploadTriggerProps): Record<string, string> {
    const { settings, bucket, queues, jobs, topic } = props;
    const { spot, gpu } = queues;
    return {
      BUCKET: bucket.bucketName,
      OUTPUT_PREFIX,
      FARM_NAME: settings.farmName,
      JOB_QUEUE: spot.queue.jobQueueArn,
      RENDER_JOB_DEFINITIONS: Stack.of(this).toJsonString(jobs.renderDefinitions),
      STITCH_JOB_DEFINITION: jobs.stitch.definition.jobDefinitionArn,
      PARALLEL: String(spot.parallel),
      ...(gpu && { GPU_JOB_QUEUE: gpu.queue.jobQueueArn, GPU_PARALLEL: String(gpu.parallel) }),
      ...(settings.allowScripts && { ALLOW_SCRIPTS: '1' }),
      ...(settings.ocio !== undefined && { HAS_OCIO: '1' }),
      TOPIC_ARN: topic.topicArn,
      QUEUE_URL: this.queue.queueUrl,
      // Every invocation has ended by then.
      CLAIM_STALE_SECONDS: String(TIMEOUT.toSeconds() + 30),
    };
  }
}
