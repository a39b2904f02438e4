import type { Check } from './check';
import type { ComputeFacts, MachineFacts } from './farm-facts';
import { judgeCompute } from './judge-farm';

/**
 * Why jobs of a farm that long could run do not, by what AWS says of its queues, machines, quotas and images: what is wrong, of
 * whichever queue, and how many machines there are; where there are none, also what is doubtful or could not be looked at.
 * `undefined` where too little was told to say anything. Pure.
 */
export function explainWaiting(facts: ComputeFacts): readonly string[] | undefined {
  const checks = judgeCompute(facts);
  const of = (state: Check['state']) => checks.filter((check) => check.state === state).map(describeCheck);
  const wrong = of('wrong');
  const { machines } = facts;
  if (!('told' in machines)) return wrong.length > 0 ? wrong : undefined;
  const doubts = machines.told.started === 0 ? of('warning') : [];
  return [...wrong, ...describeMachines(machines.told), ...doubts];
}

function describeCheck({ found, mend }: Check): string {
  return mend === undefined ? found : `${found}: ${mend}`;
}

/** Of those that are lost another line tells. */
function describeMachines({ started, joined, lost }: MachineFacts): string[] {
  const starting = started - joined - lost.length;
  if (joined > 0)
    return [
      `${joined} ${joined === 1 ? 'machine' : 'machines'} of the farm can take jobs: they are busy with other renders, or belong to another queue`,
    ];
  if (starting > 0)
    return [
      `${starting} ${starting === 1 ? 'machine is' : 'machines are'} starting: jobs begin when they have joined`,
    ];
  if (lost.length > 0) return [];
  return [
    'no machine of the farm runs: unless something else is said here, EC2 has none of these types now, or other machines of the account use its quota up',
  ];
}
