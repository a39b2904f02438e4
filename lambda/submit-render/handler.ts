import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSHandler } from 'aws-lambda';
import * as z from 'zod/mini';
import { SpotreelError } from '../../core/errors';
import type { Batch } from '../../core/jobs/batch';
import { renderDefinitionsSchema } from '../../core/jobs/farm';
import { createS3Storage } from '../../core/storage/s3-storage';
import { childUrl, keyUrl } from '../../core/storage/storage';
import { commonEnvironment, count, createLogger, readEnvironment, readVariable } from '../environment';
import { processRecord, submitUpload, type UploadServices } from './submit-upload';

const environmentSchema = z.extend(commonEnvironment, {
  /** Names or ARNs. */
  JOB_QUEUE: z.string().check(z.minLength(1)),
  /** JSON, see `core/jobs/farm.ts`. */
  RENDER_JOB_DEFINITIONS: z.string(),
  STITCH_JOB_DEFINITION: z.string().check(z.minLength(1)),
  /** How many slices can render at a time. */
  PARALLEL: count,
  /** Both only if the farm has GPUs. */
  GPU_JOB_QUEUE: z.optional(z.string().check(z.minLength(1))),
  GPU_PARALLEL: z.optional(count),
  /** Only if uploads may ask to run the scripts of their scenes. */
  ALLOW_SCRIPTS: z.optional(z.literal('1')),
  /** Only if the images have an OpenColorIO configuration. */
  HAS_OCIO: z.optional(z.literal('1')),
  /** The queue of uploads. */
  QUEUE_URL: z.string().check(z.minLength(1)),
  /** Longer than this Lambda's timeout, and at most the queue's visibility timeout. */
  CLAIM_STALE_SECONDS: z.prefault(count, 960),
});

const environment = readEnvironment(environmentSchema, process.env);
// Made at their first use, which not every upload has; a cold start waits only for the rest.
let batch: Batch | undefined;
let sns: SNSClient | undefined;
let sqs: SQSClient | undefined;
const log = createLogger();
const bucket = keyUrl('s3:', environment.BUCKET, '');

const services: UploadServices = {
  storage: createS3Storage(),
  loadBatch: async () => {
    const { createAwsBatch } = await import('../../core/jobs/aws-batch');
    return (batch ??= createAwsBatch());
  },
  farmName: environment.FARM_NAME,
  jobQueue: environment.JOB_QUEUE,
  renderDefinitions: readVariable(renderDefinitionsSchema, 'RENDER_JOB_DEFINITIONS', environment),
  stitchDefinition: environment.STITCH_JOB_DEFINITION,
  parallel: environment.PARALLEL,
  allowsScripts: environment.ALLOW_SCRIPTS === '1',
  hasOwnColors: environment.HAS_OCIO === '1',
  gpu: gpuQueue(environment.GPU_JOB_QUEUE, environment.GPU_PARALLEL),
  bucket,
  output: childUrl(bucket, environment.OUTPUT_PREFIX),
  region: environment.AWS_REGION,
  now: () => new Date(),
  notify: async ({ subject, message }) => {
    const { PublishCommand, SNSClient: Client } = await import('@aws-sdk/client-sns');
    sns ??= new Client({});
    await sns.send(
      new PublishCommand({ TopicArn: environment.TOPIC_ARN, Subject: subject, Message: message }),
    );
  },
};

function gpuQueue(jobQueue?: string, parallel?: number): UploadServices['gpu'] {
  return jobQueue !== undefined && parallel !== undefined ? { jobQueue, parallel } : undefined;
}

/** Submits the jobs of one upload. The SQS message has an "Object Created" event of S3 from EventBridge. */
export const handler: SQSHandler = async ({ Records: [record, ...others] }, { awsRequestId }) => {
  // What is not named in the answer counts as done.
  if (!record || others.length > 0)
    throw new SpotreelError(
      'bad-event',
      'internal',
      'SQS must deliver one message at a time: set batchSize to 1',
    );
  const owner = `${awsRequestId}/${record.messageId}`;
  const { QUEUE_URL: QueueUrl, CLAIM_STALE_SECONDS: claimSeconds } = environment;
  const claim = { owner, staleAfterSeconds: claimSeconds };
  const deliverAgainAfter = async (VisibilityTimeout: number): Promise<void> => {
    const { receiptHandle: ReceiptHandle } = record;
    const { ChangeMessageVisibilityCommand, SQSClient: Client } = await import('@aws-sdk/client-sqs');
    // The region and the environment name the endpoint, as for all other services.
    sqs ??= new Client({ useQueueUrlAsEndpoint: false });
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
  };
  const message = { log, deliverAgainAfter, claimSeconds };
  return processRecord(record, (event) => submitUpload(event, { ...services, claim }), message);
};
