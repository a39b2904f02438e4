import { familyOf, vcpusOf } from './instance-types';
import { FAMILY_VCPU_USD, GPU_MACHINES, SPOT_SHARE, TABLE_DATE, TABLE_REGION } from './price-table';

/** A figure that nobody knows exactly. */
export interface Spread {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** What a vCPU of a slice costs by the hour, in US dollars, on the machines that a farm may take. */
export interface VcpuPrices {
  readonly spot: Spread;
  /** Of the table, wherever Spot prices come from: EC2 tells no others. */
  readonly onDemand: Spread;
  /** Where Spot prices come from: EC2, asked by this account, or the table. */
  readonly source: 'account' | 'table';
  /** The day that they are of, `2026-11-23`. */
  readonly at: string;
  readonly region: string;
  /** What these prices do not know, for people. */
  readonly notes: readonly string[];
}

/** The machines that jobs of one kind run on. */
export interface MachinePool {
  /** Families (`m6i`) or types (`m6i.2xlarge`), as in the farm's settings. */
  readonly instanceTypes: readonly string[];
  /** vCPUs of one job. */
  readonly vcpus: number;
  /** Whether a job takes a GPU. */
  readonly gpu: boolean;
}

/** What a Spot machine costs now in one zone. */
export interface SpotOffer {
  readonly instanceType: string;
  readonly zone: string;
  readonly hourUsd: number;
}

/** Prices of the built-in table. Pure; what it does not know stands in `notes`. */
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
      `Spot prices are taken for ${SPOT_SHARE.low * 100} to ${SPOT_SHARE.high * 100} % of On-Demand prices, which is usual and no promise`,
      ...notes,
    ],
  };
}

/**
 * Spot prices as EC2 told them at `at`: nine of ten offers lie between low and high. Prices of the table, which say so, where
 * none of the offers is of a machine that such a job fits on. Pure.
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
  // Of machines with GPUs the large ones have no more of them: nobody takes those while there are small ones.
  const told = pool.gpu ? [...costs.values()].map(least) : (costs.get('') ?? []);
  if (told.length === 0)
    return withNote(tablePrices(pool, region), 'EC2 told no Spot prices of these machines');
  const { onDemand, notes } = onDemandPrices(pool, region);
  const spot = spreadOf(told, 0.1);
  return { spot, onDemand, source: 'account', at: at.toISOString().slice(0, 10), region, notes };
}

/** The same prices with one more thing to say about them, first. */
export function withNote(prices: VcpuPrices, note: string): VcpuPrices {
  return { ...prices, notes: [note, ...prices.notes] };
}

function onDemandPrices(pool: MachinePool, region: string): Pick<VcpuPrices, 'onDemand' | 'notes'> {
  const known = pool.instanceTypes.map((setting) => ({ setting, vcpuUsd: tablePrice(setting, pool) }));
  const prices = known.flatMap(({ vcpuUsd }) => (vcpuUsd === undefined ? [] : [vcpuUsd]));
  const unknown = known.filter(({ vcpuUsd }) => vcpuUsd === undefined).map(({ setting }) => setting);
  const notes = [
    ...(unknown.length === 0 ? [] : [unknownNote(unknown, prices.length > 0)]),
    ...(region === TABLE_REGION
      ? []
      : [
          `On-Demand prices are those of ${TABLE_REGION}; those of ${region} are others, most of them higher`,
        ]),
  ];
  return { onDemand: spreadOf(prices.length > 0 ? prices : allPrices(pool), 0), notes };
}

/** A job that is too large for all of these machines is reckoned like one that is not. */
function allPrices({ gpu }: MachinePool): number[] {
  const families = gpu ? new Set(Object.keys(GPU_MACHINES).map(familyOf)) : Object.keys(FAMILY_VCPU_USD);
  return [...families].flatMap((family) => tablePrice(family, { instanceTypes: [], vcpus: 1, gpu }) ?? []);
}

function unknownNote(unknown: readonly string[], areOthers: boolean): string {
  const names =
    unknown.length > MOST_NAMES ? `${unknown.slice(0, MOST_NAMES).join(', ')}, …` : unknown.join(', ');
  const instead = areOthers ? 'the others stand for them' : 'all that it knows stand for them';
  return `the table of ${TABLE_DATE} knows no On-Demand price of ${names} for such a job: ${instead}`;
}

const MOST_NAMES = 5;

/** What a vCPU of such a job costs On-Demand on a family or type, at its cheapest; `undefined` where the table does not know. */
function tablePrice(setting: string, pool: MachinePool): number | undefined {
  if (pool.gpu) {
    const prices = Object.entries(GPU_MACHINES)
      .filter(([instanceType]) => instanceType === setting || familyOf(instanceType) === setting)
      .flatMap(([instanceType, { hourUsd }]) => vcpuPrice(instanceType, hourUsd, pool) ?? []);
    return prices.length === 0 ? undefined : least(prices);
  }
  const tooSmall = setting.includes('.') && (vcpusOf(setting) ?? Infinity) < pool.vcpus;
  return tooSmall ? undefined : FAMILY_VCPU_USD[familyOf(setting)];
}

function isMeant(instanceType: string, { instanceTypes }: MachinePool): boolean {
  return instanceTypes.some((setting) => setting === instanceType || setting === familyOf(instanceType));
}

/**
 * What a vCPU of a job costs on a machine that is full of such jobs, as AWS Batch fills it. Each takes a GPU where it takes
 * any, and the machine's vCPUs that are left over then have to be paid as well. `undefined` where none fits on it.
 */
function vcpuPrice(instanceType: string, hourUsd: number, { vcpus, gpu }: MachinePool): number | undefined {
  const machineVcpus = vcpusOf(instanceType);
  if (machineVcpus === undefined || machineVcpus < vcpus) return undefined;
  if (!gpu) return hourUsd / machineVcpus;
  const jobs = Math.min(GPU_MACHINES[instanceType]?.gpus ?? 1, Math.floor(machineVcpus / vcpus));
  return hourUsd / (jobs * vcpus);
}

/** The median, and between which all but a `cut` on each side lie. Of at least one. */
function spreadOf(values: readonly number[], cut: number): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  return {
    low: sorted[Math.floor(last * cut)]!,
    middle: sorted[Math.floor(last / 2)]!,
    high: sorted[Math.ceil(last * (1 - cut))]!,
  };
}

const least = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value), Infinity);
