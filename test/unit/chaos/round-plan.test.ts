import { RequestFaults } from '../../chaos/request-fault';
import { describePlan, planRound } from '../../chaos/round-plan';

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed);

test('planRound depends on nothing but the seed', () => {
  const plans = SEEDS.map((seed) => JSON.stringify(planRound(seed)));
  expect(SEEDS.map((seed) => JSON.stringify(planRound(seed)))).toEqual(plans);
  expect(new Set(plans).size).toBe(plans.length);
});

test('planRound tries everything within 500 seeds', () => {
  const words = SEEDS.map((seed) => describePlan(planRound(seed))).join('\n');
  const wanted = [
    's3',
    'folder',
    'real Blender',
    'SIGKILL to worker',
    'SIGTERM to scheduler',
    'SIGKILL to blender',
  ];
  const faults = [
    'crash',
    'truncate',
    'no-file',
    'quit',
    'error-then-saved',
    'die-saving',
    'hang',
    'always',
    'answer lost',
  ];
  expect([...wanted, ...faults].filter((word) => !words.includes(word))).toEqual([]);
});

// A child has 10 attempts: faults that spend them all would be no fault of the product's.
test('planRound never uses up the attempts of a slice', () => {
  const triesOfSdk = 3;
  for (const { signals, storageFaults } of SEEDS.map(planRound)) {
    expect(signals.length + Math.ceil(storageFaults.most / triesOfSdk)).toBeLessThan(10);
  }
});

test('RequestFaults depends on the seed and not on the order of requests', () => {
  const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
  const faultsOf = (order: readonly string[]) => {
    const faults = new RequestFaults(1, { rate: 0.3, most: 1000 });
    return new Map(order.map((key) => [key, faults.next('GET', key)]));
  };
  expect(new Map([...faultsOf(keys.toReversed())].toReversed())).toEqual(faultsOf(keys));
  const few = new RequestFaults(1, { rate: 1, most: 7 });
  expect(keys.filter((key) => few.next('PUT', key) !== undefined)).toHaveLength(7);
});
