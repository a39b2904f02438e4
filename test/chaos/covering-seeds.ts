import type { RoundPlan } from './round-plan';

/** Seeds whose rounds together have every kind of fault at least twice; a test checks this. */
export const COVERING_SEEDS: readonly number[] = [434, 498, 110, 1459, 408, 1027, 1870, 35, 7, 118];

/** The faults of a plan, in words. */
export function traitsOf(plan: RoundPlan): Set<string> {
  const deliveries = plan.waves.flat();
  return new Set([
    plan.storage,
    `${plan.blender} Blender`,
    ...(plan.large ? ['large video'] : []),
    plan.cached ? 'shared files' : 'files of its own',
    `${plan.waves.length} waves`,
    `${plan.endings} endings`,
    ...(plan.storageFaults.most > 0 ? [`storage fails at ${plan.storageFaults.rate}`] : []),
    ...Object.values(plan.frameFaults).flatMap(({ fault, once }) => [fault, once ? 'once' : 'always']),
    ...plan.signals.map(({ signal, target }) => `${signal} to ${target}`),
    ...deliveries.flatMap(({ faultAt, fault }) => (faultAt > 0 ? [`call: ${fault}`] : [])),
    ...(deliveries.some(({ outdated }) => outdated) ? ['outdated event'] : []),
    ...(deliveries.some(({ lateAnswers }) => lateAnswers) ? ['late answers'] : []),
  ]);
}
