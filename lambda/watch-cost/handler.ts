import type { Handler } from 'aws-lambda';
import * as z from 'zod/mini';
import { type CapOutcome, type CapServices, watchCaps } from '../../core/cost/watch-caps';
import { SpotreelError } from '../../core/errors';
import { createAwsBatch } from '../../core/jobs/aws-batch';
import { machinesSchema } from '../../core/render/options';
import { createS3Storage } from '../../core/storage/s3-storage';
import { childUrl, keyUrl } from '../../core/storage/storage';
import { commonEnvironment, createLogger, readEnvironment, readVariable } from '../environment';

const environmentSchema = z.extend(z.omit(commonEnvironment, { TOPIC_ARN: true, FARM_NAME: true }), {
  /** JSON, see `core/render/options.ts`. */
  MACHINES: z.string(),
  /** ARN; only if the farm has GPUs. */
  GPU_JOB_QUEUE: z.optional(z.string().check(z.minLength(1))),
});

const environment = readEnvironment(environmentSchema, process.env);
const log = createLogger();

const services: CapServices = {
  output: childUrl(keyUrl('s3:', environment.BUCKET, ''), environment.OUTPUT_PREFIX),
  storage: createS3Storage(),
  batch: createAwsBatch(),
  machines: readVariable(machinesSchema, 'MACHINES', environment),
  gpuJobQueue: environment.GPU_JOB_QUEUE,
  region: environment.AWS_REGION,
  digests: new Map(),
  now: () => new Date(),
};

/** Stops renders that have reached their cap; runs every five minutes. An alarm reports repeated errors. */
export const handler: Handler<unknown, void> = async () => {
  const outcomes = await watchCaps(services);
  for (const outcome of outcomes) logOutcome(outcome);
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed' || outcome === 'unreadable');
  if (failed.length === 0) return;
  const names = failed.map(({ renderId }) => renderId).join(', ');
  const message = `the caps of ${names} could not be checked; the next check tries again`;
  throw new SpotreelError('caps-unwatched', 'passing', message);
};

function logOutcome({ outcome, error, ...fields }: CapOutcome): void {
  if (outcome === 'failed') log.error('cap-failed', error, fields);
  else if (outcome === 'unreadable') log.warn('cap-unreadable', fields);
  else log.info(`cap-${outcome}`, fields);
}
