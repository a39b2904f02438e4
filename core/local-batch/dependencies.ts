import { SpotreelError } from '../errors';
import type { EvaluateOnExit, SubmitJobRequest } from '../jobs/batch';
import { type JobState, jobStatus } from './job-state';

/** How an attempt ended: the facts that retry rules compare. */
export interface AttemptEnd {
  /** Absent if no container started. */
  readonly exitCode?: number;
  /** The container's reason; absent if the program exited without one. */
  readonly reason?: string;
  readonly statusReason?: string;
}

/**
 * The decision of the first rule whose conditions all match a failed attempt, else `RETRY`. The caller checks whether attempts are left.
 * An absent reason counts as empty, so `onReason: "*"` matches it, as in AWS's example. An absent exit code matches no pattern.
 *
 * Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html and
 * https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html (by the documentation)
 */
export function evaluateOnExit(rules: readonly EvaluateOnExit[], end: AttemptEnd): 'RETRY' | 'EXIT' {
  return rules.find((rule) => ruleMatches(rule, end))?.action ?? 'RETRY';
}

function ruleMatches(rule: EvaluateOnExit, end: AttemptEnd): boolean {
  return (
    patternMatches(rule.onExitCode, end.exitCode?.toString()) &&
    patternMatches(rule.onReason, end.reason ?? '') &&
    patternMatches(rule.onStatusReason, end.statusReason ?? '')
  );
}

/** A `*` at the end of a pattern matches any rest; elsewhere it is a plain character. Ignores case. */
function patternMatches(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (value === undefined) return false;
  const [wanted, actual] = [pattern.toLowerCase(), value.toLowerCase()];
  return wanted.endsWith('*') ? actual.startsWith(wanted.slice(0, -1)) : actual === wanted;
}

/** `ready`: all dependencies succeeded; `doomed`: one of them failed. */
export type Verdict = 'ready' | 'waiting' | 'doomed';

/** By id. */
type Jobs = ReadonlyMap<string, JobState>;

/**
 * Whether a job may start. One failed dependency decides without waiting for the others.
 * Source: https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html
 */
export function dependencyVerdict({ request }: JobState, jobs: Jobs): Verdict {
  // A dependency whose journal was deleted by hand counts as failed.
  const statuses = (request.dependsOn ?? []).map(({ jobId }) => {
    const other = jobs.get(jobId);
    return other ? jobStatus(other) : 'FAILED';
  });
  if (statuses.includes('FAILED')) return 'doomed';
  return statuses.every((status) => status === 'SUCCEEDED') ? 'ready' : 'waiting';
}

/** Throws `client-exception` (usage) for a dependency on an unknown job. */
export function checkDependencies({ jobName, dependsOn = [] }: SubmitJobRequest, jobs: Jobs): void {
  const unknown = dependsOn.find(({ jobId }) => !jobs.has(jobId));
  if (!unknown) return;
  const message = `dependsOn of job "${jobName}" names the job id "${unknown.jobId}", which is unknown`;
  throw new SpotreelError('client-exception', 'usage', message);
}
