import type { WorkerEvent } from '../../core/contract/worker-event';
import type { WorkerCommand } from '../../core/contract/worker-command';

/** What stands in every line of a worker's log, so that lines of many children can be told apart. */
export interface LogContext {
  readonly renderId: string;
  /** Of `render` only; in a retry known once its plan has been read. */
  readonly slice?: number;
  /** The number of the retry that this is part of. */
  readonly retry?: number;
  /** 1-based. */
  readonly attempt: number;
}

/** From the command and the variables that AWS Batch sets. The render's own folder is named by its id. */
export function logContext(
  command: WorkerCommand,
  { AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ATTEMPT }: Readonly<Record<string, string | undefined>>,
): LogContext {
  return {
    renderId: command.output.split('/').filter(Boolean).at(-1) ?? '',
    ...(command.command === 'render' &&
      (command.retry === undefined
        ? { slice: Number(AWS_BATCH_JOB_ARRAY_INDEX ?? 0) }
        : { retry: command.retry })),
    attempt: Number(AWS_BATCH_JOB_ATTEMPT ?? 1),
  };
}

/** A line of the log: one JSON object, what happened first. */
export function logLine(event: WorkerEvent, context: Partial<LogContext>): string {
  return JSON.stringify({ ...event, ...context });
}
