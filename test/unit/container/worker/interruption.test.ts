import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import {
  interruptionOf,
  readNotice,
  stoppedError,
  watchInterruptions,
} from '../../../../container/worker/interruption';

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
