import { once } from 'node:events';
import { codeOf, messageOf, SpotreelError } from '../../core/errors';
import { isEnded } from '../../core/jobs/batch';
import type { WorkerEvent } from '../../core/jobs/worker';
import {
  chooseLogs,
  type ChosenLogs,
  type LoggedAttempt,
  type LoggedRender,
  type LogJob,
  namedLogs,
  type WantedLogs,
} from '../../core/logs/choose-logs';
import type { LogLine } from '../../core/logs/job-logs';
import {
  FrameLines,
  type LogNews,
  type LogServices,
  readLogs,
  type ReadOptions,
  type ReportedLine,
} from '../../core/logs/read-logs';
import { localTime } from '../output';
import { countOf, formatExactSeconds, printable } from '../../core/text';

/** The origin of a line. */
interface LineContext {
  /** As in `slices/<slice>.json`; absent for the job that makes the video. */
  readonly slice?: number;
  /** 1-based. */
  readonly attempt: number;
}

/** A line for a person: `2026-11-22 10:00:00  slice 3, attempt 1  frame 12 is stored (4.2 s)`. Pure. */
export function describeLine(
  line: LogLine,
  { event }: ReportedLine,
  { slice, attempt }: LineContext,
): string {
  const time = line.at === undefined ? '' : `${localTime(new Date(line.at).toISOString(), true)}  `;
  const who = `${slice === undefined ? 'video' : `slice ${slice}`}, attempt ${attempt}`;
  return printable(`${time}${who}  ${messageOfLine(line.text, event)}`.replaceAll('\n', ' '));
}

/** The same line as JSON. */
export function lineJson(line: LogLine, { event, frame }: ReportedLine, context: LineContext): string {
  const timestamp = line.at === undefined ? null : new Date(line.at).toISOString();
  const message = messageOfLine(line.text, event);
  return JSON.stringify({ timestamp, ...context, frame, message, event });
}

/** Describes events of the worker; other lines stay as they are. */
function messageOfLine(text: string, event: WorkerEvent | undefined): string {
  switch (event?.event) {
    case 'frame-started':
      return `frame ${event.frame} begins`;
    case 'frame-progress': {
      const memory = event.memoryMib === undefined ? '' : `, ${event.memoryMib} MiB`;
      return `frame ${event.frame}: sample ${event.sample} of ${event.samples}${memory}`;
    }
    case 'frame-stored':
      return `frame ${event.frame} is stored (${formatExactSeconds(event.seconds)})`;
    case 'frame-kept':
      return `frame ${event.frame} was already stored`;
    case 'frame-failed':
      return `frame ${event.frame} failed${event.final ? '' : ', retrying'}: ${event.reason}`;
    case 'stitching':
      return `${event.frames} of ${countOf(event.total, 'frame')} ${event.total === 1 ? 'is' : 'are'} done`;
    case 'output':
      return event.program === 'blender' ? event.line : `${event.program}: ${event.line}`;
    case 'warning':
    case 'error':
      return `${event.event}: ${event.code}: ${event.message}`;
    default:
      return text;
  }
}

/** Describes news about a log; `undefined` for its lines. Pure. */
function describeNews(news: LogNews, { what, frame }: LogJob): string | undefined {
  const frames = frame === undefined ? '' : `, frame ${frame} alone`;
  switch (news.type) {
    case 'lines':
      return undefined;
    case 'attempt': {
      const { attempt, job, of } = news;
      const isLast = attempt.attempt === of;
      const goesOn = isLast && !isEnded(job.status);
      const state = (goesOn ? '' : endingOf(attempt)) || (isLast ? job.status : 'cut off');
      const others = of > 1 ? ` of ${of}` : '';
      const where = attempt.stream === undefined ? '' : ` (log stream ${attempt.stream.name})`;
      return `${what}${frames}, attempt ${attempt.attempt}${others}: ${state}${where}`;
    }
    case 'missing': {
      const why = news.attempt.reason === undefined ? '' : ` (${news.attempt.reason})`;
      return `${what}, attempt ${news.attempt.attempt}: no log${why}: the machine stopped before it wrote one, or the log has expired (the setting logDays)`;
    }
    case 'unknown':
      return `${what}: the job is unknown, so its log cannot be found; AWS Batch keeps jobs for at least 7 days after they end`;
    case 'waiting':
      return `${what} has not started yet (${news.job.status}); waiting`;
    case 'not-begun': {
      const { job, of } = news;
      const reason = job.statusReason === undefined ? '' : `, ${job.statusReason}`;
      const begun = of === 0 ? 'it has not started' : `it has had ${of} ${of === 1 ? 'attempt' : 'attempts'}`;
      return `${what}: no such log: ${begun} (${job.status}${reason})`;
    }
    case 'fault':
      return `${news.message}; continuing`;
    default:
      news.type satisfies 'abandoned';
      return `${what}: no process renders it any more; render the same scene again to resume`;
  }
}

