import { setImmediate as nextTurn } from 'node:timers/promises';
import { forEachConcurrently, mapConcurrently } from '../../../core/concurrency';

test('mapConcurrently returns results in the order of the items and limits the running work', async () => {
  let [running, most] = [0, 0];
  const results = await mapConcurrently([5, 1, 4, 2, 3, 0], 2, async (turns) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < turns; turn += 1) await nextTurn();
    running -= 1;
    return turns * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30, 0]);
  expect(most).toBe(2);
});

test('mapConcurrently starts no work after a fault and waits for the running work', async () => {
  const [begun, ended]: [number[], number[]] = [[], []];
  const work = mapConcurrently([1, 2, 3, 4], 2, async (item) => {
    begun.push(item);
    await nextTurn();
    if (item === 1) throw new Error('first');
    await nextTurn();
    ended.push(item);
  });
  await expect(work).rejects.toThrow('first');
  expect(begun).toEqual([1, 2]);
  expect(ended).toEqual([2]);
});

test('mapConcurrently returns nothing for no items', async () => {
  expect(await mapConcurrently([], 8, async () => 1)).toEqual([]);
});

test('forEachConcurrently requests no item before its work can start', async () => {
  let [asked, done] = [0, 0];
  const seen: number[] = [];
  async function* items() {
    for (let item = 0; item < 50; item += 1) {
      asked += 1;
      yield item;
    }
  }
  await forEachConcurrently(items(), 4, async (item) => {
    seen.push(item);
    await nextTurn();
    expect(asked - done).toBeLessThanOrEqual(4);
    done += 1;
  });
  expect(seen).toEqual(Array.from({ length: 50 }, (_, item) => item));
});

test.each(['work', 'list'])('forEachConcurrently ends the listing after a fault of the %s', async (where) => {
  let [begun, closed] = [0, false];
  async function* items() {
    try {
      for (let item = 0; item < 100; item += 1) {
        if (where === 'list' && item === 5) throw new Error('no list');
        yield item;
      }
    } finally {
      closed = true;
    }
  }
  const work = async (item: number) => {
    begun += 1;
    await nextTurn();
    if (where === 'work' && item === 5) throw new Error('no work');
  };
  await expect(forEachConcurrently(items(), 3, work)).rejects.toThrow(`no ${where}`);
  expect(begun).toBeLessThan(12);
  expect(closed).toBe(true);
});
