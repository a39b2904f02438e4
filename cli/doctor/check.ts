import { setTimeout as sleep } from 'node:timers/promises';
import { awsFault, type AwsFault } from '../../core/aws-error';
import { printable } from '../../core/text';

/** `wrong`: renders fail. `warning`: some renders may fail, or the check was not possible. `skipped`: not checked. */
export type CheckState = 'ok' | 'warning' | 'wrong' | 'skipped';

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly state: CheckState;
  readonly found: string;
  /** How to fix it. */
  readonly fix?: string;
}

export const ok = (name: string, found: string): Check => ({ name, state: 'ok', found });
export const skipped = (name: string, found: string, fix?: string): Check => ({
  name,
  state: 'skipped',
  found,
  fix,
});
export const warning = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'warning',
  found,
  fix,
});
export const wrong = (name: string, found: string, fix: string): Check => ({
  name,
  state: 'wrong',
  found,
  fix,
});

/** One line per check, and one for its fix. Pure. */
export function describeChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, state, found, fix }) => [
    `${state.padEnd(8)} ${name.padEnd(width)}  ${found}`,
    ...(fix === undefined ? [] : [`${' '.repeat(width + 11)}${fix}`]),
  ]);
  const count = (state: CheckState) => checks.filter((check) => check.state === state).length;
  const counts = [counted(count('wrong'), 'wrong'), counted(count('warning'), 'to look at')].filter(Boolean);
  return printable([...lines, counts.join(', ') || 'nothing is wrong'].join('\n'));
}

function counted(count: number, what: string): string {
  return count > 0 ? `${count} ${what}` : '';
}

/** Seconds to wait for an answer of AWS. */
const MOST_SECONDS = 15;

/** Why AWS gave no answer. */
export interface Refusal {
  readonly why: AwsFault['kind'] | 'late';
  /** The message of AWS. */
  readonly fault: string;
  /** The permission that the question needs, such as `batch:DescribeJobQueues`. */
  readonly permission: string;
}

/** An answer of AWS, or why it is missing. */
export type Answer<T> = { readonly value: T } | Refusal;

/** Asks AWS. Never throws. */
export async function ask<T>(permission: string, question: () => Promise<T>): Promise<Answer<T>> {
  const stop = new AbortController();
  const late = sleep(MOST_SECONDS * 1000, undefined, { signal: stop.signal }).then(
    (): Refusal => ({ why: 'late', fault: `no answer within ${MOST_SECONDS} s`, permission }),
    () => new Promise<never>(() => undefined),
  );
  const answer = question().then(
    (value): Answer<T> => ({ value }),
    (error: unknown): Answer<T> => {
      const { kind, text } = awsFault(error);
      return { why: kind, fault: text, permission };
    },
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    stop.abort();
  }
}

/** The check for a missing answer: it says nothing about the part itself. */
export function unanswered(name: string, { why, fault, permission }: Refusal): Check {
  if (why === 'denied') {
    const found = `not checked: these credentials lack ${permission}`;
    return warning(name, found, `grant ${permission} to the users who operate the farm`);
  }
  return warning(name, `not checked: ${fault}`, 'try again, or look in the AWS console');
}
