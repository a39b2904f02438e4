import type { Spread, VcpuPrices } from './prices';

/** What nothing smaller is told than. */
const LEAST = 'under 0.0001';

/** `0.0042`, `0.13`, `12.40`, `1,204`: two figures at least that tell something. */
export function formatUsd(usd: number): string {
  if (usd >= 1000) return Math.round(usd).toLocaleString('en-US');
  if (usd >= 0.1 || usd === 0) return usd.toFixed(2);
  return usd < 0.0001 ? LEAST : usd.toFixed(usd < 0.01 ? 4 : 3);
}

/** `0.12 to 0.31 USD, most likely about 0.19`. */
export function describeSpread({ low, middle, high }: Spread): string {
  const [from, about, to] = [low, middle, high].map(formatUsd);
  if (from !== to) return `${from} to ${to} USD, about ${about}`;
  return about === LEAST ? `${LEAST} USD` : `about ${about} USD`;
}

/** By which prices: in one line, for people. */
export function describePrices({ source, at, region }: Pick<VcpuPrices, 'source' | 'at' | 'region'>): string {
  return source === 'account'
    ? `by Spot prices that EC2 told this account on ${at} in ${region}`
    : `by the table of ${at}, which is built in`;
}
