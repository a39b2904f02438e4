import { messageOf, SpotreelError } from '../../core/errors';
import {
  chooseLogs,
  namedLogs,
  type ChosenLogs,
  type LoggedRender,
  type LogJob,
  type WantedLogs,
} from '../../core/logs/choose-logs';
import { readLogs, type LogServices, type ReadOptions } from '../../core/logs/read-logs';
import { describeNews } from './describe-news';
import type { LogPrinter } from './log-printer';

export interface ShowOptions extends WantedLogs, Pick<ReadOptions, 'follow'> {
  /** 1-based. */
  readonly attempt?: number | undefined;
}

/** Seconds between two looks for something that runs. */
const LOOK_SECONDS = 5;

/**
 * Shows what is wanted of a render's logs; gives whether any line was. `findRender` is asked again and again where it is
 * followed: jobs may come to it.
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
  let [any, told] = [false, ''];
  for (;;) {
    const attended = services.isAttended();
    const choose = async () => chooseLogs(await findRender(), services.batch, options.follow);
    const { jobs, why, ended } = await (options.follow ? unlessPassing(choose, printer) : choose());
    const goesOn = options.follow && attended && !ended;
    const fresh = jobs.filter(({ jobId }) => !seen.has(jobId));
    const isWaiting = goesOn && fresh.length === 0;
    const news = isWaiting ? 'nothing else runs now; waiting' : why;
    if (news !== told && (isWaiting || fresh.length > 0 || seen.size === 0)) printer.say(news);
    told = news;
    for (const { jobId } of fresh) seen.add(jobId);
    if (goesOn) any = (await Promise.all(fresh.map(show))).includes(true) || any;
    // What is over comes one after another.
    else for (const job of fresh) any = (await show(job)) || any;
    if (!goesOn) return any;
    if (isWaiting) await services.pause(LOOK_SECONDS);
  }
}

/** Who follows looks again after a passing fault, and is told of it. */
async function unlessPassing(choose: () => Promise<ChosenLogs>, printer: LogPrinter): Promise<ChosenLogs> {
  try {
    return await choose();
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind !== 'passing') throw error;
    printer.say(`${messageOf(error)}; going on`);
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
  // A frame may have been begun by one attempt and ended by another.
  const which = attempt ?? (job.frame === undefined ? undefined : 'all');
  for await (const news of readLogs(job.jobId, { attempt: which, follow }, services)) {
    const text = describeNews(news, job);
    if (text !== undefined) printer.say(text);
    if (news.type === 'attempt') print = printer.forAttempt(job, news.attempt.attempt);
    if (news.type === 'lines') lines += await print(news.lines);
  }
  if (lines === 0 && job.frame !== undefined) {
    printer.say(`no line is about frame ${job.frame}; --slice ${job.slice} shows all that there is`);
  }
  return lines > 0;
}
