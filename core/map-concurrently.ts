/**
 * `work` for every item, `most` of them at a time; results in the order of the items. The first fault is thrown once the
 * work that had begun has ended, and nothing is begun after it.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  let fault: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (const [index, item] of waiting) {
      if (fault) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        fault ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (fault) throw fault.error;
  return results;
}
