import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { childUrl, keyUrl } from '../../core/storage/location';
import { createS3Storage } from '../../core/storage/s3-default';
import { createLogger } from '../logger';
import { commonEnvironment, readEnvironment } from '../read-environment';
import { parseJobStateChange } from './event';
import { finishRender, type FinishServices } from './finish-render';

const environment = readEnvironment(commonEnvironment, process.env);
const sns = new SNSClient({});
const log = createLogger();

const services: FinishServices = {
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

/** One "Batch Job State Change" of EventBridge. What it throws makes Lambda call it again. */
export const handler = async (event: unknown): Promise<void> => {
  try {
    const change = parseJobStateChange(event);
    const { jobId, jobName, status: jobStatus } = change;
    const result = await finishRender(change, services);
    log.info(`render-${result.outcome}`, { jobId, jobName, jobStatus, ...result });
  } catch (error) {
    log.error('finish-failed', error, { event });
    throw error;
  }
};
