import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { Logger } from '../logger';
import { parseUploadEvent, type UploadEvent } from './event';
import type { UploadOutcome } from './submit-upload';

/**
 * Handles the messages of one delivery side by side. Names those that are to be delivered again, so that one that
 * fails takes no other with it.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export async function processRecords(
  records: readonly SQSRecord[],
  submit: (event: UploadEvent, record: SQSRecord) => Promise<UploadOutcome>,
  log: Logger,
): Promise<SQSBatchResponse> {
  const failed = await Promise.all(
    records.map(async (record) => {
      const { messageId, attributes } = record;
      const delivery = { messageId, deliveries: Number(attributes.ApproximateReceiveCount) };
      try {
        const event = parseUploadEvent(record.body);
        logOutcome(await submit(event, record), { ...delivery, ...event }, log);
        return undefined;
      } catch (error) {
        log.error('upload-failed', error, { ...delivery, body: record.body });
        return messageId;
      }
    }),
  );
  const failures = failed.filter((messageId) => messageId !== undefined);
  return { batchItemFailures: failures.map((itemIdentifier) => ({ itemIdentifier })) };
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
