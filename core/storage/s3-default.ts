import { S3Client } from '@aws-sdk/client-s3';
import { S3Storage } from './s3-storage';

/** S3 with region, credentials and endpoint from where the SDK looks for them (environment, profile, instance role). */
export function createS3Storage(): S3Storage {
  return new S3Storage(new S3Client({}));
}
