/**
 * On-Demand prices of Linux machines in US dollars, as AWS's price list had them on this day in this region. Where a farm's
 * account can be asked, it is asked for Spot prices instead (see `aws-spot-prices.ts`).
 * Source: https://aws.amazon.com/ec2/pricing/on-demand/
 */
export const TABLE_DATE = '2026-02-09';
export const TABLE_REGION = 'us-east-1';

/** Per vCPU-hour. Every size of such a family costs the same by the vCPU. */
export const FAMILY_VCPU_USD: Readonly<Record<string, number>> = {
  m5: 0.048,
  m5a: 0.043,
  m5d: 0.0565,
  m6i: 0.048,
  m6a: 0.0432,
  m6id: 0.059325,
  m7i: 0.0504,
  'm7i-flex': 0.04788,
  m7a: 0.05796,
  m8i: 0.05292,
  'm8i-flex': 0.050275,
  m8a: 0.06086,
  c5: 0.0425,
  c5a: 0.0385,
  c5d: 0.048,
  c6i: 0.0425,
  c6a: 0.03825,
  c6id: 0.0504,
  c7i: 0.044625,
  'c7i-flex': 0.042395,
  c7a: 0.05132,
  c8i: 0.046855,
  'c8i-flex': 0.04451,
  c8a: 0.053885,
  r5: 0.063,
  r5a: 0.0565,
  r5d: 0.072,
  r6i: 0.063,
  r6a: 0.0567,
  r6id: 0.0756,
  r7i: 0.06615,
  r7a: 0.076075,
  r8i: 0.06946,
  'r8i-flex': 0.065985,
  r8a: 0.07988,
};

/**
 * Machines with GPUs, by the hour: what a vCPU costs differs by their size, and the GPUs decide how many slices fit.
 * GPUs: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
 */
export const GPU_MACHINES: Readonly<Record<string, { readonly gpus: number; readonly hourUsd: number }>> = {
  'g4dn.xlarge': { gpus: 1, hourUsd: 0.526 },
  'g4dn.2xlarge': { gpus: 1, hourUsd: 0.752 },
  'g4dn.4xlarge': { gpus: 1, hourUsd: 1.204 },
  'g4dn.8xlarge': { gpus: 1, hourUsd: 2.176 },
  'g4dn.12xlarge': { gpus: 4, hourUsd: 3.912 },
  'g4dn.16xlarge': { gpus: 1, hourUsd: 4.352 },
  'g5.xlarge': { gpus: 1, hourUsd: 1.006 },
  'g5.2xlarge': { gpus: 1, hourUsd: 1.212 },
  'g5.4xlarge': { gpus: 1, hourUsd: 1.624 },
  'g5.8xlarge': { gpus: 1, hourUsd: 2.448 },
  'g5.12xlarge': { gpus: 4, hourUsd: 5.672 },
  'g5.16xlarge': { gpus: 1, hourUsd: 4.096 },
  'g5.24xlarge': { gpus: 4, hourUsd: 8.144 },
  'g5.48xlarge': { gpus: 8, hourUsd: 16.288 },
  'g6.xlarge': { gpus: 1, hourUsd: 0.8048 },
  'g6.2xlarge': { gpus: 1, hourUsd: 0.9776 },
  'g6.4xlarge': { gpus: 1, hourUsd: 1.3232 },
  'g6.8xlarge': { gpus: 1, hourUsd: 2.0144 },
  'g6.12xlarge': { gpus: 4, hourUsd: 4.6016 },
  'g6.16xlarge': { gpus: 1, hourUsd: 3.3968 },
  'g6.24xlarge': { gpus: 4, hourUsd: 6.6752 },
  'g6.48xlarge': { gpus: 8, hourUsd: 13.3504 },
  'g6e.xlarge': { gpus: 1, hourUsd: 1.861 },
  'g6e.2xlarge': { gpus: 1, hourUsd: 2.24208 },
  'g6e.4xlarge': { gpus: 1, hourUsd: 3.00424 },
  'g6e.8xlarge': { gpus: 1, hourUsd: 4.52856 },
  'g6e.12xlarge': { gpus: 4, hourUsd: 10.49264 },
  'g6e.16xlarge': { gpus: 1, hourUsd: 7.57719 },
  'g6e.24xlarge': { gpus: 4, hourUsd: 15.06559 },
  'g6e.48xlarge': { gpus: 8, hourUsd: 30.13118 },
};

/**
 * What Spot machines usually cost of the On-Demand price. A range that is meant to be wide, and no promise: AWS itself says
 * "up to 90 % off" and no more (https://aws.amazon.com/ec2/spot/pricing/).
 */
export const SPOT_SHARE = { low: 0.25, middle: 0.4, high: 0.7 } as const;
