import fc from 'fast-check';
import { readAhead } from '../../../../../container/worker/video/encode';

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

test('readAhead yields each item once and in order, with a bounded number of reads at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 3 })),
      fc.integer({ min: 1, max: 5 }),
      async (waits, most) => {
        let [begun, taken, largest] = [0, 0, 0];
        const items = readAhead(waits.entries(), most, async ([index, wait]) => {
          begun += 1;
          largest = Math.max(largest, begun - taken);
          for (let i = 0; i < wait; i += 1) await Promise.resolve();
          return index;
        });
        const got: number[] = [];
        for await (const item of items) {
          got.push(item);
          taken += 1;
        }
        expect(got).toEqual([...waits.keys()]);
        expect(largest).toBeLessThanOrEqual(most + 1);
      },
    ),
  );
});

test('readAhead throws an error after the items before it', async () => {
  const seen: number[] = [];
  const items = readAhead([1, 2, 3], 3, async (item) => {
    if (item === 2) throw new Error('two');
    return item;
  });
  const all = async () => {
    for await (const item of items) seen.push(item);
  };
  await expect(all()).rejects.toThrow('two');
  expect(seen).toEqual([1]);
  expect(await collect(readAhead([], 3, async (item) => item))).toEqual([]);
});
