import {
  CreateLogStreamCommand,
  PutLogEventsCommand,
  type CloudWatchLogsClient,
} from '@aws-sdk/client-cloudwatch-logs';

/** Events of one call. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const MOST_EVENTS = 1000;

/** A line of a container, and when it came, in milliseconds since 1970. */
export interface LogLine {
  readonly timestamp: number;
  readonly message: string;
}

/** Uploads a container's output to its log stream, as the agent of its machine would. CloudWatch accepts no empty line. */
export async function putLog(
  logGroupName: string,
  logStreamName: string,
  lines: readonly LogLine[],
  client: CloudWatchLogsClient,
): Promise<void> {
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName }));
  const events = lines.filter(({ message }) => message !== '');
  for (let at = 0; at < events.length; at += MOST_EVENTS) {
    const logEvents = events.slice(at, at + MOST_EVENTS);
    await client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }));
  }
}
