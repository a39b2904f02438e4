import * as fc from 'fast-check';
import { codeOf, SpotreelError } from '../../../../core/errors';
import type { SubmitJobRequest } from '../../../../core/jobs/batch';
import type { AttemptOutcome } from '../../../../core/local-batch/attempt';
import {
  type JobEvent,
  type JobState,
  jobStatus,
  jobStatusReason,
} from '../../../../core/local-batch/job-state';
import {
  type JobStateEvent,
  RunnableQueue,
  Scheduler,
  type SchedulerOptions,
} from '../../../../core/local-batch/scheduler';
import { makeJob } from '../../../support/job-builders';

describe('runnable queue', () => {
  test('pop returns children by submission, then by index, for any order of pushes', () => {
    const jobs = [makeJob(100), makeJob(100)];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1), fc.nat(99))), (entries) => {
        const queue = new RunnableQueue();
        for (const [job, index] of entries) queue.push({ job: jobs[job] ?? makeJob(), index });
        const out = [];
        for (let next = queue.pop(); next !== undefined; next = queue.pop())
          out.push([jobs.indexOf(next.job), next.index]);
        expect(out).toEqual(entries.toSorted(([a, i], [b, j]) => a - b || i - j));
      }),
    );
  });
});

describe('scheduler', () => {
  /** A scheduler whose attempts start no processes and end immediately with `outcomeOf`. */
  function makeScheduler(
    outcomeOf: (job: JobState, index: number) => AttemptOutcome,
    rest: Partial<SchedulerOptions> = {},
  ) {
    const recorded: JobEvent[] = [];
    const reported: JobStateEvent[] = [];
    let running = 0;
    let maxRunning = 0;
    const scheduler = new Scheduler({
      maxParallel: 3,
      retryStrategyOf: () => ({ attempts: 1 }),
      record: (_, event) => recorded.push(event),
      run: (job, index) => {
        running += 1;
        maxRunning = Math.max(maxRunning, running);
        const ended = Promise.resolve(outcomeOf(job, index)).finally(() => (running -= 1));
        return { ended, stop: () => undefined, useThreads: () => undefined };
      },
      onJobState: (event) => reported.push(event),
      onJobEnded: () => undefined,
      ...rest,
    });
    const submit = (size?: number, dependsOn?: SubmitJobRequest['dependsOn']): JobState => {
      const job = makeJob(size, dependsOn);
      scheduler.add(job);
      scheduler.proceed();
      return job;
    };
    return { scheduler, submit, recorded, reported, maxRunning: () => maxRunning };
  }

  const succeed = (): AttemptOutcome => ({ exitCode: 0 });

  describe('work for 10,000 children', () => {
    const SIZE = 10_000;

    test('grows linearly', async () => {
      const { scheduler, submit, recorded, reported, maxRunning } = makeScheduler(succeed);
      const job = submit(SIZE);
      await scheduler.waitFor(job);
      expect(jobStatus(job)).toBe('SUCCEEDED');
      expect(maxRunning()).toBe(3);
      // Ready, once for all; started and ended, once for each.
      expect(recorded).toHaveLength(1 + 2 * SIZE);
      // RUNNABLE, RUNNING, SUCCEEDED for each, and the parent's end.
      expect(reported).toHaveLength(3 * SIZE + 1);
    });

    test('is one event if all fail for the same reason', () => {
      const { scheduler, submit, recorded } = makeScheduler(succeed, { maxParallel: 1 });
      const first = submit();
      const second = submit(SIZE, [{ jobId: first.jobId }]);
      const third = submit(SIZE, [{ jobId: second.jobId }]);
      recorded.length = 0;
      scheduler.terminate(second, undefined, 'enough');
      expect([jobStatus(second), jobStatusReason(third)]).toEqual(['FAILED', 'Dependent Job failed']);
      expect(recorded.map(({ type }) => type)).toEqual(['terminated', 'dependency-failed']);
    });

    test('does not overflow the stack in a chain of failing jobs', async () => {
      const { scheduler, submit } = makeScheduler(() => ({ exitCode: 65 }));
      const jobs = [submit()];
      while (jobs.length < SIZE) jobs.push(submit(undefined, [{ jobId: jobs.at(-1)!.jobId }]));
      await scheduler.waitFor(jobs.at(-1)!);
      expect(jobs.every((job) => jobStatus(job) === 'FAILED')).toBe(true);
    });
  });

  test('jobs start in the order of their submission', async () => {
    const order: string[] = [];
    const { scheduler, submit } = makeScheduler(
      (job, index) => {
        order.push(`${job.sequence - first.sequence}:${index}`);
        return { exitCode: 0 };
      },
      { maxParallel: 1 },
    );
    const first = makeJob(2);
    scheduler.add(first);
    const second = makeJob(2);
    scheduler.add(second);
    scheduler.proceed();
    submit(2);
    await scheduler.waitForAll();
    expect(order).toEqual(['0:0', '0:1', '1:0', '1:1', '2:0', '2:1']);
  });

  test('a failed job fails the whole chain of jobs that depend on it', async () => {
    const { scheduler, submit } = makeScheduler(() => ({ exitCode: 65 }));
    const a = submit();
    const b = submit(undefined, [{ jobId: a.jobId }]);
    const c = submit(3, [{ jobId: b.jobId }]);
    await scheduler.waitFor(c);
    expect([a, b, c].map(jobStatusReason)).toEqual([
      'Essential container in task exited',
      'Dependent Job failed',
      'Dependent Job failed',
    ]);
  });

  test('a job that depends on a failed job fails immediately', async () => {
    const { scheduler, submit } = makeScheduler(() => ({ exitCode: 65 }));
    const first = submit();
    await scheduler.waitFor(first);
    expect(jobStatus(submit(undefined, [{ jobId: first.jobId }]))).toBe('FAILED');
  });

  test('a failed write to the journal stops the scheduler and rejects waiting callers', async () => {
    const full = new SpotreelError('journal-write', 'passing', 'no space');
    const record: SchedulerOptions['record'] = (_, event) => {
      if (event.type === 'ended') throw full;
    };
    const { scheduler, submit } = makeScheduler(succeed, { record });
    await expect(scheduler.waitFor(submit(5))).rejects.toBe(full);
    expect(() => scheduler.assertGoing()).toThrow(full);
    await expect(scheduler.waitForAll().catch(codeOf)).resolves.toBe('journal-write');
  });
});
