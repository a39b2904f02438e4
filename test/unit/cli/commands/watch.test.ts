import { FIRST_WAIT_SECONDS, nextWaitSeconds } from '../../../../cli/commands/watch';

function waits(count: number, look: Parameters<typeof nextWaitSeconds>[1]): number[] {
  const all = [FIRST_WAIT_SECONDS];
  while (all.length < count) all.push(nextWaitSeconds(all.at(-1)!, look));
  return all;
}

test('longer and longer while nothing changes, 30 seconds at most', () => {
  expect(waits(9, { changed: false, throttled: false })).toEqual([
    2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30,
  ]);
});

test('soon again once something has changed', () => {
  expect(nextWaitSeconds(30, { changed: true, throttled: false })).toBe(2);
});

test('longer at once where AWS Batch is throttled, whatever changed', () => {
  expect(waits(6, { changed: true, throttled: true })).toEqual([2, 15, 30, 60, 120, 120]);
});
