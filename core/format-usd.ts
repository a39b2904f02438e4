/** What nothing smaller is told than. */
export const LEAST_USD = 'under 0.0001';

/** `0.0042`, `0.13`, `12.40`, `1,204`: two figures at least that tell something. */
export function formatUsd(usd: number): string {
  if (usd >= 1000) return Math.round(usd).toLocaleString('en-US');
  if (usd >= 0.1 || usd === 0) return usd.toFixed(2);
  return usd < 0.0001 ? LEAST_USD : usd.toFixed(usd < 0.01 ? 4 : 3);
}
