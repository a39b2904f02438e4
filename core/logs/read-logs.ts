import { messageOf, SpotreelError } from '../errors';
import type { BatchView, JobDetail } from '../jobs/batch';
import { isEnded } from '../jobs/batch';
import { parseWorkerEvent, type WorkerEvent } from '../jobs/worker';
import { attemptsOf, type LoggedAttempt } from './choose-logs';
import type { JobLogs, LogLine } from './job-logs';

/** The content of a line of a job's output, if the worker wrote it. */
export interface ReportedLine {
  readonly event?: WorkerEvent;
  /** The frame that it is about, if known. */
  readonly frame?: number;
}

/** The start of Blender's lines that name the current frame, in all versions. */
const NAMES_FRAME = /^(?:\d{2,}:\d{2}\.\d{3}\s+[\w.]+\s+\| )?Fra: ?(-?\d+)\b/;

/**
 * Finds the frame of each line of one attempt; call `read` in order. A line of Blender belongs to the frame that Blender began last, unless
 * it names another. A line of the worker may be about an earlier frame.
 */
export class FrameLines {
  private current: number | undefined;

  read(text: string): ReportedLine {
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

/** Seconds between two reads of a followed log; doubled after each failed read. */
const LOOK_SECONDS = { usual: 2, longest: 60 };

/** Reads before an unknown job counts as missing: AWS Batch may need time to know a new job. */
const MOST_UNKNOWN = 15;

export interface LogServices {
  readonly batch: BatchView;
  readonly logs: JobLogs;
  /** The log group of jobs that name none. */
  readonly farmGroup?: string;
  /** Whether a process can run the job. Always true on AWS. */
  readonly isAttended: () => boolean;
  /** Rejects if the user stops the command meanwhile. */
  readonly pause: (seconds: number) => Promise<unknown>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface ReadOptions {
  /** Only this attempt, from 1, or `all`. By default the last one, and with `follow` all later ones. */
  readonly attempt?: number | 'all';
  /** Read until the job has ended. */
  readonly follow?: boolean;
}

/** The results of reading a job's log, in order. */
export type LogNews =
  /** AWS Batch does not know the job (any more). */
  | { readonly type: 'unknown' }
  /** The job has not begun; `readLogs` waits for it. */
  | { readonly type: 'waiting'; readonly job: JobDetail }
  /** No attempt has begun, or not the chosen one. */
  | { readonly type: 'not-begun'; readonly job: JobDetail; readonly of: number }
  /** The next results are from this attempt; `of` is the number of attempts. */
  | {
      readonly type: 'attempt';
      readonly attempt: LoggedAttempt;
      readonly job: JobDetail;
      readonly of: number;
    }
  | { readonly type: 'lines'; readonly attempt: number; readonly lines: readonly LogLine[] }
  /** The attempt has no log, and it has ended or is not followed. */
  | { readonly type: 'missing'; readonly attempt: LoggedAttempt }
  /** A read failed; `readLogs` tries again. */
  | { readonly type: 'fault'; readonly message: string }
  /** No process can end the job. */
  | { readonly type: 'abandoned' };

/**
 * The log of one job, page by page. Throws the errors of `batch` and `logs`. With `follow`, yields passing faults instead and continues at
 * the same place.
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
  /** The attempt that is being read or was read last. */
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

  /** Reads everything that exists now. */
  async *look(): AsyncGenerator<LogNews> {
    const { batch, farmGroup, isAttended } = this.services;
    const follow = this.options.follow ?? false;
    // Asked first: a process that ends has written its lines before.
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
      // Not earlier, so that reading continues here after a fault.
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

  /** The attempt to continue, or the next one if that has ended; `undefined` if it does not exist (yet). */
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

  /** Waits for the last lines of an attempt that has just ended. */
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
