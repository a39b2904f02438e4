import type { EvaluateOnExit } from '../../../../core/jobs/batch';
import {
  type AttemptEnd,
  dependencyVerdict,
  evaluateOnExit,
} from '../../../../core/local-batch/dependencies';
import type { JobState } from '../../../../core/local-batch/job-state';
import { apply, jobsById, makeJob } from '../../../support/job-builders';

describe('evaluate on exit', () => {
  const exited = (exitCode: number): AttemptEnd => ({
    exitCode,
    statusReason: 'Essential container in task exited',
  });
  const reclaimed: AttemptEnd = { statusReason: 'Host EC2 (instance i-0abc) terminated.' };
  const notPulled: AttemptEnd = {
    reason: 'CannotPullContainerError: x',
    statusReason: 'Task failed to start',
  };

  describe('evaluateOnExit', () => {
    test.each<[string, AttemptEnd, EvaluateOnExit[], 'RETRY' | 'EXIT']>([
      ['retries without rules', exited(1), [], 'RETRY'],
      ['retries when no rule matches', exited(1), [{ action: 'EXIT', onExitCode: '2' }], 'RETRY'],
      ['exits if the exit code matches', exited(65), [{ action: 'EXIT', onExitCode: '65' }], 'EXIT'],
      ['compares the whole exit code', exited(165), [{ action: 'EXIT', onExitCode: '16' }], 'RETRY'],
      [
        'compares only the start if the pattern ends in *',
        exited(165),
        [{ action: 'EXIT', onExitCode: '16*' }],
        'EXIT',
      ],
      ['does not search inside the exit code', exited(165), [{ action: 'EXIT', onExitCode: '65*' }], 'RETRY'],
      [
        'treats * as a plain character before the end',
        reclaimed,
        [{ action: 'EXIT', onStatusReason: 'Host*terminated.' }],
        'RETRY',
      ],
      ['ignores case', reclaimed, [{ action: 'EXIT', onStatusReason: 'HOST ec2*' }], 'EXIT'],
      [
        'follows the first rule that matches',
        exited(75),
        [
          { action: 'RETRY', onExitCode: '75' },
          { action: 'EXIT', onReason: '*' },
        ],
        'RETRY',
      ],
      [
        'prefers the earlier rule to the more exact rule',
        exited(75),
        [
          { action: 'EXIT', onExitCode: '*' },
          { action: 'RETRY', onExitCode: '75' },
        ],
        'EXIT',
      ],
      [
        'requires every condition to match',
        exited(1),
        [{ action: 'EXIT', onExitCode: '1', onReason: 'OOM*' }],
        'RETRY',
      ],
      [
        'matches all three conditions',
        { ...notPulled, exitCode: 1 },
        [{ action: 'EXIT', onExitCode: '1', onReason: 'cannotpull*', onStatusReason: 'task*' }],
        'EXIT',
      ],
      [
        'matches onReason "*" to an exit without a reason',
        exited(1),
        [{ action: 'EXIT', onReason: '*' }],
        'EXIT',
      ],
      [
        'matches no exit code pattern to a failed start, not even *',
        notPulled,
        [{ action: 'EXIT', onExitCode: '*' }],
        'RETRY',
      ],
      ['matches a rule without conditions to any failure', reclaimed, [{ action: 'EXIT' }], 'EXIT'],
    ])('%s', (_, end, rules, expected) => {
      expect(evaluateOnExit(rules, end)).toBe(expected);
    });
  });
});

describe('dependencies', () => {
  function end(job: JobState, index: number, status: 'SUCCEEDED' | 'FAILED'): void {
    apply(job, { type: 'ready', index }, { type: 'started', index }, { type: 'ended', index, status });
  }

  describe('a job without dependencies', () => {
    test('is ready', () => {
      expect(dependencyVerdict(makeJob(), new Map())).toBe('ready');
    });
  });

  describe.each([undefined, 'SEQUENTIAL'] as const)('a dependency on a whole job (type %s)', (type) => {
    test('is waited for until all children succeed, and dooms the job if one fails', () => {
      const first = makeJob(2);
      const second = makeJob(undefined, [{ jobId: first.jobId, type }]);
      const jobs = jobsById(first, second);
      end(first, 0, 'FAILED');
      expect(dependencyVerdict(second, jobs)).toBe('waiting');
      end(first, 1, 'SUCCEEDED');
      expect(dependencyVerdict(second, jobs)).toBe('doomed');
    });
  });

  test('a job is ready once all dependencies succeed, and doomed once one fails', () => {
    const [a, b] = [makeJob(), makeJob()];
    const dependsOn = [{ jobId: a.jobId }, { jobId: b.jobId }];
    const job = makeJob(3, dependsOn);
    const jobs = jobsById(a, b, job);
    end(a, 0, 'SUCCEEDED');
    expect(dependencyVerdict(job, jobs)).toBe('waiting');
    end(b, 0, 'SUCCEEDED');
    expect(dependencyVerdict(job, jobs)).toBe('ready');

    const [c, d] = [makeJob(), makeJob()];
    const doomed = makeJob(undefined, [{ jobId: c.jobId }, { jobId: d.jobId }]);
    end(d, 0, 'FAILED');
    expect(dependencyVerdict(doomed, jobsById(c, d, doomed))).toBe('doomed');
  });

  test('a dependency whose journal was removed counts as failed', () => {
    const job = makeJob(undefined, [{ jobId: 'gone' }]);
    expect(dependencyVerdict(job, jobsById(job))).toBe('doomed');
  });
});
