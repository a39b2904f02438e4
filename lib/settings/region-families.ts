import { familyOf } from '../../core/jobs/machine-types';

/**
 * Families of `machineTypes` that a region does not offer. From the answers of EC2's DescribeInstanceTypeOfferings that
 * moto 5.2.5 contains. Regions gain families, so a family may be offered by now; `checkInstanceTypes` overrides this table.
 */
const LACKS: Readonly<Record<string, string>> = {
  'af-south-1': 'm5a m6a m6id m7i-flex m7a m8a c6a c6id c7a c8a r5a r6a r7i r7a r8a g5 g6 g6e',
  'ap-east-1':
    'm5a m6a m6id m7a m8i m8i-flex m8a c6id c7a c8i c8i-flex c8a r5a r6a r6id r7i r7a r8i r8i-flex r8a g6 g6e',
  'ap-northeast-1': '',
  'ap-northeast-2': 'm6a m7a m8a c6a c7a c8a r6a r7a r8a',
  'ap-northeast-3':
    'm5a m6a m6id m7a m8i m8i-flex m8a c5a c6a c6id c7i-flex c7a c8i c8i-flex c8a r5a r6a r6id r7a r8i r8i-flex r8a g5 g6',
  'ap-south-1': 'm7a c6id c7a c8a r7a r8a',
  'ap-south-2': 'm5a m6id m7a c5a c6id c7a c8a r5a r6id r8a g4dn g5',
  'ap-southeast-1': 'm7a m8a c8a r7a r8a g5 g6 g6e',
  'ap-southeast-2': 'm8a c7a c8a r7a r8a g6e',
  'ap-southeast-3':
    'm5a m6a m6id m7a m8i m8i-flex m8a c5a c6i c6a c6id c7a c8i c8i-flex c8a r5a r6i r6a r6id r7a r8i r8i-flex r8a g4dn g6 g6e',
  'ap-southeast-4':
    'm5a m6i m6a m6id m7a m8i m8i-flex m8a c5a c6i c6a c6id c7i-flex c7a c8i c8i-flex c8a r5a r6i r6a r6id r7a r8i r8i-flex r8a g4dn g5 g6 g6e',
  'ap-southeast-5': 'm5 m5a m5d m6a m7a m8a c5 c5a c5d c6a c7a c8a r5 r5a r5d r6a r7a r8a g4dn g5 g6e',
  'ca-central-1': 'm7a m8a c7a c8a r6id r7a g6e',
  'ca-west-1':
    'm5a m6a m7i m7i-flex m7a m8a c5a c5d c6a c7i-flex c7a c8i c8i-flex c8a r5a r5d r6a r7i r7a r8a g4dn g5 g6 g6e',
  'eu-central-1': '',
  'eu-central-2':
    'm5a m6a m7i-flex m7a m8i m8i-flex m8a c5a c6i c6a c6id c7a c8i c8i-flex c8a r5a r6a r6id r7i r7a r8a g4dn g5 g6e',
  'eu-north-1': 'm5a m6a m6id m8i m8i-flex m8a c6a c6id c8i-flex c8a r5a r6a r6id r8a',
  'eu-south-1': 'm7i-flex m7a m8i m8i-flex m8a c6a c7a c8i c8i-flex c8a r6a r6id r7a r8a g5 g6 g6e',
  'eu-south-2': 'm5a m6i m6a c5a c6i c6a c6id r5a r6i r6a g4dn',
  'eu-west-1': 'g6 g6e',
  'eu-west-2': 'm8a c8a r7a r8a g6e',
  'eu-west-3': 'm6id m7a m8a c6a c7a c8a r6a r6id r7a r8a g6e',
  'il-central-1':
    'm5a m6a m7i-flex m7a m8i m8i-flex m8a c5a c6a c7i-flex c7a c8i c8i-flex c8a r5a r6a r7i r7a r8i-flex r8a g4dn g6 g6e',
  'me-central-1':
    'm5a m6a m6id m7i-flex m7a m8i m8i-flex m8a c5a c6i c6a c6id c7i-flex c7a c8i c8i-flex c8a r5a r6a r6id r7i r7a r8i-flex r8a g4dn',
  'me-south-1':
    'm5a m6a m6id m7i m7i-flex m7a m8i m8i-flex m8a c6a c6id c7i c7i-flex c7a c8i c8i-flex c8a r5a r6a r6id r7i r7a r8i r8i-flex r8a g5 g6 g6e',
  'sa-east-1': 'm7a m8a c7a c8a r6a r6id r7a r8a g6e',
  'us-east-1': '',
  'us-east-2': '',
  'us-west-1': 'm7a m8a c6id c8a r6id r7a r8a g5 g6 g6e',
  'us-west-2': '',
};

/** Whether a region lacks this family or type; `false` if the table lacks the region or the family. Pure. */
export function isLacking(region: string, named: string): boolean {
  return LACKS[region]?.split(' ').includes(familyOf(named)) ?? false;
}

/** Whether the table has the region. Pure. */
export function isKnownRegion(region: string | undefined): region is string {
  return region !== undefined && LACKS[region] !== undefined;
}
