import { S3Client } from '@aws-sdk/client-s3';
import { S3Storage } from './s3-storage';

/** A connection on which nothing moves for so long is dead: the SDK by itself would wait for ever, and a worker with it. */
const IDLE_MS = 120_000;
const CONNECT_MS = 10_000;

/** S3 with region, credentials and endpoint from where the SDK looks for them (environment, profile, instance role). */
export function createS3Storage(idleMs = IDLE_MS): S3Storage {
  const requestHandler = { connectionTimeout: CONNECT_MS, socketTimeout: idleMs };
  return new S3Storage(new S3Client({ requestHandler }));
}
