/** At most `most` (2 or more) of the items, evenly spaced, the first and the last among them. Pure. */
export function evenlySpaced<T>(items: readonly T[], most: number): T[] {
  return evenPositions(items.length, most).map((position) => items[position]!);
}

/** The positions of those in a list of so many items. */
export function evenPositions(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, position) => position);
  const step = (length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => Math.round(i * step));
}
