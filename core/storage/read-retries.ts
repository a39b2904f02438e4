import { retriesFolder, retryOfName, retryUrl } from '../contract/keys';
import { parseRetryPlan, type RetryPlan } from '../contract/retry-plan';
import { formatLocation } from './location';
import type { Storage } from './storage';

/** The number of the last retry that was planned; 0 where none was. */
export async function lastRetry(render: URL, storage: Storage): Promise<number> {
  const folder = retriesFolder(render);
  let last = 0;
  for await (const { url } of storage.list(folder)) {
    last = Math.max(last, retryOfName(url.pathname.slice(folder.pathname.length)) ?? 0);
  }
  return last;
}

/** Throws `not-found`, `bad-retry`. */
export async function readRetryPlan(render: URL, number: number, storage: Storage): Promise<RetryPlan> {
  const url = retryUrl(render, number);
  return parseRetryPlan(await storage.get(url), formatLocation(url));
}

/** The plans of the retries up to this one, ascending. Throws `not-found`, `bad-retry`. */
export function readRetryPlans(render: URL, last: number, storage: Storage): Promise<RetryPlan[]> {
  return Promise.all(Array.from({ length: last }, (_, i) => readRetryPlan(render, i + 1, storage)));
}
