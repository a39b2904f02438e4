/**
 * A group of x86 families that AWS Batch chooses for each region, because few families exist in all of them.
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html
 */
export const DEFAULT_X86 = 'default_x86_64';

/**
 * Families of `default_x86_64`, by the documentation. AWS Batch takes those that a region offers, and may change them.
 * https://docs.aws.amazon.com/batch/latest/userguide/instance-type-compute-table.html
 */
const DEFAULT_X86_FAMILIES = ['m6i', 'c6i', 'r6i', 'c7i'] as const;

const UP_TO_64 = [2, 4, 8, 16, 32, 48, 64] as const;
const UP_TO_96 = [...UP_TO_64, 96] as const;
const UP_TO_128 = [...UP_TO_96, 128] as const;
const UP_TO_192 = [...UP_TO_128, 192] as const;
const INTEL_7 = [...UP_TO_96, 192] as const;
const AMD_7 = [1, ...UP_TO_192] as const;
const INTEL_8 = [...UP_TO_192, 384] as const;
const AMD_8 = [1, ...INTEL_7] as const;
const C5 = [2, 4, 8, 16, 36, 48, 72, 96] as const;
const G4 = [4, 8, 16, 32, 48, 64] as const;
const G5 = [...G4, 96, 192] as const;

/**
 * vCPUs of each size of a family, without bare metal: AWS Batch takes that only by name. From the answers of EC2's
 * DescribeInstanceTypes that moto 5.2.5 contains.
 */
const FAMILY_VCPUS: Readonly<Record<string, readonly number[]>> = {
  ...all(UP_TO_96, 'm5', 'm5a', 'm5d', 'c5a', 'r5', 'r5a', 'r5d'),
  ...all(UP_TO_128, 'm6i', 'm6id', 'c6i', 'c6id', 'r6i', 'r6id'),
  ...all(UP_TO_192, 'm6a', 'c6a', 'r6a'),
  ...all(INTEL_7, 'm7i', 'c7i', 'r7i'),
  ...all(AMD_7, 'm7a', 'c7a', 'r7a'),
  ...all(INTEL_8, 'm8i', 'c8i', 'r8i'),
  ...all(AMD_8, 'm8a', 'c8a', 'r8a'),
  ...all(UP_TO_64, 'm7i-flex', 'c7i-flex', 'm8i-flex', 'c8i-flex', 'r8i-flex'),
  ...all(C5, 'c5', 'c5d'),
  ...all(G4, 'g4dn'),
  ...all(G5, 'g5', 'g6', 'g6e'),
};

function all(vcpus: readonly number[], ...families: readonly string[]): Record<string, readonly number[]> {
  return Object.fromEntries(families.map((family) => [family, vcpus]));
}

/** GiB of memory for each vCPU, by the first letter of a family; every size of these families has the same share. */
const GIB_PER_VCPU: Readonly<Record<string, number>> = { c: 2, m: 4, r: 8, g: 4, g6e: 8 };

/**
 * Share of the memory of a machine that a job can have at most. Linux keeps a 64th for its page tables, and ECS and the
 * system need more: an m4.large has 7,985 of 8,192 MiB left.
 * https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
 */
const MOST_SHARE = 63 / 64;

/** Share of the memory of a machine that its jobs surely have: an assumption with some room. */
export const SURE_SHARE = 0.9;

/** An instance type. */
export interface MachineType {
  /** `m6i.2xlarge`. */
  readonly name: string;
  readonly vcpus: number;
  /** As EC2 lists it; a job can have less. */
  readonly memoryMib: number;
  readonly gpus: number;
}

/** Resources of one job. */
export interface JobNeeds {
  readonly vcpus: number;
  /** Any amount if absent. */
  readonly memoryMib?: number;
  readonly gpu?: boolean;
}

/** `m6i` for `m6i.2xlarge` and for `m6i`. */
export function familyOf(instanceType: string): string {
  return instanceType.split('.', 1)[0]!;
}

/**
 * vCPUs of an x86 machine, by the name of its size: `xlarge` has 4, `<n>xlarge` n times as many
 * (https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html); `undefined` for bare metal.
 */
export function vcpusOf(instanceType: string): number | undefined {
  const size = instanceType.slice(instanceType.indexOf('.') + 1);
  if (size === 'medium') return 1;
  if (size === 'large') return 2;
  const times = /^(\d{0,3})xlarge$/.exec(size)?.[1];
  return times === undefined ? undefined : Number(times || 1) * 4;
}

/** The opposite of `vcpusOf`. */
function sizeOf(vcpus: number): string {
  if (vcpus < 4) return vcpus === 1 ? 'medium' : 'large';
  return `${vcpus === 4 ? '' : vcpus / 4}xlarge`;
}

