import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SpotreelError } from '../errors';
import type {
  Batch,
  JobDetail,
  JobSummary,
  ListJobsRequest,
  RetryStrategy,
  SubmitJobRequest,
  SubmitJobResponse,
} from '../jobs/batch';
import { type RunningAttempt, withoutProcess } from './attempt';
import {
  checkDependencies,
  createJobState,
  firstFault,
  type JobEvent,
  type JobState,
  submitJobRequestSchema,
  type Submitted,
} from './job-state';
import {
  describeJob,
  describeJobs,
  findJob,
  type FoundJob,
  Journal,
  journalFile,
  listChildren,
  recoverJobs,
  summarizeJob,
} from './journal';
import { ALONE, joinNeighbours, type Lock, lockLost, type Neighbours, takeLock } from './lock';
import {
  checkOptions,
  divideAgain,
  divideCores,
  launchAttempt,
  type LocalBatchOptions,
  planAttempt,
  removeScratch,
} from './plan-attempt';
import { Scheduler } from './scheduler';

export type { LocalBatchEvent, LocalBatchOptions, LocalJobDefinition } from './plan-attempt';

const DEFAULT_STOP_TIMEOUT_SECONDS = 30;

/** How often a scheduler looks for others on this machine. */
const SHARE_EVERY_MS = 5_000;

/** If other events are missing, an attempt runs again and finds the existing results. */
const DURABLE_EVENTS: ReadonlySet<JobEvent['type']> = new Set(['ended', 'terminated']);

/** By the documentation: https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html */
const DEFAULT_RETRY_STRATEGY: RetryStrategy = { attempts: 1 };

/**
 * AWS Batch's semantics on one machine: attempts are processes, and each job has a journal. After a crash, open the same state directory
 * again: all jobs resume, and attempts that were running run again.
 *
 * Differences to AWS: a terminated job fails even while it waits for another job, timeouts may be shorter than 60 seconds, and
 * `describeJobs` takes any number of ids.
 */
export class LocalBatch implements Batch {
  readonly #options: LocalBatchOptions;
  readonly #lock: Lock;
  readonly #scheduler: Scheduler;
  readonly #schedulerId = randomUUID().slice(0, 8);
  readonly #journals = new Map<string, Journal>();
  #nextSequence = 0;
  #running: readonly RunningAttempt[] = [];
  /** The threads that each attempt was last given. */
  readonly #threads = new WeakMap<RunningAttempt, number>();
  #neighbours: Neighbours | undefined;
  #sharing: NodeJS.Timeout | undefined;

