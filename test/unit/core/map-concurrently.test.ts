import { setImmediate as nextTurn } from 'node:timers/promises';
import { mapConcurrently } from '../../../core/map-concurrently';

test('results come in the order of the items, and no more than so many are worked on at once', async () => {
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

test('after a fault nothing is begun, and what had begun is awaited', async () => {
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

test('nothing to do is done', async () => {
  expect(await mapConcurrently([], 8, async () => 1)).toEqual([]);
});
