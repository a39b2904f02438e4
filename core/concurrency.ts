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

/**
 * The same for items that come one after another, such as a listing: none is asked for before there is a hand free for it, so
 * that however many there are, only `most` are held.
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