/** The families or the type of a setting: `default_x86_64` has several. Pure. */
export function namedMachines(setting: string): readonly string[] {
  return setting === DEFAULT_X86 ? DEFAULT_X86_FAMILIES : [setting];
}

/** MiB of memory for each vCPU; `undefined` for a family that the table lacks. */
export function mibPerVcpu(instanceType: string): number | undefined {
  const family = familyOf(instanceType);
  const gib = FAMILY_VCPUS[family] && (GIB_PER_VCPU[family] ?? GIB_PER_VCPU[family[0]!]);
  return gib === undefined ? undefined : gib * 1024;
}

/**
 * The types of a family, smallest first, or the one type that is named; `undefined` if the table lacks them. Pure.
 */
export function machineTypes(named: string): MachineType[] | undefined {
  const family = familyOf(named);
  const types = FAMILY_VCPUS[family]?.map((vcpus): MachineType => {
    const gpus = family.startsWith('g') ? gpusOf(vcpus) : 0;
    return { name: `${family}.${sizeOf(vcpus)}`, vcpus, memoryMib: vcpus * mibPerVcpu(family)!, gpus };
  });
  if (named === family) return types;
  const type = types?.find(({ name }) => name === named);
  return type && [type];
}

/** GPUs of a size of g4dn, g5, g6 and g6e. https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html */
function gpusOf(vcpus: number): number {
  if (vcpus === 192) return 8;
  return vcpus === 48 || vcpus === 96 ? 4 : 1;
}

/**
 * Whether a machine of these families or types can run one such job: `no` if none can, `unknown` if the table lacks one of
 * them. `share` is the part of a machine's memory that jobs can have. Pure.
 */
export function fitOf(
  instanceTypes: readonly string[],
  { vcpus, memoryMib = 0, gpu = false }: JobNeeds,
  share = MOST_SHARE,
): 'yes' | 'no' | 'unknown' {
  const known = instanceTypes.flatMap(namedMachines).map(machineTypes);
  const fits = (type: MachineType): boolean =>
    type.vcpus >= vcpus && type.memoryMib * share >= memoryMib && type.gpus >= (gpu ? 1 : 0);
  if (known.some((types) => types?.some(fits))) return 'yes';
  return known.includes(undefined) ? 'unknown' : 'no';
}

/** The size of a slice that is retried because it ran out of memory. */
export interface LargerSize {
  readonly memoryMib: number;
  /** Absent if the vCPUs stay. */
  readonly vcpus?: number;
}

/**
 * Sizes with twice the memory, the better first, on machines that surely have it: with twice the vCPUs, else with the
 * same. `parallel` slices of the usual size run in the queue at a time. Pure.
 */
export function largerSizes(
  instanceTypes: readonly string[],
  { vcpus, memoryMib, gpu }: JobNeeds & { readonly memoryMib: number },
  parallel: number,
): LargerSize[] {
  const twice = memoryMib * 2;
  const fits = (times: number): boolean =>
    times <= parallel &&
    fitOf(instanceTypes, { vcpus: vcpus * times, memoryMib: twice, gpu }, SURE_SHARE) === 'yes';
  return [
    ...(fits(2) ? [{ memoryMib: twice, vcpus: vcpus * 2 }] : []),
    ...(fits(1) ? [{ memoryMib: twice }] : []),
  ];
}

/** Why no machine can run one such job; `undefined` if one can, or if that is unknown. Pure. */
export function fitFault(instanceTypes: readonly string[], needs: JobNeeds): string | undefined {
  if (fitOf(instanceTypes, needs) !== 'no') return undefined;
  const { vcpus, memoryMib, gpu } = needs;
  const types = instanceTypes.flatMap(namedMachines).flatMap((named) => machineTypes(named) ?? []);
  const large = types.filter((type) => type.vcpus >= vcpus && (!gpu || type.gpus > 0));
  const names = shortList(instanceTypes);
  if (large.length === 0 || memoryMib === undefined)
    return `no machine of ${names} has ${vcpus} vCPUs${gpu ? ' and a GPU' : ''}`;
  const most = large.reduce((least, type) => Math.max(least, type.memoryMib), 0);
  const least = Math.floor(most * MOST_SHARE);
  return `no machine of ${names} has ${memoryMib} MiB for a job with ${vcpus} vCPUs; the largest leaves about ${least} MiB`;
}

const MOST_NAMES = 5;

/** `m6i, r6i`; the first of them if there are many. */
export function shortList(names: readonly string[]): string {
  return names.length > MOST_NAMES ? `${names.slice(0, MOST_NAMES).join(', ')}, …` : names.join(', ');
}
