import {
  familyOf,
  machineTypes,
  mibPerVcpu,
  namedMachines,
  shortList,
  SURE_SHARE,
  vcpusOf,
} from '../jobs/machine-types';
import { quantileOf } from '../render/slice-figures';
import { formatUsd, LEAST_USD } from '../text';

/**
 * Date of the table: On-Demand prices of Linux machines in US dollars, from AWS's price list. Accounts that can be
 * asked report Spot prices instead (see `aws-spot-prices.ts`).
 * Source: https://aws.amazon.com/ec2/pricing/on-demand/
 */
export const TABLE_DATE = '2026-02-09';
const TABLE_REGION = 'us-east-1';

/** Per vCPU-hour. Every size of such a family costs the same by the vCPU. */
const FAMILY_VCPU_USD: Readonly<Record<string, number>> = {
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
 * Machines with GPUs, per hour. The price of a vCPU depends on the size, and the GPUs limit how many slices fit.
 * GPUs: https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
 */
const GPU_MACHINES: Readonly<Record<string, { readonly gpus: number; readonly hourUsd: number }>> = {
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
 * Usual Spot prices as a share of On-Demand prices: a wide range, and no promise. AWS says only "up to 90 % off"
 * (https://aws.amazon.com/ec2/spot/pricing/).
 */
export const SPOT_SHARE = { low: 0.25, middle: 0.4, high: 0.7 } as const;

/** Possible sizes of a family that `machineTypes` does not know. */
const SIZES = [
  'medium',
  'large',
  'xlarge',
  ...[2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 48, 96].map((times) => `${times}xlarge`),
];

/** Types that a setting allows. For a family these are all possible types with at least `leastVcpus`. Pure. */
export function possibleTypes(setting: string, leastVcpus: number): string[] {
  return namedMachines(setting).flatMap((named) => {
    if (named.includes('.')) return [named];
    const types = machineTypes(named)?.map(({ name }) => name) ?? SIZES.map((size) => `${named}.${size}`);
    return types.filter((type) => vcpusOf(type)! >= leastVcpus);
  });
}

/** A range for a figure that is not known exactly. */
export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** Price of a slice's vCPU per hour, in US dollars, on the machines that a farm may use. */
export interface VcpuPrices {
  readonly spot: Spread;
  /** From the table, whatever the source of the Spot prices. */
  readonly onDemand: Spread;
  /** Source of the Spot prices: this account's EC2, or the table. */
  readonly source: 'account' | 'table';
  /** The day of the prices, `2026-11-23`. */
  readonly at: string;
  readonly region: string;
  /** Gaps in these prices, for people. */
  readonly notes: readonly string[];
}

/** The machines that jobs of one kind run on. */
export interface MachinePool {
  /** Families (`m6i`), types (`m6i.2xlarge`) or `default_x86_64`, as in the farm's settings. */
  readonly instanceTypes: readonly string[];
  /** vCPUs of one job. */
  readonly vcpus: number;
  /** Memory of one job in MiB; absent if it is unknown. */
  readonly memoryMib?: number;
  /** Whether a job needs a GPU. */
  readonly gpu: boolean;
}

/** The current price of a Spot machine in one zone. */
export interface SpotOffer {
  readonly instanceType: string;
  readonly zone: string;
  readonly hourUsd: number;
}

/** Prices of the built-in table. `notes` lists what the table lacks. Pure. */
export function tablePrices(pool: MachinePool, region: string): VcpuPrices {
  const { onDemand, notes } = onDemandPrices(pool, region);
  const { low, middle, high } = onDemand;
  return {
    spot: { low: low * SPOT_SHARE.low, middle: middle * SPOT_SHARE.middle, high: high * SPOT_SHARE.high },
    onDemand,
    source: 'table',
    at: TABLE_DATE,
    region,
    notes: [
      `Spot prices are assumed at ${SPOT_SHARE.low * 100} to ${SPOT_SHARE.high * 100} % of On-Demand prices, which is usual but not guaranteed`,
      ...notes,
    ],
  };
}

/**
 * Spot prices from EC2 at `at`: 90 % of the offers are between low and high. If no offer fits the job, these are the
 * table's prices with a note. Pure.
 */
export function accountPrices(
  offers: readonly SpotOffer[],
  pool: MachinePool,
  region: string,
  at: Date,
): VcpuPrices {
  const costs = new Map<string, number[]>();
  for (const { instanceType, zone, hourUsd } of offers) {
    const vcpuUsd =
      hourUsd > 0 && isMeant(instanceType, pool) ? vcpuPrice(instanceType, hourUsd, pool) : undefined;
    if (vcpuUsd === undefined) continue;
    const key = pool.gpu ? `${familyOf(instanceType)} ${zone}` : '';
    costs.set(key, [...(costs.get(key) ?? []), vcpuUsd]);
  }
  // Larger machines of a family may have no more GPUs. AWS Batch takes the smallest while it can.
  const told = pool.gpu ? [...costs.values()].map(least) : (costs.get('') ?? []);
  if (told.length === 0)
    return withNote(tablePrices(pool, region), 'EC2 has no Spot prices for these machines');
  const { onDemand, notes } = onDemandPrices(pool, region);
  const spot = spreadOf(told, 0.1);
  return { spot, onDemand, source: 'account', at: at.toISOString().slice(0, 10), region, notes };
}

/** The same prices with another note, which comes first. */
export function withNote(prices: VcpuPrices, note: string): VcpuPrices {
  return { ...prices, notes: [note, ...prices.notes] };
}

function onDemandPrices(pool: MachinePool, region: string): Pick<VcpuPrices, 'onDemand' | 'notes'> {
  const named = pool.instanceTypes.flatMap(namedMachines);
  const known = named.map((setting) => ({ setting, vcpuUsd: tablePrice(setting, pool) }));
  const prices = known.flatMap(({ vcpuUsd }) => (vcpuUsd === undefined ? [] : [vcpuUsd]));
  const unknown = known.filter(({ vcpuUsd }) => vcpuUsd === undefined).map(({ setting }) => setting);
  const notes = [
    ...(unknown.length === 0 ? [] : [unknownNote(unknown, prices.length > 0)]),
    ...(region === TABLE_REGION
      ? []
      : [`On-Demand prices are those of ${TABLE_REGION}; prices in ${region} differ and are mostly higher`]),
  ];
  return { onDemand: spreadOf(prices.length > 0 ? prices : allPrices(pool), 0), notes };
}

/** Prices of all families in the table, for a pool without a known price. */
function allPrices({ gpu }: MachinePool): number[] {
  const families = gpu ? new Set(Object.keys(GPU_MACHINES).map(familyOf)) : Object.keys(FAMILY_VCPU_USD);
  return [...families].flatMap((family) => tablePrice(family, { instanceTypes: [], vcpus: 1, gpu }) ?? []);
}

function unknownNote(unknown: readonly string[], areOthers: boolean): string {
  const instead = areOthers
    ? 'the prices of the other machines are used'
    : 'the prices of all its machines are used';
  return `the table of ${TABLE_DATE} has no On-Demand price of ${shortList(unknown)} for such a job: ${instead}`;
}

/** On-Demand price per vCPU-hour on the cheapest size of a family or type; `undefined` if the table lacks it. */
function tablePrice(setting: string, pool: MachinePool): number | undefined {
  if (pool.gpu) {
    const prices = Object.entries(GPU_MACHINES)
      .filter(([instanceType]) => instanceType === setting || familyOf(instanceType) === setting)
      .flatMap(([instanceType, { hourUsd }]) => vcpuPrice(instanceType, hourUsd, pool) ?? []);
    return prices.length === 0 ? undefined : least(prices);
  }
  const tooSmall = setting.includes('.') && (vcpusOf(setting) ?? Infinity) < pool.vcpus;
  const vcpuUsd = FAMILY_VCPU_USD[familyOf(setting)];
  return tooSmall || vcpuUsd === undefined ? undefined : vcpuUsd * memoryShare(setting, pool);
}

/**
 * vCPUs of such a machine for each vCPU of a job: more than 1 if the memory of the jobs fills the machine first.
 * Pure.
 */
function memoryShare(instanceType: string, { vcpus, memoryMib }: MachinePool): number {
  const mib = mibPerVcpu(instanceType);
  return mib === undefined || memoryMib === undefined
    ? 1
    : Math.max(1, memoryMib / vcpus / (mib * SURE_SHARE));
}

function isMeant(instanceType: string, { instanceTypes }: MachinePool): boolean {
  const family = familyOf(instanceType);
  return instanceTypes.flatMap(namedMachines).some((named) => named === instanceType || named === family);
}

/**
 * Price per vCPU-hour on a machine that is full of such jobs, as AWS Batch fills it. If each job takes a GPU, the
 * price includes vCPUs that are left over. `undefined` if no job fits.
 */
function vcpuPrice(instanceType: string, hourUsd: number, pool: MachinePool): number | undefined {
  const { vcpus, gpu } = pool;
  const machineVcpus = vcpusOf(instanceType);
  if (machineVcpus === undefined || machineVcpus < vcpus) return undefined;
  if (!gpu) return (hourUsd / machineVcpus) * memoryShare(instanceType, pool);
  const jobs = Math.min(GPU_MACHINES[instanceType]?.gpus ?? 1, Math.floor(machineVcpus / vcpus));
  return hourUsd / (jobs * vcpus);
}

/** The median, and the range without a share `cut` of the values at each end. Needs at least one value. */
function spreadOf(values: readonly number[], cut: number): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  return {
    low: sorted[Math.floor(last * cut)]!,
    middle: quantileOf(sorted, 0.5),
    high: sorted[Math.ceil(last * (1 - cut))]!,
  };
}

const least = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value), Infinity);

/**
 * US dollars for machines of `vcpus` that wait idle for `minutes`. `vcpuUsd` is the hourly price of a vCPU. Pure.
 */
export function warmUsd(vcpuUsd: Spread, vcpus: number, minutes: number): Spread {
  const hours = (vcpus * minutes) / 60;
  return { low: vcpuUsd.low * hours, middle: vcpuUsd.middle * hours, high: vcpuUsd.high * hours };
}

/** `0.12 to 0.31 USD, most likely about 0.19`. */
export function describeSpread({ low, middle, high }: Spread): string {
  const [from, about, to] = [low, middle, high].map(formatUsd);
  if (from !== to) return `${from} to ${to} USD, about ${about}`;
  return about === LEAST_USD ? `${LEAST_USD} USD` : `about ${about} USD`;
}

/** The source of the prices, in one line. */
export function describePrices({ source, at, region }: Pick<VcpuPrices, 'source' | 'at' | 'region'>): string {
  return source === 'account'
    ? `at Spot prices that EC2 reported to this account on ${at} in ${region}`
    : `at prices of the built-in table of ${at}`;
}
