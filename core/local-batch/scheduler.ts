import { SpotreelError } from '../errors';
import { isEnded, type JobStatus, type RetryStrategy } from '../jobs/batch';
import { attemptEvent, type AttemptOutcome, type RunningAttempt } from './attempt';
import { dependencyVerdict } from './dependencies';
import { applyEvent, childOf, type JobEvent, type JobState, jobStatus, jobStatusReason } from './job-state';

/** A child that waits for a free place. */
interface RunnableChild {
  readonly job: JobState;
  readonly index: number;
}

/**
 * Hands out children by their job's submission, then by index; a binary heap, so that a retried child finds its
 * place among 10,000 others without a search. A child that was terminated meanwhile still comes out: the taker looks
 * at its status.
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

/** Stands for all jobs together; no job has this id. */
const ALL_JOBS = '';

/** Who waits for the end of which job. */
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
  /** Of a child of an array. */
  readonly index?: number;
  readonly status: JobStatus;
  readonly statusReason?: string;
}

/** What the scheduler needs of the world around it. */
export interface SchedulerOptions {
  /** How many attempts may run at once. */
  readonly maxParallel: number;
  readonly retryStrategyOf: (job: JobState) => RetryStrategy;
  /** Keeps an event before it takes effect. What it throws stops the scheduler. */
  readonly record: (job: JobState, event: JobEvent) => void;
  readonly run: (job: JobState, index: number) => RunningAttempt;
  readonly onJobState: (event: JobStateEvent) => void;
  readonly onJobEnded: (job: JobState) => void;
}

/**
 * Brings jobs from submission to their end: decides by the pure parts beside it, keeps every change before it takes
 * effect, and has attempts run. Each change costs time for the children it touches, never for all of a job's.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #jobs = new Map<string, JobState>();
  /** The jobs that wait for a job, by that job's id. */
  readonly #dependents = new Map<string, JobState[]>();
  readonly #queue = new RunnableQueue();
  readonly #running = new Map<string, { attempt: RunningAttempt; done: Promise<void> }>();
  /** Jobs whose dependencies are to be checked. A list, so that a long chain of jobs needs no recursion. */
  readonly #unchecked: JobState[] = [];
  readonly #waiters = new Waiters();
  #unended = 0;
  /** Why nothing is started any more. */
  #halt: SpotreelError | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get jobs(): ReadonlyMap<string, JobState> {
    return this.#jobs;
  }

  /** Takes in a new job, or one that an earlier scheduler left behind. Nothing starts before `proceed`. */
  add(job: JobState): void {
    this.#jobs.set(job.jobId, job);
    if (isEnded(jobStatus(job))) return;
    this.#unended += 1;
    for (const { jobId } of job.request.dependsOn ?? []) {
      this.#dependents.set(jobId, [...(this.#dependents.get(jobId) ?? []), job]);
    }
    for (const [index, { status }] of job.children.entries()) {
      if (status === 'RUNNABLE') this.#queue.push({ job, index });
      // It ran when the scheduler before this one died.
      if (status === 'RUNNING') this.#dispatch(job, { type: 'lost', at: Date.now(), index });
    }
    this.#unchecked.push(job);
  }

  /** Does all that can be done now. Called after every change from outside. */
  proceed(): void {
    try {
      for (let next = this.#unchecked.pop(); next !== undefined; next = this.#unchecked.pop()) {
        this.#checkDependencies(next);
      }
      while (this.#halt === undefined && this.#running.size < this.#options.maxParallel) {
        const next = this.#queue.pop();
        if (next === undefined) break;
        // Others were terminated while they waited.
        if (childOf(next.job, next.index).status === 'RUNNABLE') this.#start(next);
      }
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (this.#unended === 0) this.#waiters.resolveIdle();
  }

  /** @param index of one child; absent, the whole job */
  terminate(job: JobState, index: number | undefined, reason: string): void {
    const status = index === undefined ? jobStatus(job) : childOf(job, index).status;
    if (isEnded(status)) return;
    this.#dispatch(job, { type: 'terminated', at: Date.now(), index, reason });
    this.proceed();
    for (const i of index === undefined ? job.children.keys() : [index]) {
      this.#running.get(keyOf(job, i))?.attempt.stop();
    }
  }

  /** Resolves when the job has ended. @throws SpotreelError `stopped`, or why the scheduler failed */
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

  /** Starts nothing more, stops what runs and returns when nothing runs any longer. */
  async stop(): Promise<void> {
    this.#haltWith(
      new SpotreelError('stopped', 'passing', 'the local batch was stopped; open it again to go on'),
    );
    await Promise.all(Array.from(this.#running.values(), ({ done }) => done));
    this.#rejectWaiters();
  }

  /** @throws SpotreelError when the scheduler takes on no work any more. */
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

  /** One event for all children, so that the journal gets one line and not 10,000. */
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

  /** Stops what runs and starts nothing more; callers that wait get the error. */
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
