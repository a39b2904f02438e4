import type { RetryStrategy } from '../batch';
import { evaluateOnExit } from '../evaluate-on-exit';
import type { JobEvent } from './job-event';
import { childOf, type JobState } from './job-state';

/** How an attempt's process ended. */
export interface AttemptOutcome {
  /** 128 + n when signal n killed it; absent when nothing came up. */
  readonly exitCode?: number;
  readonly reason?: string;
  /** Who sent it SIGTERM while it ran; absent when it ended by itself. */
  readonly stoppedBy?: 'caller' | 'timeout';
}

/**
 * What the end of an attempt means for its child: success, another attempt, failure, or an attempt that was lost
 * because the scheduler itself is being stopped.
 *
 * The status reasons are AWS Batch's and ECS's own words (as seen in their users' logs), because rules match them.
 */
export function attemptEvent(
  job: JobState,
  index: number,
  outcome: AttemptOutcome,
  strategy: RetryStrategy,
  at: number,
): JobEvent {
  const { wish, attempts } = childOf(job, index);
  const { exitCode, reason, stoppedBy } = outcome;
  const ended = { type: 'ended', at, index, exitCode, reason } as const;

  // Source: https://docs.aws.amazon.com/batch/latest/userguide/job_timeouts.html: not retried
  if (stoppedBy === 'timeout') {
    return { ...ended, status: 'FAILED', statusReason: 'Job attempt duration exceeded timeout' };
  }
  if (stoppedBy === 'caller') {
    return wish?.type === 'terminated'
      ? { ...ended, status: 'FAILED', statusReason: wish.reason }
      : { type: 'lost', at, index };
  }
  if (exitCode === 0) return { ...ended, status: 'SUCCEEDED' };

  const statusReason = exitCode === undefined ? 'Task failed to start' : 'Essential container in task exited';
  const isRetried =
    wish === undefined &&
    attempts.length + 1 < strategy.attempts &&
    evaluateOnExit(strategy.evaluateOnExit ?? [], { exitCode, reason, statusReason }) === 'RETRY';
  return { ...ended, status: isRetried ? 'RUNNABLE' : 'FAILED', statusReason };
}
