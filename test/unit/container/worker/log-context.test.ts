import { logContext, logLine } from '../../../../container/worker/log-context';
import { parseWorkerEvent } from '../../../../core/contract/worker-event';

test('a log line names its event, render, slice and attempt', () => {
  const output = 's3://bucket/renders/film-0123abcd';
  const command = {
    command: 'render',
    input: 's3://bucket/film.blend',
    output,
    framesPerSlice: 1,
    totalFrames: 9,
  } as const;
  const context = logContext(command, { AWS_BATCH_JOB_ARRAY_INDEX: '4', AWS_BATCH_JOB_ATTEMPT: '2' });
  const line = logLine({ event: 'frame-started', frame: 5 }, context);
  expect(JSON.parse(line)).toEqual({
    event: 'frame-started',
    frame: 5,
    renderId: 'film-0123abcd',
    slice: 4,
    attempt: 2,
  });
  expect(parseWorkerEvent(line)).toEqual({ event: 'frame-started', frame: 5 });
});

test('the log context has no slice for a stitch job, and attempt 1 without variables of AWS Batch', () => {
  expect(logContext({ command: 'stitch', input: '/films/a', output: '/films/a/' }, {})).toEqual({
    renderId: 'a',
    attempt: 1,
  });
});

test('the log context takes the slice of a retry child from the plan, not from its index', () => {
  const command = {
    command: 'render',
    input: '/a.blend',
    output: '/films/a',
    framesPerSlice: 2,
    totalFrames: 6,
  } as const;
  expect(logContext({ ...command, retry: 3 }, { AWS_BATCH_JOB_ARRAY_INDEX: '1' })).toEqual({
    renderId: 'a',
    retry: 3,
    attempt: 1,
  });
});
