import * as fc from 'fast-check';
import { isEnded } from '../../../../core/jobs/batch';
import {
  applyEvent,
  type JobEvent,
  type JobState,
  jobStatus,
  jobStatusReason,
} from '../../../../core/local-batch/job-state';
import { describeChild, describeJob } from '../../../../core/local-batch/journal';
import { apply, makeJob } from '../../../support/job-builders';

const READY = { type: 'ready' } as const;
const STARTED = { type: 'started', index: 0 } as const;
const SUCCEEDED = { type: 'ended', index: 0, status: 'SUCCEEDED', exitCode: 0 } as const;

function statuses(job: JobState): string[] {
  return job.children.map(({ status }) => status);
}

describe('a plain job', () => {
  test('goes from PENDING to SUCCEEDED', () => {
    const job = makeJob();
    expect(jobStatus(job)).toBe('PENDING');
    expect(jobStatus(apply(job, READY))).toBe('RUNNABLE');
    expect(jobStatus(apply(job, STARTED))).toBe('RUNNING');
    expect(jobStatus(apply(job, SUCCEEDED))).toBe('SUCCEEDED');
    expect(describeJob(job)).not.toHaveProperty('arrayProperties');
  });

  test('keeps its attempts after a retry, each with its own log', () => {
    const retried = { ...SUCCEEDED, status: 'RUNNABLE', exitCode: 75, statusReason: 'exited' } as const;
    const job = apply(makeJob(), READY, STARTED, retried, STARTED, SUCCEEDED);
    const { attempts } = describeJob(job);
    expect(attempts).toMatchObject([
      { startedAt: 3, stoppedAt: 4, statusReason: 'exited', container: { exitCode: 75 } },
      { startedAt: 5, stoppedAt: 6, container: { exitCode: 0 } },
    ]);
    expect(attempts?.[1]?.container?.logStreamName).toBe(`logs/${job.jobId}/0-2.log`);
  });

  test('is RUNNABLE after a lost attempt, which does not count', () => {
    const job = apply(makeJob(), READY, STARTED, { type: 'lost', index: 0 });
    expect(jobStatus(job)).toBe('RUNNABLE');
    expect(describeJob(job).attempts).toEqual([]);
  });

  test('does not start again if its terminated attempt is lost', () => {
    const terminated = { type: 'terminated', reason: 'enough' } as const;
    const job = apply(makeJob(), READY, STARTED, terminated, { type: 'lost', index: 0 });
    expect(jobStatus(job)).toBe('FAILED');
    expect(jobStatusReason(job)).toBe('enough');
  });

  test('keeps the first reason of two terminations', () => {
    const terminated = { type: 'terminated', reason: 'enough' } as const;
    const again = { ...terminated, reason: 'really' };
    const job = apply(makeJob(), READY, STARTED, terminated, again, { type: 'lost', index: 0 });
    expect(jobStatusReason(job)).toBe('enough');
  });

  test('rejects an event that cannot happen in its state', () => {
    expect(() => apply(makeJob(), STARTED)).toThrow(/is PENDING, so "started" can't happen to it$/);
    expect(() => apply(makeJob(), READY, { ...STARTED, index: 1 })).toThrow(/has no child 1$/);
  });
});

describe('an array job', () => {
  test('is PENDING until all its children have ended', () => {
    const job = apply(makeJob(2), READY, STARTED, SUCCEEDED);
    expect(jobStatus(job)).toBe('PENDING');
    expect(statuses(job)).toEqual(['SUCCEEDED', 'RUNNABLE']);
    expect(describeJob(job)).toMatchObject({
      arrayProperties: { size: 2, statusSummary: { SUCCEEDED: 1, RUNNABLE: 1 } },
    });
    expect(describeJob(job).stoppedAt).toBeUndefined();
  });

  test('is FAILED once all children have ended and one has failed', () => {
    const failed = { type: 'ended', index: 1, status: 'FAILED', exitCode: 65 } as const;
    const job = apply(makeJob(2), READY, { type: 'started', index: 1 }, failed);
    expect(jobStatus(job)).toBe('PENDING');
    apply(job, STARTED, SUCCEEDED);
    expect(jobStatus(job)).toBe('FAILED');
    expect(jobStatusReason(job)).toBe('Array Child Job failed');
    // Too late to be the reason.
    expect(jobStatusReason(apply(job, { type: 'terminated', reason: 'enough' }))).toBe(
      'Array Child Job failed',
    );
  });

  test('fails the children that have not started when it is terminated', () => {
    const job = apply(makeJob(3), READY, STARTED, { type: 'terminated', reason: 'enough' });
    expect(statuses(job)).toEqual(['RUNNING', 'FAILED', 'FAILED']);
    expect(jobStatus(apply(job, SUCCEEDED))).toBe('FAILED');
    expect(jobStatusReason(job)).toBe('enough');
  });

  test('continues with the other children after one is terminated', () => {
    const job = apply(makeJob(2), READY, { type: 'terminated', index: 1, reason: 'enough' });
    expect(statuses(job)).toEqual(['RUNNABLE', 'FAILED']);
    expect(describeChild(job, 1)).toMatchObject({ jobId: `${job.jobId}:1`, statusReason: 'enough' });
  });
});

describe('after any sequence of events', () => {
  const index = fc.option(fc.nat(5), { nil: undefined });
  const event = fc.oneof(
    fc.record({ type: fc.constantFrom('ready' as const, 'dependency-failed' as const), index }),
    fc.record({
      type: fc.constant('terminated' as const),
      index,
      reason: fc.string(),
    }),
    fc.record({ type: fc.constantFrom('started' as const, 'lost' as const), index: fc.nat(5) }),
    fc.record({
      type: fc.constant('ended' as const),
      index: fc.nat(5),
      status: fc.constantFrom('RUNNABLE' as const, 'SUCCEEDED' as const, 'FAILED' as const),
    }),
  );

  test('the summary of a job sums to its size, and the job ends with its last child', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const job = makeJob(6);
        for (const [at, each] of events.entries()) {
          applyWherePossible(job, { ...each, at });
          const count = (status: string): number => statuses(job).filter((other) => other === status).length;
          for (const [status, number] of Object.entries(job.statusSummary))
            expect(number).toBe(count(status));
          expect(Object.values(job.statusSummary).reduce((a, b) => a + b)).toBe(6);
          expect(isEnded(jobStatus(job))).toBe(job.children.every((child) => isEnded(child.status)));
        }
      }),
    );
  });

  test('an ended child keeps its status', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const job = makeJob(6);
        for (const [at, each] of events.entries()) {
          const before = job.children.map(({ status }) => status);
          applyWherePossible(job, { ...each, at });
          const after = job.children.map(({ status }, i) =>
            isEnded(before[i] ?? 'PENDING') ? status : before[i],
          );
          expect(after).toEqual(before);
        }
      }),
    );
    expect.hasAssertions();
  });

  test('a rejected event changes nothing', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const job = makeJob(6);
        for (const [at, each] of events.entries()) {
          const before = JSON.stringify(job);
          const isApplied = applyWherePossible(job, { ...each, at });
          expect(isApplied || JSON.stringify(job) === before).toBe(true);
        }
      }),
    );
    expect.hasAssertions();
  });
});

function applyWherePossible(job: JobState, event: JobEvent): boolean {
  try {
    applyEvent(job, event);
    return true;
  } catch {
    return false;
  }
}
