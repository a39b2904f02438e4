import type { EvaluateOnExit } from './batch';

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
