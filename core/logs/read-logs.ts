import { messageOf, SpotreelError } from '../errors';
import type { BatchView, JobDetail } from '../jobs/batch';
import { isEnded } from '../jobs/batch';
import { parseWorkerEvent, type WorkerEvent } from '../jobs/worker';
import { attemptsOf, type LoggedAttempt } from './choose-logs';
import type { JobLogs, LogLine } from './job-logs';

/** What a line of a job's output holds, where it is its worker's. */
export interface ToldLine {
  readonly event?: WorkerEvent;
  /** The frame that it is about, as far as it can be told. */
  readonly frame?: number;
}

/** How Blender, of any version, begins the lines that name the frame which it is at. */
const NAMES_FRAME = /^(?:\d{2,}:\d{2}\.\d{3}\s+[\w.]+\s+\| )?Fra: ?(-?\d+)\b/;

/**
 * Tells of the lines of one attempt, in order, which frame each is about. What Blender says itself belongs to the frame that it
 * has begun last, unless it names another; what the worker says of a frame may come while Blender is at the next.
 */
export class FrameLines {
  private current: number | undefined;

  read(text: string): ToldLine {
    const event = parseWorkerEvent(text);
    return { event, frame: event && this.frameOf(event) };
  }

  private frameOf(event: WorkerEvent): number | undefined {
    if ('frame' in event) {
      if (event.event === 'frame-started') this.current = event.frame;
      if (event.event === 'frame-failed' && event.frame === this.current) this.current = undefined;
      return event.frame;
    }
    if (event.event !== 'output' || event.program !== 'blender') return undefined;
    const named = NAMES_FRAME.exec(event.line)?.[1];
    return named === undefined ? this.current : Number(named);
  }
}

/** Seconds between two looks at a log that is followed; doubled after each that failed. */
const LOOK_SECONDS = { usual: 2, longest: 60 };

/** Looks after which a job that is not known is not waited for: AWS Batch may not know yet what was submitted just now. */
const MOST_UNKNOWN = 15;

/** Who knows the jobs and their logs. */
export interface LogServices {
  readonly batch: BatchView;
  readonly logs: JobLogs;
  /** The log group of jobs that name none. */
  readonly farmGroup?: string;
  /** Whether anybody is there who could run the job: on this machine not always. */
  readonly isAttended: () => boolean;
  /** Rejects when it is asked to stop meanwhile. */
  readonly pause: (seconds: number) => Promise<unknown>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface ReadOptions {
  /** 1-based: this one alone, or `all`. The last one, and with `follow` those after it, where it is absent. */
  readonly attempt?: number | 'all';
  /** Go on until the job has ended. */
  readonly follow?: boolean;
}

/** What comes of reading a job's log, in order. */
export type LogNews =
  /** The Batch does not know the job (any more). */
  | { readonly type: 'unknown' }
  /** It has not begun yet, and is waited for. */
  | { readonly type: 'waiting'; readonly job: JobDetail }
  /** None has begun, or not this one. */
  | { readonly type: 'not-begun'; readonly job: JobDetail; readonly of: number }
  /** What follows is of this attempt, of so many. */
  | {
      readonly type: 'attempt';
      readonly attempt: LoggedAttempt;
      readonly job: JobDetail;
      readonly of: number;
    }
  | { readonly type: 'lines'; readonly attempt: number; readonly lines: readonly LogLine[] }
  /** Nothing is there of an attempt that is over, or of one that nobody follows. */
  | { readonly type: 'missing'; readonly attempt: LoggedAttempt }
  /** Reading failed and is tried again. */
  | { readonly type: 'fault'; readonly message: string }
  /** Nobody is there any more who could end the job. */
  | { readonly type: 'abandoned' };

/**
 * The log of one job, page by page. Throws what Batch and logs throw; a passing fault only where nobody follows, and else it is
 * told, and read on from where it was.
 */
export async function* readLogs(
  jobId: string,
  options: ReadOptions,
  services: LogServices,
): AsyncGenerator<LogNews> {
  const reader = new LogReader(jobId, options, services);
  let seconds = LOOK_SECONDS.usual;
  for (;;) {
    try {
      yield* reader.look();
      seconds = LOOK_SECONDS.usual;
    } catch (error) {
      if (!options.follow || !(error instanceof SpotreelError) || error.kind !== 'passing') throw error;
      seconds = Math.min(seconds * 2, LOOK_SECONDS.longest);
      yield { type: 'fault', message: messageOf(error) };
    }
    if (reader.isDone) return;
    await services.pause(seconds);
  }
}

class LogReader {
  isDone = false;
  /** Of the attempt that is read, or was read last. */
  private attempt: number | undefined;
  private isAnnounced = false;
  private isOver = false;
  private isWaiting = false;
  private unknownLooks = 0;
  private hasPages = false;
  private from: string | undefined;

