import type { Spread } from '../cost/prices';

/** Each of the three by itself: pure. */
export function mapSpread({ low, middle, high }: Spread, change: (value: number) => number): Spread {
  return { low: change(low), middle: change(middle), high: change(high) };
}

/** How far the same work may differ from one time to the next: as a machine does other things, too. */
const UNSTEADY = 0.1;

/** With so much more at both ends: pure. */
export function widened({ low, middle, high }: Spread): Spread {
  return { low: low * (1 - UNSTEADY), middle, high: high * (1 + UNSTEADY) };
}
