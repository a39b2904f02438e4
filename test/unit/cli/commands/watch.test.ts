import { FIRST_WAIT_SECONDS, nextWaitSeconds } from '../../../../cli/commands/watch';

function waits(count: number, look: Parameters<typeof nextWaitSeconds>[1]): number[] {
  const all = [FIRST_WAIT_SECONDS];
  while (all.length < count) all.push(nextWaitSeconds(all.at(-1)!, look));
  return all;
}

test('nextWaitSeconds grows to 30 seconds while nothing changes', () => {
  expect(waits(9, { changed: false, throttled: false })).toEqual([
    2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30,
  ]);
});

test('nextWaitSeconds is 2 seconds after a change', () => {
  expect(nextWaitSeconds(30, { changed: true, throttled: false })).toBe(2);
});

test('nextWaitSeconds grows at once to 120 seconds while AWS Batch throttles requests', () => {
  expect(waits(6, { changed: true, throttled: true })).toEqual([2, 15, 30, 60, 120, 120]);
});
