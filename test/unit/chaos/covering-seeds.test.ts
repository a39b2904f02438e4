import { COVERING_SEEDS, traitsOf } from '../../chaos/covering-seeds';
import { planRound } from '../../chaos/round-plan';

const traits = (seeds: readonly number[]) => seeds.flatMap((seed) => [...traitsOf(planRound(seed))]);

test('COVERING_SEEDS have everything that can happen to a render at least twice', () => {
  const counts = new Map<string, number>();
  for (const trait of traits(COVERING_SEEDS)) counts.set(trait, (counts.get(trait) ?? 0) + 1);
  const possible = new Set(traits(Array.from({ length: 1000 }, (_, seed) => seed)));
  expect([...possible].filter((trait) => (counts.get(trait) ?? 0) < 2)).toEqual([]);
});
