/** A quarter of the values is at most so large, half of them, three quarters. */
export interface Quartiles {
  readonly quarter: number;
  readonly median: number;
  readonly threeQuarters: number;
}

/** Of values in ascending order; `undefined` of none. Pure. */
export function quartilesOf(ascending: ArrayLike<number>): Quartiles | undefined {
  if (ascending.length === 0) return undefined;
  const part = (share: number) => ascending[Math.floor((ascending.length - 1) * share)]!;
  return { quarter: part(0.25), median: part(0.5), threeQuarters: part(0.75) };
}
