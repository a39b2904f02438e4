import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Handler } from 'aws-lambda';
import * as z from 'zod/mini';
import { createAwsBatch } from '../../core/jobs/aws-batch';
import { renderDefinitionsSchema } from '../../core/jobs/farm';
import { createS3Storage } from '../../core/storage/s3-storage';
import { childUrl, keyUrl } from '../../core/storage/storage';
import { commonEnvironment, count, createLogger, readEnvironment, readVariable } from '../environment';
import { parseJobStateChange } from './ended-job';
import { finishRender, type FinishServices } from './finish-render';
import type { MemoryServices } from './memory-retry';
import type { RescueServices } from './rescue';

const environmentSchema = z.extend(commonEnvironment, {
  /** Names or ARNs. */
  JOB_QUEUE: z.string().check(z.minLength(1)),
  STITCH_JOB_DEFINITION: z.string().check(z.minLength(1)),
  /** JSON, see `core/jobs/farm.ts`. */
  RENDER_JOB_DEFINITIONS: z.string(),
  /** Only if the farm has GPUs, and only if it has On-Demand machines. */
  GPU_JOB_QUEUE: z.optional(z.string().check(z.minLength(1))),
  ON_DEMAND_JOB_QUEUE: z.optional(z.string().check(z.minLength(1))),
  /** JSON: sizes of slices with twice the memory for each of these queues. */
  LARGER_SIZES: z.string(),
  /** Longer than this Lambda's timeout, and shorter than the 3 minutes until Lambda's last try of an event. */
  CLAIM_STALE_SECONDS: count,
});

const sizes = z.array(
  z.object({ memoryMib: z.int().check(z.gte(1)), vcpus: z.optional(z.int().check(z.gte(1))) }),
);
const largerSizesSchema = z.object({ spot: sizes, gpu: z.optional(sizes), onDemand: z.optional(sizes) });

const environment = readEnvironment(environmentSchema, process.env);
const batch = createAwsBatch();
const sns = new SNSClient({});
const log = createLogger();

const services: Omit<FinishServices, 'salvage' | 'rescue' | 'memory'> = {
  storage: createS3Storage(),
  output: childUrl(keyUrl('s3:', environment.BUCKET, ''), environment.OUTPUT_PREFIX),
  region: environment.AWS_REGION,
  now: () => new Date(),
  notify: async ({ subject, message }) => {
    await sns.send(
      new PublishCommand({ TopicArn: environment.TOPIC_ARN, Subject: subject, Message: message }),
    );
  },
};

const stitch = { jobQueue: environment.JOB_QUEUE, jobDefinition: environment.STITCH_JOB_DEFINITION };

const renderDefinitions = readVariable(renderDefinitionsSchema, 'RENDER_JOB_DEFINITIONS', environment);
const larger = readVariable(largerSizesSchema, 'LARGER_SIZES', environment);
const { ON_DEMAND_JOB_QUEUE: onDemandQueue, GPU_JOB_QUEUE: gpuQueue, FARM_NAME: farmName } = environment;

const rescue: Omit<RescueServices, 'claim'> | undefined =
  onDemandQueue === undefined
    ? undefined
    : { batch, jobQueue: onDemandQueue, sizes: larger.onDemand ?? [], renderDefinitions, stitch, farmName };

const memory: Omit<MemoryServices, 'claim'> = {
  batch,
  spot: { jobQueue: stitch.jobQueue, sizes: larger.spot },
  ...(gpuQueue !== undefined && { gpu: { jobQueue: gpuQueue, sizes: larger.gpu ?? [] } }),
  ...(onDemandQueue !== undefined && {
    onDemand: { jobQueue: onDemandQueue, sizes: larger.onDemand ?? [] },
  }),
  renderDefinitions,
  stitchDefinition: stitch.jobDefinition,
  farmName,
};

/** Handles one "Batch Job State Change" of EventBridge. If it throws, Lambda calls it again. */
export const handler: Handler<unknown, void> = async (event, { awsRequestId }) => {
  try {
    const change = parseJobStateChange(event);
    const { jobId, jobName, status: jobStatus } = change;
    const claim = { owner: awsRequestId, staleAfterSeconds: environment.CLAIM_STALE_SECONDS };
    const salvage = {
      batch,
      jobQueue: stitch.jobQueue,
      stitchDefinition: stitch.jobDefinition,
      farmName: environment.FARM_NAME,
      claim,
    };
    const result = await finishRender(change, {
      ...services,
      log,
      salvage,
      memory: { ...memory, claim },
      ...(rescue && { rescue: { ...rescue, claim } }),
    });
    log.info(`render-${result.outcome}`, { jobId, jobName, jobStatus, ...result });
  } catch (error) {
    log.error('finish-failed', error, { event });
    throw error;
  }
};
