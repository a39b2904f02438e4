import {
  CloudWatchLogsClient,
  GetLogEventsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { mockClient } from 'aws-sdk-client-mock';
import { AwsJobLogs } from '../../../../core/logs/aws-job-logs';

const cloudWatch = mockClient(CloudWatchLogsClient);
const logs = new AwsJobLogs(new CloudWatchLogsClient({ region: 'eu-west-1' }));
const STREAM = { group: 'group', name: 'render/default/1' };

beforeEach(() => cloudWatch.reset());

test('only a page that returns the token of its request is the last', async () => {
  cloudWatch
    .on(GetLogEventsCommand)
    .resolvesOnce({ events: [{ timestamp: 5, message: 'a' }], nextForwardToken: 'f/1' })
    .resolvesOnce({ events: [], nextForwardToken: 'f/2' })
    .resolvesOnce({ events: [], nextForwardToken: 'f/2' });
  expect(await logs.readPage(STREAM)).toEqual({ lines: [{ at: 5, text: 'a' }], next: 'f/1', isLast: false });
  expect(await logs.readPage(STREAM, 'f/1')).toEqual({ lines: [], next: 'f/2', isLast: false });
  expect(await logs.readPage(STREAM, 'f/2')).toEqual({ lines: [], next: 'f/2', isLast: true });
  const asked = cloudWatch.commandCalls(GetLogEventsCommand).map(({ args }) => args[0].input);
  const stream = { logGroupName: 'group', logStreamName: 'render/default/1', startFromHead: true };
  expect(asked).toEqual([stream, { ...stream, nextToken: 'f/1' }, { ...stream, nextToken: 'f/2' }]);
});

test('a missing stream has no page', async () => {
  const gone = new ResourceNotFoundException({ message: 'gone', $metadata: {} });
  cloudWatch.on(GetLogEventsCommand).rejects(gone);
  expect(await logs.readPage(STREAM)).toBeUndefined();
});

test.each([
  ['AccessDeniedException', 'denied', 'usage', /logs:GetLogEvents/],
  ['ThrottlingException', 'throttled', 'passing', /try again/],
  ['ServiceUnavailableException', 'aws-unavailable', 'passing', /render\/default\/1 of group/],
  ['CredentialsProviderError', 'denied', 'usage', /aws sso login/],
])('%s becomes %s', async (name, code, kind, message) => {
  cloudWatch.on(GetLogEventsCommand).rejects(Object.assign(new Error('no'), { name }));
  await expect(logs.readPage(STREAM)).rejects.toMatchObject({
    code,
    kind,
    message: expect.stringMatching(message),
  });
});
