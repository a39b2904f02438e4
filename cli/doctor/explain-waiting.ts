import type { Check } from './check';
import type { ComputeFacts, MachineFacts } from './farm-facts';
import { judgeCompute } from './judge-farm';

/**
 * Why jobs of a farm that long could run do not, by what AWS says of its queues, machines, quotas and images: what is wrong, or
 * else how many machines there are. `undefined` where too little was told to say anything. Pure.
 */
export function explainWaiting(facts: ComputeFacts): readonly string[] | undefined {
  const checks = judgeCompute(facts);
  const wrong = checks.filter(({ state }) => state === 'wrong');
  if (wrong.length > 0) return wrong.map(describeWrong);
  const { environments, machines } = facts;
  if (!('told' in environments) || !('told' in machines)) return undefined;
  return [describeMachines(machines.told)];
}

function describeWrong({ found, mend }: Check): string {
  return mend === undefined ? found : `${found}: ${mend}`;
}

function describeMachines({ started, joined }: MachineFacts): string {
  if (joined > 0)
    return `${joined} ${joined === 1 ? 'machine' : 'machines'} of the farm can take jobs: they are busy with other renders, or belong to another queue`;
  if (started > 0)
    return `${started} ${started === 1 ? 'machine is' : 'machines are'} starting: jobs begin when they have joined`;
  return 'no machine of the farm runs, and none of its settings is in the way: EC2 has none of these types now, or other machines of the account use its quota up';
}
