import { BatchClient } from '@aws-sdk/client-batch';
import { AwsBatch } from './aws-batch';

/** AWS Batch with region, credentials and endpoint from where the SDK looks for them. */
export function createAwsBatch(): AwsBatch {
  return new AwsBatch(
    new BatchClient({ requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 } }),
  );
}
