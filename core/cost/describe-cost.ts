import { formatUsd, LEAST_USD } from '../format-usd';
import type { Spread, VcpuPrices } from './prices';

/** `0.12 to 0.31 USD, most likely about 0.19`. */
export function describeSpread({ low, middle, high }: Spread): string {
  const [from, about, to] = [low, middle, high].map(formatUsd);
  if (from !== to) return `${from} to ${to} USD, about ${about}`;
  return about === LEAST_USD ? `${LEAST_USD} USD` : `about ${about} USD`;
}

/** By which prices: in one line, for people. */
export function describePrices({ source, at, region }: Pick<VcpuPrices, 'source' | 'at' | 'region'>): string {
  return source === 'account'
    ? `by Spot prices that EC2 told this account on ${at} in ${region}`
    : `by the table of ${at}, which is built in`;
}
