import type { Spread } from '../cost/prices';

/** Each of the three by itself: pure. */
export function mapSpread({ low, middle, high }: Spread, change: (value: number) => number): Spread {
  return { low: change(low), middle: change(middle), high: change(high) };
}
