import { SpotreelError } from '../errors';
import type { EvaluateOnExit, SubmitJobRequest } from '../jobs/batch';
import { type JobState, jobStatus } from './job-state';

/** How an attempt ended, as far as retry rules look at it. */
export interface AttemptEnd {
  /** Absent when no container came up. */
  readonly exitCode?: number;
  /** The container's reason; absent when the program simply exited. */
  readonly reason?: string;
  readonly statusReason?: string;
}

/**
 * What a retry strategy's rules say of a failed attempt: the first rule whose conditions all match decides, and
 * where none matches the job is retried. Whether attempts are left is for the caller to see.
 *
 * A reason that is absent counts as empty, so that `onReason: "*"` catches everything, as in AWS's own example of a
 * last rule. An exit code that is absent matches no pattern at all: start failures need a rule of their own.
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

/** A pattern may end in `*`, and then only the start must be the same; a `*` elsewhere is a plain character. */
function patternMatches(pattern: string | undefined, value: string | undefined): boolean {
  if (pattern === undefined) return true;
  if (value === undefined) return false;
  const [wanted, actual] = [pattern.toLowerCase(), value.toLowerCase()];
  return wanted.endsWith('*') ? actual.startsWith(wanted.slice(0, -1)) : actual === wanted;
}

/** `ready`: all dependencies succeeded; `doomed`: one of them failed. */
export type Verdict = 'ready' | 'waiting' | 'doomed';

/** The jobs a verdict may look at, by id. */
type Jobs = ReadonlyMap<string, JobState>;

/**
 * Whether a job may start. One failed dependency decides at once, without waiting for the others.
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
