import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '../../errors';
import { untilNoneIn } from '../../processes/processes-in';
import { removeFolder } from '../../storage/remove-folder';
import type { AttemptOutcome } from './attempt-event';
import type { AttemptPlan } from './plan-attempt';
import { runAttempt, type RunningAttempt } from './run-attempt';

/** The most time that processes may take to end after they were killed. */
const MOST_ENDING_MS = 10_000;

/** Runs a planned attempt between the making and the removal of its scratch directory. */
export function launchAttempt(
  plan: AttemptPlan,
  stopTimeoutSeconds: number,
  onLogLine: (line: string) => void,
): RunningAttempt {
  try {
    removeFolder(plan.scratchDirectory);
    mkdirSync(plan.scratchDirectory, { recursive: true });
    mkdirSync(dirname(plan.logFile), { recursive: true });
  } catch (error) {
    const reason = `CannotStartContainerError: ${messageOf(error)}`;
    return { ended: Promise.resolve({ reason }), stop: () => undefined };
  }
  const attempt = runAttempt({ ...plan, stopTimeoutSeconds, onLogLine });
  return { ended: withoutScratch(attempt, plan.scratchDirectory), stop: () => attempt.stop() };
}

async function withoutScratch(attempt: RunningAttempt, scratchDirectory: string): Promise<AttemptOutcome> {
  const outcome = await attempt.ended;
  // What cannot be removed now is removed when the state directory is opened again; it is no reason to fail a job.
  await removeScratch(scratchDirectory).catch(() => undefined);
  return outcome;
}

/** Removes a scratch directory, or all of them, when the processes that used it have ended. */
export async function removeScratch(directory: string): Promise<void> {
  await untilNoneIn(directory, MOST_ENDING_MS);
  removeFolder(directory);
}
