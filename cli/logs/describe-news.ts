import { isEnded } from '../../core/batch/local/job-state';
import type { LogJob } from '../../core/logs/choose-logs';
import type { LoggedAttempt } from '../../core/logs/job-attempts';
import type { LogNews } from '../../core/logs/read-logs';

/** What there is to say of a log besides its lines; `undefined` of those. Pure. */
export function describeNews(news: LogNews, { what, frame }: LogJob): string | undefined {
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
      return `${what}, attempt ${news.attempt.attempt}: there is no log${why}: its machine went before a word, or its days are over (the setting logDays)`;
    }
    case 'unknown':
      return `${what}: its job is not known (any more), so its log can't be found: AWS Batch keeps jobs for 7 days at least after their end`;
    case 'waiting':
      return `${what} has not begun yet (${news.job.status}); waiting`;
    case 'not-begun': {
      const { job, of } = news;
      const reason = job.statusReason === undefined ? '' : `, ${job.statusReason}`;
      const begun = of === 0 ? 'it has not begun' : `it has had ${of} ${of === 1 ? 'attempt' : 'attempts'}`;
      return `${what}: there is no such log: ${begun} (${job.status}${reason})`;
    }
    case 'fault':
      return `${news.message}; going on`;
    default:
      news.type satisfies 'abandoned';
      return `${what}: nobody renders any more; the same render goes on from there`;
  }
}

/** Empty where nothing is known of it. */
function endingOf({ exitCode, reason }: LoggedAttempt): string {
  const code = exitCode === undefined ? '' : `exit code ${exitCode}`;
  return [code, reason].filter(Boolean).join(', ');
}
