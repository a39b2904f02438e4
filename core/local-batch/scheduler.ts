import { SpotreelError } from '../errors';
import { isEnded, type JobStatus, type RetryStrategy } from '../jobs/batch';
import { attemptEvent, type AttemptOutcome, type RunningAttempt } from './attempt';
import {
  applyEvent,
  childOf,
  dependencyVerdict,
  type JobEvent,
  type JobState,
  jobStatus,
  jobStatusReason,
} from './job-state';

/** A child that can start. */
interface RunnableChild {
  readonly job: JobState;
  readonly index: number;
}

/**
 * Children in the order of their job's submission, then of their index. A binary heap, because a retried child may join 10,000 others.
 * Also returns children that were terminated meanwhile, so check their status.
 */
export class RunnableQueue {
  readonly #heap: RunnableChild[] = [];

  push(child: RunnableChild): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(child, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = child;
  }

  pop(): RunnableChild | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [heap[left], heap[left + 1]];
      if (a === undefined) break;
      const [smaller, from] = b !== undefined && isBefore(b, a) ? [b, left + 1] : [a, left];
      if (!isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = from;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: RunnableChild, b: RunnableChild): boolean {
  return a.job.sequence === b.job.sequence ? a.index < b.index : a.job.sequence < b.job.sequence;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The id for all jobs together; no job has it. */
const ALL_JOBS = '';

/** Callers that wait for the end of a job. */
class Waiters {
  readonly #waiters = new Map<string, Waiter[]>();

  untilEnded(jobId: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.set(jobId, [...(this.#waiters.get(jobId) ?? []), { resolve, reject }]);
    });
  }

  untilIdle(): Promise<void> {
    return this.untilEnded(ALL_JOBS);
  }

  resolveEnded(jobId: string): void {
    for (const { resolve } of this.#waiters.get(jobId) ?? []) resolve();
    this.#waiters.delete(jobId);
  }

  resolveIdle(): void {
    this.resolveEnded(ALL_JOBS);
  }

  rejectAll(error: Error): void {
    for (const { reject } of [...this.#waiters.values()].flat()) reject(error);
    this.#waiters.clear();
  }
}

export interface JobStateEvent {
  readonly type: 'job-state';
  readonly jobId: string;
  /** For a child of an array. */
  readonly index?: number;
  readonly status: JobStatus;
  readonly statusReason?: string;
}

export interface SchedulerOptions {
  /** How many attempts may run at once. */
  readonly maxParallel: number;
  readonly retryStrategyOf: (job: JobState) => RetryStrategy;
  /** Saves an event before it takes effect. An error stops the scheduler. */
  readonly record: (job: JobState, event: JobEvent) => void;
  readonly run: (job: JobState, index: number) => RunningAttempt;
  readonly onJobState: (event: JobStateEvent) => void;
  readonly onJobEnded: (job: JobState) => void;
  /** Called after attempts started or ended, with those that run, the earliest first. */
  readonly onRunning?: (running: readonly RunningAttempt[]) => void;
}

/**
 * Runs jobs from submission to their end. Saves every change before it takes effect. The time for a change depends on the children that it
 * changes, not on the size of the job.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #jobs = new Map<string, JobState>();
  /** By id of a job, the jobs that wait for it. */
  readonly #dependents = new Map<string, JobState[]>();
  readonly #queue = new RunnableQueue();
  readonly #running = new Map<string, { attempt: RunningAttempt; done: Promise<void> }>();
  /** Jobs with unchecked dependencies. A list, because recursion would overflow the stack in a long chain of jobs. */
  readonly #unchecked: JobState[] = [];
  readonly #waiters = new Waiters();
  #unended = 0;
  /** Why the scheduler no longer starts attempts. */
  #halt: SpotreelError | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get jobs(): ReadonlyMap<string, JobState> {
    return this.#jobs;
  }

  /** Adds a new job or a job of an earlier scheduler. Call `proceed` afterwards. */
  add(job: JobState): void {
    this.#jobs.set(job.jobId, job);
    if (isEnded(jobStatus(job))) return;
    this.#unended += 1;
    for (const { jobId } of job.request.dependsOn ?? []) {
      this.#dependents.set(jobId, [...(this.#dependents.get(jobId) ?? []), job]);
    }
    for (const [index, { status }] of job.children.entries()) {
      if (status === 'RUNNABLE') this.#queue.push({ job, index });
      // It was running when the earlier scheduler died.
      if (status === 'RUNNING') this.#dispatch(job, { type: 'lost', at: Date.now(), index });
    }
    this.#unchecked.push(job);
  }

  /** Starts everything that can start now. Call it after every change. */
  proceed(): void {
    try {
      for (let next = this.#unchecked.pop(); next !== undefined; next = this.#unchecked.pop()) {
        this.#checkDependencies(next);
      }
      while (this.#halt === undefined && this.#running.size < this.#options.maxParallel) {
        const next = this.#queue.pop();
        if (next === undefined) break;
        // Others were terminated in the queue.
        if (childOf(next.job, next.index).status === 'RUNNABLE') this.#start(next);
      }
      this.#options.onRunning?.(Array.from(this.#running.values(), ({ attempt }) => attempt));
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (this.#unended === 0) this.#waiters.resolveIdle();
  }

  /** @param index of one child; without it, terminates the whole job */
  terminate(job: JobState, index: number | undefined, reason: string): void {
    const status = index === undefined ? jobStatus(job) : childOf(job, index).status;
    if (isEnded(status)) return;
    this.#dispatch(job, { type: 'terminated', at: Date.now(), index, reason });
    this.proceed();
    for (const i of index === undefined ? job.children.keys() : [index]) {
      this.#running.get(keyOf(job, i))?.attempt.stop();
    }
  }

  /** Resolves when the job has ended. @throws SpotreelError `stopped`, or the error that stopped the scheduler */
  async waitFor(job: JobState): Promise<void> {
    if (isEnded(jobStatus(job))) return;
    if (this.#halt !== undefined) throw this.#halt;
    await this.#waiters.untilEnded(job.jobId);
  }

  /** Resolves when every job has ended. @throws like `waitFor` */
  async waitForAll(): Promise<void> {
    if (this.#unended === 0) return;
    if (this.#halt !== undefined) throw this.#halt;
    await this.#waiters.untilIdle();
  }

  /** Starts no more attempts, stops the running ones and resolves when they have ended. */
  async stop(): Promise<void> {
    this.#haltWith(
      new SpotreelError('stopped', 'passing', 'the local batch was stopped; open it again to resume'),
    );
    await Promise.all(Array.from(this.#running.values(), ({ done }) => done));
    this.#rejectWaiters();
  }

  /** @throws SpotreelError if the scheduler has stopped. */
  assertGoing(): void {
    if (this.#halt !== undefined) throw this.#halt;
  }

  #start({ job, index }: RunnableChild): void {
    this.#dispatch(job, { type: 'started', at: Date.now(), index });
    const attempt = this.#options.run(job, index);
    const done = attempt.ended
      .then((outcome) => this.#finish(job, index, outcome))
      .catch((error: unknown) => this.fail(error));
    this.#running.set(keyOf(job, index), { attempt, done });
  }

  #finish(job: JobState, index: number, outcome: AttemptOutcome): void {
    this.#running.delete(keyOf(job, index));
    this.#dispatch(job, attemptEvent(job, index, outcome, this.#options.retryStrategyOf(job), Date.now()));
    this.proceed();
  }

  /** One event for all children, so that the journal grows by one line, not 10,000. */
  #checkDependencies(job: JobState): void {
    if (job.statusSummary.PENDING === 0) return;
    const verdict = dependencyVerdict(job, this.#jobs);
    if (verdict === 'waiting') return;
    this.#dispatch(job, { type: verdict === 'ready' ? 'ready' : 'dependency-failed', at: Date.now() });
  }

  #dispatch(job: JobState, event: JobEvent): void {
    const before = jobStatus(job);
    this.#options.record(job, event);
    const changed = applyEvent(job, event);
    const after = jobStatus(job);
    for (const index of changed)
      if (childOf(job, index).status === 'RUNNABLE') this.#queue.push({ job, index });
    if (after !== before && isEnded(after)) this.#followEnd(job);
    this.#report(job, changed, after !== before);
  }

  #followEnd(job: JobState): void {
    this.#unchecked.push(...(this.#dependents.get(job.jobId) ?? []));
    this.#dependents.delete(job.jobId);
    this.#unended -= 1;
    this.#options.onJobEnded(job);
    this.#waiters.resolveEnded(job.jobId);
  }

  #report(job: JobState, changed: readonly number[], isJobChanged: boolean): void {
    const { onJobState } = this.#options;
    const { jobId } = job;
    if (job.arraySize !== undefined) {
      for (const index of changed) {
        const { status, statusReason } = childOf(job, index);
        onJobState({ type: 'job-state', jobId, index, status, statusReason });
      }
    }
    if (isJobChanged) {
      onJobState({ type: 'job-state', jobId, status: jobStatus(job), statusReason: jobStatusReason(job) });
    }
  }

  /** Stops the running attempts and starts no more. Waiting callers get the error. */
  fail(error: unknown): void {
    this.#haltWith(
      error instanceof SpotreelError
        ? error
        : new SpotreelError('internal', 'internal', `the local batch failed: ${String(error)}`, {
            cause: error,
          }),
    );
    this.#rejectWaiters();
  }

  #rejectWaiters(): void {
    if (this.#halt !== undefined) this.#waiters.rejectAll(this.#halt);
  }

  #haltWith(error: SpotreelError): void {
    this.#halt ??= error;
    for (const { attempt } of this.#running.values()) attempt.stop();
  }
}

function keyOf(job: JobState, index: number): string {
  return `${job.jobId}:${index}`;
}