  /**
   * Takes the state directory and resumes its jobs. If another machine takes the directory over later, `wait` throws `lock-lost`.
   *
   * @throws SpotreelError `invalid-option`; `locked` if another process has the directory; `journal-corrupt`
   */
  static async open(options: LocalBatchOptions): Promise<LocalBatch> {
    checkOptions(options);
    const stateDirectory = resolve(options.stateDirectory);
    const lock = await takeLock(stateDirectory);
    let batch: LocalBatch | undefined;
    try {
      // Processes of a killed scheduler may still be ending.
      await removeScratch(join(stateDirectory, 'scratch'));
      await options.tidyUp?.();
      mkdirSync(join(stateDirectory, 'jobs'), { recursive: true });
      const opened = new LocalBatch({ ...options, stateDirectory }, lock);
      batch = opened;
      opened.#resume();
      lock.lost.addEventListener('abort', () => opened.#scheduler.fail(lockLost(stateDirectory)));
      return opened;
    } catch (error) {
      if (batch) batch.#leaveNeighbours();
      lock.release();
      throw error;
    }
  }

  private constructor(options: LocalBatchOptions, lock: Lock) {
    this.#options = options;
    this.#lock = lock;
    this.#scheduler = new Scheduler({
      maxParallel: options.maxParallel,
      retryStrategyOf: ({ request }) =>
        request.retryStrategy ??
        options.jobDefinitions[request.jobDefinition]?.retryStrategy ??
        DEFAULT_RETRY_STRATEGY,
      // After `lost`, the journals belong to another machine.
      record: ({ jobId }, event) => {
        if (!lock.lost.aborted) this.#journalOf(jobId).append(event, DURABLE_EVENTS.has(event.type));
      },
      run: (job, index) => this.#run(job, index),
      onJobState: (event) => options.onEvent?.(event),
      onJobEnded: ({ jobId }) => this.#closeJournal(jobId),
      onRunning: (running) => {
        this.#running = running;
        this.#shareCores();
      },
    });
    if (options.cores !== undefined && options.neighbours !== undefined) {
      this.#neighbours = joinNeighbours(options.neighbours);
      this.#sharing = setInterval(() => {
        this.#neighbours?.refresh();
        this.#shareCores();
      }, SHARE_EVERY_MS).unref();
    }
  }

  /**
   * @throws SpotreelError `client-exception` for a request that AWS Batch would reject; `stopped`; `journal-write`, and then the job
   * does not exist
   */
  async submitJob(submission: SubmitJobRequest): Promise<SubmitJobResponse> {
    this.#scheduler.assertGoing();
    const request = this.#parseRequest(submission);
    const jobId = randomUUID();
    const submitted: Submitted = {
      type: 'submitted',
      at: Date.now(),
      jobId,
      sequence: this.#nextSequence,
      request,
    };
    this.#journalOf(jobId).append(submitted, true);
    this.#nextSequence += 1;
    const job = createJobState(submitted);
    this.#scheduler.add(job);
    this.#options.onEvent?.({ type: 'job-state', jobId, status: 'PENDING' });
    this.#scheduler.proceed();
    return { jobId, jobName: request.jobName };
  }

  async describeJobs(jobIds: readonly string[]): Promise<JobDetail[]> {
    return describeJobs(jobIds, this.#scheduler.jobs);
  }

  /** In the order of submission, or of the indexes. @throws SpotreelError `client-exception` for an unknown queue */
  async listJobs(request: ListJobsRequest): Promise<JobSummary[]> {
    if ('arrayJobId' in request) return listChildren(request, this.#scheduler.jobs);
    this.#checkQueue(request.jobQueue);
    return [...this.#scheduler.jobs.values()]
      .filter((job) => job.request.jobName === request.jobName)
      .map((job) => summarizeJob(job));
  }

  /**
   * As on AWS, returns before the job has ended; `wait` for that. No effect on a job that has ended.
   *
   * @param jobId of a job, or `<jobId>:<index>` of a child
   * @throws SpotreelError `client-exception` for an unknown id; `stopped`; `journal-write`
   */
  async terminateJob(jobId: string, reason: string): Promise<void> {
    this.#scheduler.assertGoing();
    const { job, index } = this.#require(jobId);
    this.#scheduler.terminate(job, index, reason);
  }

  /**
   * Resolves when a job (not a child) is SUCCEEDED or FAILED.
   *
   * @throws SpotreelError `client-exception` for an unknown id; `stopped` after `stop`; `journal-write` if the disk is full
   */
  async wait(jobId: string): Promise<JobDetail> {
    const { job } = this.#require(jobId);
    await this.#scheduler.waitFor(job);
    return describeJob(job);
  }

  /**
   * For Ctrl-C: starts no more attempts, stops the running ones (SIGTERM, killed after the stop timeout) and then releases the state
   * directory. As after a crash, the next `open` runs the stopped attempts again, and they do not count.
   */
  async stop(): Promise<void> {
    await this.#scheduler.stop();
    this.#leaveNeighbours();
    for (const jobId of this.#journals.keys()) this.#closeJournal(jobId);
    try {
      // After `lost`, the files belong to another machine.
      if (!this.#lock.lost.aborted) await this.#options.tidyUp?.();
    } finally {
      this.#lock.release();
    }
  }

  /** Waits until every job has ended, also those of earlier processes, then releases the state directory. */
  async close(): Promise<void> {
    try {
      await this.#scheduler.waitForAll();
    } finally {
      await this.stop();
    }
  }

  #leaveNeighbours(): void {
    clearInterval(this.#sharing);
    this.#neighbours?.leave();
  }

  #resume(): void {
    const jobs = recoverJobs(join(this.#options.stateDirectory, 'jobs'));
    this.#nextSequence = (jobs.at(-1)?.sequence ?? -1) + 1;
    for (const job of jobs) this.#scheduler.add(job);
    this.#scheduler.proceed();
  }

  /** Gives each running attempt its part of this scheduler's cores. A Blender uses it from its next frame on. */
  #shareCores(): void {
    const { cores } = this.#options;
    if (cores === undefined || this.#running.length === 0) return;
    const { count, place } = this.#neighbours?.look() ?? ALONE;
    const own = divideCores(cores, count)[place] ?? 1;
    const before = this.#running.map((attempt) => this.#threads.get(attempt));
    const parts = divideAgain(own, before);
    for (const [index, attempt] of this.#running.entries()) {
      const threads = parts[index] ?? 1;
      if (this.#threads.get(attempt) === threads) continue;
      this.#threads.set(attempt, threads);
      attempt.useThreads(threads);
    }
  }

  #run(job: JobState, index: number): RunningAttempt {
    const { jobId, request, arraySize } = job;
    const definition = this.#options.jobDefinitions[request.jobDefinition];
    if (definition === undefined) {
      const reason = `CannotStartContainerError: the job definition "${request.jobDefinition}" is no longer known`;
      return withoutProcess({ reason });
    }
    const plan = planAttempt(job, index, definition, {
      ...this.#options,
      schedulerId: this.#schedulerId,
    });
    const child = arraySize === undefined ? undefined : index;
    return launchAttempt(plan, this.#options.stopTimeoutSeconds ?? DEFAULT_STOP_TIMEOUT_SECONDS, (line) =>
      this.#options.onEvent?.({ type: 'log', jobId, index: child, attempt: plan.attempt, line }),
    );
  }

  #parseRequest(submission: SubmitJobRequest): Submitted['request'] {
    const { data: request, error } = submitJobRequestSchema.safeParse(submission);
    if (request === undefined) throw clientException(firstFault(error));
    this.#checkQueue(request.jobQueue);
    if (!Object.hasOwn(this.#options.jobDefinitions, request.jobDefinition)) {
      const known = Object.keys(this.#options.jobDefinitions).join(', ');
      throw clientException(`the job definition "${request.jobDefinition}" is unknown; known are: ${known}`);
    }
    checkDependencies(request, this.#scheduler.jobs);
    return request;
  }

  #checkQueue(jobQueue: string): void {
    if (jobQueue !== this.#options.jobQueue) {
      throw clientException(
        `the job queue "${jobQueue}" is unknown; the only one is "${this.#options.jobQueue}"`,
      );
    }
  }

  #require(id: string): FoundJob {
    const found = findJob(id, this.#scheduler.jobs);
    if (found === undefined) throw clientException(`the job id "${id}" is unknown`);
    return found;
  }

  #journalOf(jobId: string): Journal {
    let journal = this.#journals.get(jobId);
    if (journal === undefined) {
      journal = new Journal(journalFile(join(this.#options.stateDirectory, 'jobs'), jobId));
      this.#journals.set(jobId, journal);
    }
    return journal;
  }

  #closeJournal(jobId: string): void {
    this.#journals.get(jobId)?.close();
    this.#journals.delete(jobId);
  }
}

function clientException(message: string): SpotreelError {
  return new SpotreelError('client-exception', 'usage', message);
}
