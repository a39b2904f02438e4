/** US dollars as people write them, `5` or `2.50`; `undefined` for what is none, and for nothing. */
export function parseUsd(text: string): number | undefined {
  const usd = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  return usd > 0 ? usd : undefined;
}
