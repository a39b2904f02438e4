import type { JobDetail } from '../../../../core/batch/batch';
import { attemptsOf } from '../../../../core/logs/job-attempts';

const job = (more: Partial<JobDetail>): JobDetail => ({
  jobId: 'j',
  jobName: 'j',
  jobQueue: 'q',
  jobDefinition: 'd',
  status: 'RUNNING',
  ...more,
});
const ended = (logStreamName: string | undefined, stoppedAt = 2) => ({
  startedAt: 1,
  stoppedAt,
  statusReason: 'Host EC2 (instance i-1) terminated.',
  container: { exitCode: 1, logStreamName },
});

test.each<[string, Partial<JobDetail>, Array<[attempt: number, stream: string | undefined]>]>([
  ['none has begun', {}, []],
  ['the first one runs', { container: { logStreamName: 'a' } }, [[1, 'a']]],
  [
    'another one runs',
    { attempts: [ended('a')], container: { logStreamName: 'b' } },
    [
      [1, 'a'],
      [2, 'b'],
    ],
  ],
  ['the last one has ended', { attempts: [ended('a')], container: { logStreamName: 'a' } }, [[1, 'a']]],
  [
    'one has had no container',
    { attempts: [ended(undefined), ended('b')] },
    [
      [1, undefined],
      [2, 'b'],
    ],
  ],
])('%s', (_, more, expected) => {
  const attempts = attemptsOf(job(more));
  expect(attempts.map(({ attempt, stream }) => [attempt, stream?.name])).toEqual(expected);
});

test('how an attempt ended, in the words nearest to it', () => {
  expect(attemptsOf(job({ attempts: [ended('a')] }))[0]).toMatchObject({
    stoppedAt: 2,
    exitCode: 1,
    reason: 'Host EC2 (instance i-1) terminated.',
  });
  const attempts = [{ ...ended('a'), container: { reason: 'OutOfMemoryError', logStreamName: 'a' } }];
  expect(attemptsOf(job({ attempts }))[0]).toMatchObject({ reason: 'OutOfMemoryError' });
});

test('the log group is that of the job, else that of the farm, else that of AWS Batch', () => {
  const groupOf = (logGroup: string | undefined, farm?: string) =>
    attemptsOf(job({ container: { logStreamName: 'a', logGroup } }), farm)[0]?.stream?.group;
  expect(groupOf('own', 'farm')).toBe('own');
  expect(groupOf(undefined, 'farm')).toBe('farm');
  expect(groupOf(undefined)).toBe('/aws/batch/job');
});
