import { plainStartFailure, plainStatusReason } from '../../../../core/render-state/status-reason';

test('"Array Child Job failed" is never shown', () => {
  expect(plainStatusReason('Array Child Job failed', 'here')).toBeUndefined();
  expect(plainStatusReason('Array Child Job failed', 'farm')).toBeUndefined();
});

test.each([
  'Essential container in task exited',
  'Task failed to start',
  'Job attempt duration exceeded timeout',
])('on one machine "%s" is said without containers and tasks', (reason) => {
  expect(plainStatusReason(reason, 'here')).not.toMatch(/container|task |job attempt/i);
  expect(plainStatusReason(reason, 'farm')).toBe(reason);
});

test('other reasons stay as they are', () => {
  expect(plainStatusReason('cancelled by spotreel cancel', 'here')).toBe('cancelled by spotreel cancel');
});

test('a worker that never came up is explained without the name that ECS has for it', () => {
  expect(plainStartFailure('CannotStartContainerError: "node" is missing')).toBe(
    'the worker could not be started: "node" is missing',
  );
});
