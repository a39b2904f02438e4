import type { JobDetail } from '../batch/batch';
import type { LogStream } from './job-logs';

/** Where AWS Batch puts the logs of jobs that say nothing of it, by the documentation of `logStreamName`. */
const USUAL_GROUP = '/aws/batch/job';

/** An attempt that has begun, and where its output lies. */
export interface LoggedAttempt {
  /** 1-based. */
  readonly attempt: number;
  /** Absent for one that ended before its container ran. */
  readonly stream?: LogStream | undefined;
  /** Milliseconds since 1970. Absent while it runs. */
  readonly stoppedAt?: number | undefined;
  readonly exitCode?: number | undefined;
  /** Why it ended, as AWS Batch or ECS say. */
  readonly reason?: string | undefined;
}

/**
 * The attempts of a job, or of a child, in order: pure. One that runs is not among those that AWS Batch lists, but the job's
 * own container names its stream. `farmGroup` is the farm's log group, for jobs that name none.
 */
export function attemptsOf({ attempts = [], container }: JobDetail, farmGroup?: string): LoggedAttempt[] {
  const group = container?.logGroup ?? farmGroup ?? USUAL_GROUP;
  const streamOf = (name: string | undefined) => (name === undefined ? undefined : { group, name });
  const listed = attempts.map(({ stoppedAt, statusReason, container: run }, i) => ({
    attempt: i + 1,
    stream: streamOf(run?.logStreamName),
    stoppedAt,
    exitCode: run?.exitCode,
    reason: run?.reason ?? statusReason,
  }));
  const latest = container?.logStreamName;
  if (latest === undefined || listed.some(({ stream }) => stream?.name === latest)) return listed;
  return [...listed, { attempt: listed.length + 1, stream: streamOf(latest) }];
}
