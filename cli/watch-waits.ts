/** Seconds between looks while things move, and the most while nothing does. */
export const FIRST_WAIT_SECONDS = 2;
const MOST_SECONDS = 30;

/** AWS Batch wants to be asked less often: it serves the whole account, its own scheduling among that. */
const LEAST_THROTTLED_SECONDS = 15;
const MOST_THROTTLED_SECONDS = 120;

/** Seconds until the next look, after one that came so long after the one before. Pure. */
export function nextWaitSeconds(
  before: number,
  { changed, throttled }: { readonly changed: boolean; readonly throttled: boolean },
): number {
  if (throttled) return Math.min(MOST_THROTTLED_SECONDS, Math.max(LEAST_THROTTLED_SECONDS, before * 2));
  return changed ? FIRST_WAIT_SECONDS : Math.min(MOST_SECONDS, before * 1.5);
}
