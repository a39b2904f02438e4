import * as z from 'zod/mini';
import { parseJson } from '../../core/contract/parse-json';
import { SpotreelError } from '../../core/errors';

/**
 * "Object Created" as S3 sends it through EventBridge; fields that are not used may be anything.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html. Unlike S3's own notifications, whose
 * documentation says that the key is URL-encoded, this one says nothing of the kind: the key is taken as it is.
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

/** A scene, or something else, has been put into a bucket. */
export interface UploadEvent {
  readonly bucket: string;
  /** As it is, not encoded. */
  readonly key: string;
  /** Without quotes. */
  readonly etag: string;
  /** Bytes. */
  readonly size?: number | undefined;
  readonly versionId?: string | undefined;
  readonly reason?: string | undefined;
}

/** Reads the body of an SQS message that EventBridge put there. Throws `bad-event` naming the field at fault. */
export function parseUploadEvent(body: string): UploadEvent {
  const { detail } = parseJson(objectCreatedSchema, Buffer.from(body), (reason) => {
    const message = `the message is no "Object Created" event of S3 (${reason}): mend the EventBridge rule`;
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