  constructor(
    private readonly jobId: string,
    private readonly options: ReadOptions,
    private readonly services: LogServices,
  ) {}

  /** What there is now. */
  async *look(): AsyncGenerator<LogNews> {
    const { batch, farmGroup, isAttended } = this.services;
    const follow = this.options.follow ?? false;
    // Asked first: who goes has written all before.
    const attended = isAttended();
    const [job] = await batch.describeJobs([this.jobId]);
    if (!job) {
      this.unknownLooks += 1;
      const isLost = !follow || !attended || this.unknownLooks === MOST_UNKNOWN;
      if (isLost) yield* this.end({ type: 'unknown' });
      return;
    }
    const attempts = attemptsOf(job, farmGroup);
    const goesOn = follow && attended && !isEnded(job.status);
    for (let found = this.next(attempts); found; found = this.next(attempts)) {
      if (!this.isAnnounced) yield { type: 'attempt', attempt: found, job, of: attempts.length };
      this.isAnnounced = true;
      const isOver = !goesOn || found.stoppedAt !== undefined || attempts.length > found.attempt;
      yield* this.read(found, isOver);
      // Not before: a fault in the middle of it is read on from.
      this.isOver = isOver;
      if (!isOver) return;
      if (typeof this.options.attempt === 'number') this.isDone = true;
      if (this.isDone) return;
    }
    if (goesOn) {
      if (this.attempt === undefined && !this.isWaiting) yield { type: 'waiting', job };
      this.isWaiting = true;
      return;
    }
    if (this.attempt === undefined) yield { type: 'not-begun', job, of: attempts.length };
    yield* this.end(follow && !isEnded(job.status) ? { type: 'abandoned' } : undefined);
  }

  /** The attempt to read on, or the one behind one that is over; `undefined` where there is none (yet). */
  private next(attempts: readonly LoggedAttempt[]): LoggedAttempt | undefined {
    if (this.attempt === undefined) {
      const { attempt = attempts.length } = this.options;
      this.begin(attempt === 'all' ? 1 : attempt, attempts);
    } else if (this.isOver) {
      const goesFurther = this.options.follow || this.options.attempt === 'all';
      if (!goesFurther) return undefined;
      this.begin(this.attempt + 1, attempts);
      if (this.isOver) return undefined;
    }
    return attempts.find(({ attempt }) => attempt === this.attempt);
  }

  private begin(attempt: number, attempts: readonly LoggedAttempt[]): void {
    if (!attempts.some((begun) => begun.attempt === attempt)) return;
    this.attempt = attempt;
    this.isAnnounced = this.isOver = this.hasPages = false;
    this.from = undefined;
  }

  private async *read(attempt: LoggedAttempt, isOver: boolean): AsyncGenerator<LogNews> {
    const { logs } = this.services;
    if (isOver) await this.settle(attempt);
    for (;;) {
      const page = attempt.stream && (await logs.readPage(attempt.stream, this.from));
      if (!page) break;
      this.hasPages = true;
      this.from = page.next;
      if (page.lines.length > 0) yield { type: 'lines', attempt: attempt.attempt, lines: page.lines };
      if (page.isLast) break;
    }
    if (isOver && !this.hasPages) yield { type: 'missing', attempt };
  }

  /** Lines of an attempt that has just ended may still be on their way. */
  private async settle({ stoppedAt }: LoggedAttempt): Promise<void> {
    const { logs, now, pause } = this.services;
    if (!this.options.follow || stoppedAt === undefined) return;
    const seconds = logs.settleSeconds - (now() - stoppedAt) / 1000;
    if (seconds > 0) await pause(Math.min(seconds, logs.settleSeconds));
  }

  private *end(news: LogNews | undefined): Generator<LogNews> {
    this.isDone = true;
    if (news) yield news;
  }
}
