/** The first of `items`, and all of them, that one too. */
export async function withFirst<T>(
  items: AsyncIterable<T>,
): Promise<{ readonly first?: T; readonly all: AsyncIterable<T> }> {
  const iterator = items[Symbol.asyncIterator]();
  const { value: first, done } = await iterator.next();
  if (done) return { all: { [Symbol.asyncIterator]: () => iterator } };
  async function* all(): AsyncGenerator<T> {
    yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  return { first, all: all() };
}
