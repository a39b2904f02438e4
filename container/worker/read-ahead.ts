/**
 * What `read` gives for each of `items`, in their order, at most `most` of them begun and not yet taken. A fault comes at
 * its place in the order.
 */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  most: number,
  read: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const ahead: Array<Promise<R>> = [];
  for (const item of items) {
    if (ahead.length === most) yield await ahead.shift()!;
    const result = read(item);
    // Whoever awaits it hears of a failure; until then it is nobody's unhandled rejection.
    result.catch(() => undefined);
    ahead.push(result);
  }
  for (const result of ahead) yield await result;
}
