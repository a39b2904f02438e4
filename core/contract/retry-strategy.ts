import type { EvaluateOnExit, RetryStrategy } from '../batch/batch';
import { EXIT } from './exit-codes';

/**
 * How Batch goes on when an attempt ends badly: again after a reclaimed machine, a container that could not start
 * and the exit codes that say so; not again for anything else. AWS Batch retries what no rule matches, so the last
 * rule ends everything (at most 5 rules, 10 attempts; by the documentation:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html).
 */
export function retryStrategy(attempts: number): RetryStrategy {
  const exitCodes = Object.values(EXIT).filter(({ retry }) => retry);
  return {
    attempts,
    evaluateOnExit: [
      { action: 'RETRY', onStatusReason: 'Host EC2*' },
      // CannotPullContainerError, CannotStartContainerError, CannotCreateContainerError: no exit code comes with them.
      { action: 'RETRY', onReason: 'Cannot*' },
      ...exitCodes.map(({ code }): EvaluateOnExit => ({ action: 'RETRY', onExitCode: String(code) })),
      { action: 'EXIT', onReason: '*' },
    ],
  };
}
