import { evaluateOnExit } from '../../../../core/batch/evaluate-on-exit';
import { EXIT, exitCodeOf } from '../../../../core/contract/exit-codes';
import { retryStrategy } from '../../../../core/contract/retry-strategy';
import { SpotreelError, type FaultKind } from '../../../../core/errors';

test.each<[FaultKind, number]>([
  ['usage', 64],
  ['scene', 65],
  ['passing', 75],
  ['stopped', 143],
  ['internal', 70],
])('an error of kind %s ends the worker with %i', (kind, code) => {
  expect(exitCodeOf(new SpotreelError('x', kind, 'x'))).toBe(code);
});

test('an error nobody thought of is a fault of our own', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(EXIT.internal.code);
});

describe('the retry strategy', () => {
  const { attempts, evaluateOnExit: rules = [] } = retryStrategy(5);

  test("stays within AWS Batch's limits", () => {
    expect(attempts).toBe(5);
    expect(rules.length).toBeLessThanOrEqual(5);
  });

  test.each([
    ['a reclaimed machine', { statusReason: 'Host EC2 (instance i-0123456789abcdef0) terminated.' }, 'RETRY'],
    [
      'an image that could not be pulled',
      { reason: 'CannotPullContainerError: pull access denied' },
      'RETRY',
    ],
    ['a container that could not start', { reason: 'CannotStartContainerError: no space' }, 'RETRY'],
    ['a passing fault', { exitCode: 75, statusReason: 'Essential container in task exited' }, 'RETRY'],
    ['SIGTERM', { exitCode: 143, statusReason: 'Essential container in task exited' }, 'RETRY'],
    ['wrong usage', { exitCode: 64, statusReason: 'Essential container in task exited' }, 'EXIT'],
    ['a scene at fault', { exitCode: 65, statusReason: 'Essential container in task exited' }, 'EXIT'],
    ['a fault of our own', { exitCode: 70, statusReason: 'Essential container in task exited' }, 'EXIT'],
    [
      'out of memory',
      { exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' },
      'EXIT',
    ],
    ['anything else', { exitCode: 1 }, 'EXIT'],
  ])('after %s', (_, outcome, action) => {
    expect(evaluateOnExit(rules, outcome)).toBe(action);
  });
});
