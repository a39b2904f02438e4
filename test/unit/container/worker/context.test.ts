import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import {
  interruptionOf,
  listenForThreads,
  logContext,
  logLine,
  pullSeconds,
  readNotice,
  stoppedError,
  watchInterruptions,
} from '../../../../container/worker/context';
import { parseWorkerEvent } from '../../../../core/jobs/worker';

describe('interruption', () => {
  const NOW = Date.parse('2026-01-02T03:04:05Z');

  function watch(environment: Record<string, string>) {
    const stdin = new Readable({ read: () => undefined });
    const emitter = Object.assign(new EventEmitter(), { stdin });
    return { emitter, stdin, signal: watchInterruptions({ environment, process: emitter, now: () => NOW }) };
  }

  test('SIGTERM gives the running frame the configured grace period', () => {
    const { emitter, signal } = watch({ SPOTREEL_STOP_SECONDS: '80' });
    expect(signal.aborted).toBe(false);
    emitter.emit('SIGTERM');
    expect(interruptionOf(signal)).toMatchObject({ reason: 'stopped by SIGTERM', deadline: NOW + 80_000 });
    expect(stoppedError(signal)).toMatchObject({
      code: 'stopped',
      kind: 'stopped',
      message: 'stopped by SIGTERM',
    });
  });

  test('an interruption keeps the first of two reasons', () => {
    const { emitter, signal } = watch({});
    emitter.emit('SIGTERM');
    emitter.emit('SIGINT');
    expect(interruptionOf(signal).reason).toBe('stopped by SIGTERM');
  });

  test('the end of a local scheduler gives no grace period', async () => {
    const { stdin, signal } = watch({ SPOTREEL_LIFELINE: 'stdin' });
    stdin.push(null);
    await new Promise((resolve) => stdin.once('close', resolve));
    expect(interruptionOf(signal).deadline).toBe(NOW);
  });

  // As EC2 gives it: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
  test('a Spot notice gives its time and leaves time to store the frame', () => {
    const { reason, deadline } = readNotice('{"action": "terminate", "time": "2026-01-02T03:06:00Z"}', NOW);
    expect(reason).toContain('EC2 reclaims this Spot machine (terminate at 2026-01-02T03:06:00Z)');
    expect(deadline).toBe(Date.parse('2026-01-02T03:05:40Z'));
  });

  test.each(['', '<html>', '{"action":"terminate"}'])(
    'a Spot notice with the text "%s" still counts',
    (text) => {
      const { reason, deadline } = readNotice(text, NOW);
      expect(reason).toContain('EC2 reclaims');
      expect(deadline).toBeGreaterThan(NOW);
    },
  );
});

describe('threads', () => {
  function listen(environment: Record<string, string>) {
    const stdin = new Readable({ read: () => undefined });
    const threads = listenForThreads({
      environment,
      process: Object.assign(new EventEmitter(), { stdin }),
    });
    const say = (text: string) => {
      stdin.emit('data', Buffer.from(text));
      return threads();
    };
    return { threads, say };
  }

  test('the latest line of a local scheduler sets the number of threads', () => {
    const { threads, say } = listen({ SPOTREEL_LIFELINE: 'stdin' });
    expect(threads()).toBeUndefined();
    expect(say('threads=4\nthre')).toBe(4);
    expect(say('ads=12\n')).toBe(12);
  });

  test.each(['threads=0', 'threads=-1', 'threads=99999', 'threads=2 3', 'quit', ''])(
    'the line "%s" leaves the number of threads',
    (line) => {
      const { say } = listen({ SPOTREEL_LIFELINE: 'stdin' });
      expect(say(`threads=4\n${line}\n`)).toBe(4);
    },
  );

  test('a worker without a local scheduler hears no number of threads', () => {
    expect(listen({}).say('threads=4\n')).toBeUndefined();
  });
});

describe('log context', () => {
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
});

describe('pullSeconds', () => {
  const server = createServer((request, response) =>
    response.end(request.url === '/v4/id/task' ? answer : ''),
  );
  let answer = '';
  const environment = () => {
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    return { ECS_CONTAINER_METADATA_URI_V4: `http://127.0.0.1:${port}/v4/id` };
  };
  beforeAll(() => new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening)));
  afterAll(() => server.close());

  test('is the time between the start and the end of the pull in the task metadata of ECS', async () => {
    answer = JSON.stringify({
      TaskARN: 'arn',
      PullStartedAt: '2026-10-02T00:43:06.202617438Z',
      PullStoppedAt: '2026-10-02T00:44:06.452617438Z',
    });
    expect(await pullSeconds(environment())).toBe(60.25);
  });

  test.each(['', '{', '{}', '{"PullStartedAt":"soon","PullStoppedAt":"later"}'])(
    'is unknown if the agent answers %j',
    async (text) => {
      answer = text;
      expect(await pullSeconds(environment())).toBeUndefined();
    },
  );

  test('is unknown outside of ECS', async () => {
    expect(await pullSeconds({})).toBeUndefined();
    expect(await pullSeconds({ ECS_CONTAINER_METADATA_URI_V4: 'http://127.0.0.1:1/v4' })).toBeUndefined();
  });
});
