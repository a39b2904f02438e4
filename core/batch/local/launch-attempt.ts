import { mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../errors';
import type { AttemptOutcome } from './attempt-event';
import type { AttemptPlan } from './plan-attempt';
import { runAttempt, type RunningAttempt } from './run-attempt';

/** Runs a planned attempt between the making and the removal of its scratch directory. */
export function launchAttempt(
  plan: AttemptPlan,
  stopTimeoutSeconds: number,
  onLogLine: (line: string) => void,
): RunningAttempt {
  try {
    rmSync(plan.scratchDirectory, { recursive: true, force: true });
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
  // What can't be removed now is removed when the state directory is opened again; it is no reason to fail a job.
  await rm(scratchDirectory, { recursive: true, force: true }).catch(() => undefined);
  return outcome;
}