/** Empty if nothing is known. */
function endingOf({ exitCode, reason }: LoggedAttempt): string {
  const code = exitCode === undefined ? '' : `exit code ${exitCode}`;
  return [code, reason].filter(Boolean).join(', ');
}

export type LogFormat = 'words' | 'json' | 'raw';

/** Writes lines; returns how many of them were wanted. */
export type PrintLines = (lines: readonly LogLine[]) => Promise<number>;

/** Writes log lines to a stream at its own pace, and notes to another. */
export class LogPrinter {
  /** Resolves when the reader has closed the output. */
  readonly closed: Promise<undefined>;

  constructor(
    private readonly format: LogFormat,
    private readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean },
    private readonly notes: NodeJS.WritableStream,
  ) {
    this.closed = new Promise((resolve, reject) => {
      output.on('error', (error) => (codeOf(error) === 'EPIPE' ? resolve(undefined) : reject(error)));
    });
  }

  say(text: string): void {
    this.notes.write(`${printable(text)}\n`);
  }

  /** Prints the lines of one attempt in order; for a frame, only its own. */
  forAttempt({ slice, frame }: LogJob, attempt: number): PrintLines {
    const frames = new FrameLines();
    return async (lines) => {
      const read = lines.map((line) => ({ line, seen: frames.read(line.text) }));
      const wanted = frame === undefined ? read : read.filter(({ seen }) => seen.frame === frame);
      await this.write(wanted.map(({ line, seen }) => `${this.textOf(line, seen, { slice, attempt })}\n`));
      return wanted.length;
    };
  }

  private async write(lines: readonly string[]): Promise<void> {
    if (lines.length === 0 || this.output.write(lines.join(''))) return;
    await Promise.race([once(this.output, 'drain'), this.closed]);
  }

  /** `--raw` prints lines unchanged, but not to a terminal, which they could control. */
  private textOf(line: LogLine, seen: ReportedLine, context: LineContext): string {
    if (this.format === 'json') return lineJson(line, seen, context);
    if (this.format === 'words') return describeLine(line, seen, context);
    return this.output.isTTY ? printable(line.text) : line.text;
  }
}

export interface ShowOptions extends WantedLogs, Pick<ReadOptions, 'follow'> {
  /** 1-based. */
  readonly attempt?: number;
}

/** Seconds between two looks for running jobs. */
const LOOK_SECONDS = 5;

/**
 * Shows the wanted logs; returns whether any line was printed. With `--follow`, calls `findRender` repeatedly to see
 * new jobs.
 */
export async function showLogs(
  findRender: () => Promise<LoggedRender>,
  options: ShowOptions,
  services: LogServices,
  printer: LogPrinter,
): Promise<boolean> {
  const show = (job: LogJob) => showLog(job, options, services, printer);
  const named = namedLogs(options, await findRender());
  if (named) return show(named);
  const seen = new Set<string>();
  let [any, said] = [false, ''];
  for (;;) {
    const attended = services.isAttended();
    const choose = async () => chooseLogs(await findRender(), services.batch, options.follow);
    const { jobs, why, ended } = await (options.follow ? unlessPassing(choose, printer) : choose());
    const goesOn = options.follow && attended && !ended;
    const fresh = jobs.filter(({ jobId }) => !seen.has(jobId));
    const isWaiting = goesOn && fresh.length === 0;
    const news = isWaiting ? 'nothing else runs now; waiting' : why;
    if (news !== said && (isWaiting || fresh.length > 0 || seen.size === 0)) printer.say(news);
    said = news;
    for (const { jobId } of fresh) seen.add(jobId);
    if (goesOn) any = (await Promise.all(fresh.map(show))).includes(true) || any;
    // Ended jobs are shown one after another.
    else for (const job of fresh) any = (await show(job)) || any;
    if (!goesOn) return any;
    if (isWaiting) await services.pause(LOOK_SECONDS);
  }
}

/** With `--follow`, reports a passing fault and tries again later. */
async function unlessPassing(choose: () => Promise<ChosenLogs>, printer: LogPrinter): Promise<ChosenLogs> {
  try {
    return await choose();
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind !== 'passing') throw error;
    printer.say(`${messageOf(error)}; continuing`);
    return { jobs: [], why: '', ended: false };
  }
}

async function showLog(
  job: LogJob,
  { attempt, follow }: ShowOptions,
  services: LogServices,
  printer: LogPrinter,
): Promise<boolean> {
  let lines = 0;
  let print = printer.forAttempt(job, 0);
  // A frame may start in one attempt and end in another.
  const which = attempt ?? (job.frame === undefined ? undefined : 'all');
  for await (const news of readLogs(job.jobId, { attempt: which, follow }, services)) {
    const text = describeNews(news, job);
    if (text !== undefined) printer.say(text);
    if (news.type === 'attempt') print = printer.forAttempt(job, news.attempt.attempt);
    if (news.type === 'lines') lines += await print(news.lines);
  }
  if (lines === 0 && job.frame !== undefined) {
    printer.say(`no line mentions frame ${job.frame}; --slice ${job.slice} shows the whole log`);
  }
  return lines > 0;
}
