import { attemptEvent, type AttemptOutcome } from '../../../../core/local-batch/attempt';
import type { JobState } from '../../../../core/local-batch/job-state';
import { apply, makeJob } from '../../../support/job-builders';

const THREE = { attempts: 3 };

function running(): JobState {
  return apply(makeJob(), { type: 'ready' }, { type: 'started', index: 0 });
}

function eventOf(job: JobState, outcome: AttemptOutcome, strategy = THREE) {
  return attemptEvent(job, 0, outcome, strategy, 9);
}

test('exit code 0 is success despite retry rules', () => {
  const strategy = { attempts: 3, evaluateOnExit: [{ action: 'RETRY' as const, onExitCode: '*' }] };
  expect(eventOf(running(), { exitCode: 0 }, strategy)).toMatchObject({ type: 'ended', status: 'SUCCEEDED' });
});

test('a failed attempt is retried while attempts are left', () => {
  const job = running();
  expect(eventOf(job, { exitCode: 1 })).toMatchObject({
    status: 'RUNNABLE',
    statusReason: 'Essential container in task exited',
  });
  expect(eventOf(job, { exitCode: 1 }, { attempts: 1 })).toMatchObject({ status: 'FAILED' });
});

test('an EXIT rule prevents a retry although attempts are left', () => {
  const strategy = { attempts: 3, evaluateOnExit: [{ action: 'EXIT' as const, onExitCode: '65' }] };
  expect(eventOf(running(), { exitCode: 65 }, strategy)).toMatchObject({ status: 'FAILED', exitCode: 65 });
});

test('a start failure has no exit code', () => {
  const event = eventOf(running(), { reason: 'CannotStartContainerError: gone' });
  expect(event).toMatchObject({ status: 'RUNNABLE', statusReason: 'Task failed to start' });
  expect(event).toHaveProperty('exitCode', undefined);
});

test('a timeout is never retried, even if the program exits with 0 after SIGTERM', () => {
  const statusReason = 'Job attempt duration exceeded timeout';
  expect(eventOf(running(), { exitCode: 143, stoppedBy: 'timeout' })).toMatchObject({
    status: 'FAILED',
    statusReason,
  });
  expect(eventOf(running(), { exitCode: 0, stoppedBy: 'timeout' })).toMatchObject({
    status: 'FAILED',
    statusReason,
  });
});

test('an attempt that the stopping scheduler ended is lost', () => {
  expect(eventOf(running(), { exitCode: 0, stoppedBy: 'caller' })).toEqual({ type: 'lost', index: 0, at: 9 });
});

test('a terminated attempt fails with the given reason', () => {
  const job = apply(running(), { type: 'terminated', reason: 'enough' });
  expect(eventOf(job, { exitCode: 143, stoppedBy: 'caller' })).toMatchObject({
    status: 'FAILED',
    statusReason: 'enough',
  });
});

test('a terminated attempt that exits before SIGTERM is not retried', () => {
  const job = apply(running(), { type: 'terminated', reason: 'enough' });
  expect(eventOf(job, { exitCode: 1 })).toMatchObject({ status: 'FAILED' });
});
