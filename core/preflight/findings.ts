import type { Finding, Severity } from '../contract/finding';
import { ruleOf, type FindingCode } from './finding-codes';

/** Findings that are told one by one: more than that nobody reads, and a manifest holds them all. */
const MOST_FINDINGS = 500;

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/** A finding of the preflight, which always says how bad it is. */
export type PreflightFinding = Finding & { readonly severity: Severity };

/** A finding, as bad as its code says or as `severity`; `path` is the one at fault, as written in the scene. */
export function finding(
  code: FindingCode,
  message: string,
  path?: string,
  severity: Severity = ruleOf(code).severity,
): PreflightFinding {
  return { code, severity, message, ...(path !== undefined && { path }) };
}

/**
 * Errors first, then warnings, then notes, each in the order in which they were found, none twice. With `force`, errors
 * that may be overruled are warnings. Beyond 500 the rest is counted.
 */
export function sortFindings(findings: readonly PreflightFinding[], force = false): PreflightFinding[] {
  const judged = findings.map((one) =>
    force && one.severity === 'error' && ruleOf(one.code).mayBeForced
      ? { ...one, severity: 'warning' as const }
      : one,
  );
  const once = [...new Map(judged.map((one) => [JSON.stringify([one.code, one.message]), one])).values()];
  const sorted = ORDER.flatMap((severity) => once.filter((one) => one.severity === severity));
  const untold = sorted.length - MOST_FINDINGS;
  if (untold <= 0) return sorted;
  const rest = finding('more-findings', `and ${untold} more findings: mend these first`);
  return [...sorted.slice(0, MOST_FINDINGS), rest];
}
