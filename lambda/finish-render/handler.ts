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
import type { RescueServices } from './rescue';

const environmentSchema = z.extend(commonEnvironment, {
  /** Names or ARNs. */
  JOB_QUEUE: z.string().check(z.minLength(1)),
  STITCH_JOB_DEFINITION: z.string().check(z.minLength(1)),
  /** Both only if the farm has On-Demand machines: their queue, and JSON, see `core/jobs/farm.ts`. */
  ON_DEMAND_JOB_QUEUE: z.optional(z.string().check(z.minLength(1))),
  RENDER_JOB_DEFINITIONS: z.optional(z.string()),
  /** Longer than this Lambda's timeout, and shorter than the 3 minutes until Lambda's last try of an event. */
  CLAIM_STALE_SECONDS: count,
});

const environment = readEnvironment(environmentSchema, process.env);
const batch = createAwsBatch();
const sns = new SNSClient({});
const log = createLogger();

const services: Omit<FinishServices, 'salvage' | 'rescue'> = {
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

function rescueServices({
  ON_DEMAND_JOB_QUEUE: jobQueue,
  RENDER_JOB_DEFINITIONS,
}: typeof environment): Omit<RescueServices, 'claim'> | undefined {
  if (jobQueue === undefined || RENDER_JOB_DEFINITIONS === undefined) return undefined;
  const renderDefinitions = readVariable(renderDefinitionsSchema, 'RENDER_JOB_DEFINITIONS', {
    RENDER_JOB_DEFINITIONS,
  });
  return { batch, jobQueue, renderDefinitions, stitch, farmName: environment.FARM_NAME };
}

const rescue = rescueServices(environment);

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
      salvage,
      ...(rescue && { rescue: { ...rescue, claim } }),
    });
    log.info(`render-${result.outcome}`, { jobId, jobName, jobStatus, ...result });
  } catch (error) {
    log.error('finish-failed', error, { event });
    throw error;
  }
};
