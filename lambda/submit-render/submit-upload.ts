import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { Logger } from '../environment';
import * as z from 'zod/mini';
import { codeOf, SpotreelError } from '../../core/errors';
import type { Batch } from '../../core/jobs/batch';
import { parseJson } from '../../core/json';
import { startsRender } from '../../core/render/keys';
import { childUrl } from '../../core/storage/storage';
import type { SceneOutcome, SceneServices } from './submit-scene';

/**
 * "Object Created" of S3, sent through EventBridge. Ignores unused fields. The key is not URL-encoded, unlike in S3's own
 * notifications. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
const objectCreatedSchema = z.lazy(() =>
  z.object({
    source: z.literal('aws.s3'),
    'detail-type': z.literal('Object Created'),
    detail: z.object({
      bucket: z.object({ name: z.string().check(z.minLength(1)) }),
      object: z.object({
        key: z.string().check(z.minLength(1)),
        size: z.optional(z.number().check(z.gte(0))),
        etag: z.string().check(z.minLength(1)),
        'version-id': z.optional(z.string()),
      }),
      /** The API call that made the object, such as `PutObject`. */
      reason: z.optional(z.string()),
    }),
  }),
);

/** A scene or another object was put into a bucket. */
export interface UploadEvent {
  readonly bucket: string;
  /** Not encoded. */
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  /** Bytes. */
  readonly size?: number;
  readonly versionId?: string;
  readonly reason?: string;
}

/** Reads the body of an SQS message from EventBridge. Throws `bad-event`, which names the wrong field. */
export function parseUploadEvent(body: string): UploadEvent {
  const { detail } = parseJson(objectCreatedSchema, Buffer.from(body), (reason) => {
    const message = `the message is not an "Object Created" event of S3: ${reason}; fix the EventBridge rule`;
    return new SpotreelError('bad-event', 'internal', message);
  });
  const { key, size, etag } = detail.object;
  return {
    bucket: detail.bucket.name,
    key,
    etag: etag.replaceAll('"', ''),
    size,
    versionId: detail.object['version-id'],
    reason: detail.reason,
  };
}

export interface UploadServices extends Omit<SceneServices, 'batch'> {
  /** Loads the client of AWS Batch. */
  readonly loadBatch: () => Promise<Batch>;
}

/** The result of an event. Only `submitted` and `refused` write anything. */
export type UploadOutcome =
  | SceneOutcome
  /** The object does not start a render. */
  | { readonly outcome: 'ignored'; readonly why: 'other-bucket' | 'no-scene' };

/**
 * Milliseconds to connect to S3 and send the first request; assumed, not measured on AWS. The rest of the code is loaded while S3 answers, because
 * loading it earlier would delay a cold start.
 */
const REQUEST_MS = 10;

/**
 * Submits the two jobs of an upload, or refuses an invalid upload and reports why. Throws for passing errors and for errors
 * of the farm; the event must then be delivered again. Events may come twice, late, at the same time or out of order.
 */
export async function submitUpload(event: UploadEvent, services: UploadServices): Promise<UploadOutcome> {
  const { storage, bucket, loadBatch } = services;
  if (event.bucket !== bucket.host) return { outcome: 'ignored', why: 'other-bucket' };
  if (!startsRender(event.key)) return { outcome: 'ignored', why: 'no-scene' };
  const head = storage.head(childUrl(bucket, event.key));
  // Node loads code at one go, so the request must leave first.
  await Promise.race([head, sleep(REQUEST_MS)]);
  const [source, { submitScene }, batch] = await Promise.all([head, import('./submit-scene'), loadBatch()]);
  if (source?.etag !== event.etag) return { outcome: 'outdated' };
  return submitScene(source, { ...services, batch });
}

/** Seconds until the second delivery. Each further wait is twice as long, up to the visibility timeout of the queue. */
const FIRST_WAIT_SECONDS = 60;
const LONGEST_WAIT_SECONDS = 18 * 60;

/**
 * Seconds until SQS delivers a failed message again. `deliveries` counts from 1. While another runner submits the render,
 * only the end of its claim (`claimSeconds`) helps. Pure.
 */
export function secondsToNextDelivery(deliveries: number, error: unknown, claimSeconds: number): number {
  if (codeOf(error) === 'being-submitted') return claimSeconds;
  return Math.min(FIRST_WAIT_SECONDS * 2 ** (deliveries - 1), LONGEST_WAIT_SECONDS);
}

/** What a message needs besides its submission. */
export interface MessageServices {
  readonly log: Logger;
  /** Makes SQS deliver the message again after so many seconds. If it throws, the timeout of the queue counts. */
  readonly deliverAgainAfter: (seconds: number) => Promise<void>;
  readonly claimSeconds: number;
}

/**
 * Handles one message. Returns its id if SQS must deliver it again, which Lambda does not count as an error.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export async function processRecord(
  { messageId, attributes, body }: SQSRecord,
  submit: (event: UploadEvent) => Promise<UploadOutcome>,
  { log, deliverAgainAfter, claimSeconds }: MessageServices,
): Promise<SQSBatchResponse> {
  const deliveries = Number(attributes.ApproximateReceiveCount) || 1;
  const delivery = { messageId, deliveries };
  try {
    const event = parseUploadEvent(body);
    logOutcome(await submit(event), { ...delivery, ...event }, log);
    return { batchItemFailures: [] };
  } catch (error) {
    const nextInSeconds = secondsToNextDelivery(deliveries, error, claimSeconds);
    log.error('upload-failed', error, { ...delivery, body, nextInSeconds });
    await deliverAgainAfter(nextInSeconds).catch((fault: unknown) =>
      log.error('not-sooner', fault, delivery),
    );
    return { batchItemFailures: [{ itemIdentifier: messageId }] };
  }
}

function logOutcome(result: UploadOutcome, fields: Readonly<Record<string, unknown>>, log: Logger): void {
  const { outcome } = result;
  if (outcome === 'refused') {
    log.error('upload-refused', result.error, { ...fields, renderId: result.renderId });
  } else if (outcome === 'ignored' && result.why === 'other-bucket') {
    log.warn('upload-ignored', { ...fields, why: result.why });
  } else {
    log.info(`upload-${outcome}`, { ...fields, ...result });
  }
}
