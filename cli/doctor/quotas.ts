import type { EnvironmentFacts } from './farm-facts';

/** One of EC2's quotas of vCPUs, which an account has for each region. */
export interface Quota {
  readonly code: string;
  readonly name: string;
}

type Market = 'spot' | 'onDemand';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html and ec2-on-demand-instances.html */
const QUOTAS: Readonly<Record<'standard' | 'g' | 'p', Readonly<Record<Market, Quota>>>> = {
  standard: {
    spot: { code: 'L-34B43A08', name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests' },
    onDemand: {
      code: 'L-1216C47A',
      name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    },
  },
  g: {
    spot: { code: 'L-3819A6DF', name: 'All G and VT Spot Instance Requests' },
    onDemand: { code: 'L-DB2E81BA', name: 'Running On-Demand G and VT instances' },
  },
  p: {
    spot: { code: 'L-7212CCBC', name: 'All P Spot Instance Requests' },
    onDemand: { code: 'L-417A185B', name: 'Running On-Demand P instances' },
  },
};

/** Families whose names begin like others', but that have quotas of their own. */
const OF_THEIR_OWN = /^(dl|hpc|inf|mac|trn)/;

/** The quotas that a compute environment's machines count against; of families with others none. Pure. */
export function quotasOf({ isSpot, instanceTypes }: EnvironmentFacts): Quota[] {
  const groups = instanceTypes.map(groupOf).filter((group) => group !== undefined);
  return [...new Set(groups)].map((group) => QUOTAS[group][isSpot ? 'spot' : 'onDemand']);
}

function groupOf(instanceType: string): keyof typeof QUOTAS | undefined {
  // AWS Batch's own choice is of the M, C and R families.
  if (instanceType === 'optimal' || instanceType.startsWith('default_')) return 'standard';
  if (OF_THEIR_OWN.test(instanceType)) return undefined;
  if (/^(g|vt)/.test(instanceType)) return 'g';
  if (/^p\d/.test(instanceType)) return 'p';
  return /^[acdhimrtz]/.test(instanceType) ? 'standard' : undefined;
}
