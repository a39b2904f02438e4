import { setTimeout as sleep } from 'node:timers/promises';
import { awsFault, type AwsFault } from '../../core/aws-error';
import { warning, type Check } from './check';

/** Seconds that an answer of AWS is waited for. */
const MOST_SECONDS = 15;

/** Why there is no answer. */
export interface Refusal {
  readonly why: AwsFault['kind'] | 'late';
  /** In the words of AWS. */
  readonly fault: string;
  /** What the question needs, such as `batch:DescribeJobQueues`. */
  readonly permission: string;
}

/** What AWS said. */
export type Answer<T> = { readonly told: T } | Refusal;

/** Asks, and never throws. */
export async function ask<T>(permission: string, question: () => Promise<T>): Promise<Answer<T>> {
  const stop = new AbortController();
  const late = sleep(MOST_SECONDS * 1000, undefined, { signal: stop.signal }).then(
    (): Refusal => ({ why: 'late', fault: `no answer within ${MOST_SECONDS} s`, permission }),
    () => new Promise<never>(() => undefined),
  );
  const answer = question().then(
    (told): Answer<T> => ({ told }),
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

/** What is to be said where there is no answer: it says nothing of what was asked about. */
export function notTold(name: string, { why, fault, permission }: Refusal): Check {
  if (why === 'denied') {
    const found = `not looked at: these credentials may not ask (${permission})`;
    return warning(name, found, `allow ${permission} to whoever looks after the farm`);
  }
  return warning(name, `not found out: ${fault}`, 'try again, or look in the AWS console');
}
