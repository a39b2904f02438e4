/**
 * Runs `work` for every item, at most `most` at once, and returns the results in the order of the items. After a fault, starts no more
 * work, waits for the running work and throws the first fault.
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

/**
 * As `mapConcurrently` for a sequence of items, such as a listing. Requests an item only when its work can start, so at most `most` items
 * are in memory.
 */
export async function forEachConcurrently<T>(
  items: AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  let fault: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    try {
      for (;;) {
        if (fault) return;
        const next = await iterator.next();
        if (next.done) return;
        await work(next.value);
      }
    } catch (error) {
      fault ??= { error };
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  if (!fault) return;
  await iterator.return?.();
  throw fault.error;
}
