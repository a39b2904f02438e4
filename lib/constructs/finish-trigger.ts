import { Duration } from 'aws-cdk-lib';
import type { IJobDefinition, IJobQueue } from 'aws-cdk-lib/aws-batch';
import { Rule, type EventPattern } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { OUTPUT_PREFIX } from '../../core/contract/keys';
import { grantBucketAccess } from './bucket-access';
import { DeadLetters } from './dead-letters';
import { FarmFunction } from './farm-function';
import { grantSubmitJob } from './job-access';

export interface FinishTriggerProps {
  readonly bucket: IBucket;
  /** The queues whose jobs are watched. */
  readonly jobQueues: readonly IJobQueue[];
  /** Where and by what definition a video is made of what there is of a render that failed. */
  readonly stitchQueue: IJobQueue;
  readonly stitchDefinition: IJobDefinition;
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

/** From an ended job to `status.json` and a message, and to a video of what there is where frames are missing. */
export class FinishTrigger extends Construct {
  readonly finish: FarmFunction;
  readonly rule: Rule;
  readonly deadLetters: DeadLetters;

  constructor(scope: Construct, id: string, props: FinishTriggerProps) {
    super(scope, id);
    const { bucket, jobQueues, stitchQueue, stitchDefinition, topic, logRetention } = props;
    this.deadLetters = new DeadLetters(this, 'DeadLetters');
    const deadLetterQueue = this.deadLetters.queue;
    this.finish = new FarmFunction(this, 'Finish', {
      folder: 'finish-render',
      description: 'Spotreel: from an ended job to its status and a message',
      timeout: Duration.minutes(2),
      logRetention,
      environment: {
        BUCKET: bucket.bucketName,
        OUTPUT_PREFIX,
        JOB_QUEUE: stitchQueue.jobQueueArn,
        STITCH_JOB_DEFINITION: stitchDefinition.jobDefinitionArn,
        TOPIC_ARN: topic.topicArn,
      },
      deadLetterQueue,
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'Renders and videos that have ended',
      eventPattern: endedJobsPattern(jobQueues.map(({ jobQueueArn }) => jobQueueArn)),
      targets: [new LambdaFunction(this.finish.lambda, { deadLetterQueue })],
    });
    const { role } = this.finish;
    grantBucketAccess(role, bucket, { read: [OUTPUT_PREFIX], write: [OUTPUT_PREFIX], list: [OUTPUT_PREFIX] });
    topic.grantPublish(role);
    grantSubmitJob(role, [stitchQueue.jobQueueArn, stitchDefinition.jobDefinitionArn]);
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html: these two know no resources.
    role.addToPolicy(
      new PolicyStatement({ actions: ['batch:ListJobs', 'batch:DescribeJobs'], resources: ['*'] }),
    );
  }
}
