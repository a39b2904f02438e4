import {
  type CloudWatchLogsClient,
  GetLogEventsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { awsError, type AwsService } from '../aws-error';
import type { JobLogs, LogPage, LogStream } from './job-logs';

/**
 * CloudWatch Logs. A page holds up to 1 MB or 10,000 lines, and may be empty in the middle of a stream. The last page returns the token
 * of the request.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
 */
export class AwsJobLogs implements JobLogs {
  /** ECS's log driver sends its lines every 5 seconds. */
  readonly settleSeconds = 10;

  /** The client has the region, credentials and retries. */
  constructor(private readonly client: Pick<CloudWatchLogsClient, 'send'>) {}

  /** Throws the errors of `awsError`. */
  async readPage({ group, name }: LogStream, from?: string): Promise<LogPage | undefined> {
    const command = new GetLogEventsCommand({
      logGroupName: group,
      logStreamName: name,
      startFromHead: true,
      nextToken: from,
    });
    try {
      const { events = [], nextForwardToken } = await this.client.send(command);
      const lines = events.map(({ timestamp, message = '' }) => ({ at: timestamp, text: message }));
      const next = nextForwardToken ?? from ?? '';
      return { lines, next, isLast: next === from };
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined;
      throw awsError(error, `read the log stream ${name} of ${group}`, LOGS);
    }
  }
}

const LOGS: AwsService = { name: 'CloudWatch Logs', remedies: { denied: 'allow logs:GetLogEvents' } };
