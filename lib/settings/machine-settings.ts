import { z } from 'zod';
import { USUAL_FARM } from '../../core/jobs/farm';
import { DEFAULT_X86, familyOf, fitFault, machineTypes } from '../../core/jobs/machine-types';
import { isKnownRegion, isLacking } from './region-families';
import type { SettingsOrigin } from './setting-names';

/**
 * Families that replace `default_x86_64` if `maxMachineVcpus` is set: AWS Batch limits no sizes of a group. These are
 * the documented families of the group and the next generation of them, for regions without the former.
 */
const LIMITED_DEFAULT = ['m6i', 'm7i', 'r6i', 'r7i', 'c6i', 'c7i'] as const;

/**
 * Limits of AWS Batch, where 0 switches the delay off:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeScalingPolicy.html
 */
const [LEAST_WARM, MOST_WARM] = [20, 10_080];

/** The setting `warmMinutes`. A test computes the price in its description from the table of prices. */
export const warmMinutes = z
  .int()
  .min(0)
  .max(MOST_WARM)
  .refine((minutes) => minutes === 0 || minutes >= LEAST_WARM, `must be 0, or ${LEAST_WARM} or more`)
  .default(0)
  .describe(
    `minutes that an idle Spot machine, also with GPUs, waits for the next job: 0, or ${LEAST_WARM} or more; 0: AWS Batch ends it soon. A waiting machine costs its Spot price: 16 vCPUs for 20 minutes about 0.10 USD (docs/costs.md)`,
  );

/** The setting `persistentData`: what slices do if their render does not choose. */
export const persistentData = z
  .enum(['auto', 'on', 'off'])
  .default('auto')
  .describe(
    'whether Cycles keeps its data between frames: `auto` also checks that no pixel changes. The option `persistent-data` of a render overrides it',
  );

/** The settings that decide about machines. */
interface MachineChoices {
  readonly instanceTypes: string[];
  readonly gpuInstanceTypes: string[];
  readonly gpuVcpus: number;
  readonly maxMachineVcpus?: number;
  readonly checkInstanceTypes: boolean;
  readonly renderVcpus: number;
  readonly renderMemoryMib: number;
  readonly stitchVcpus: number;
  readonly stitchMemoryMib: number;
}

type Pool = 'instanceTypes' | 'gpuInstanceTypes';

interface PoolMachines {
  readonly names: readonly string[];
  readonly problems: readonly string[];
}

/** Settings whose lists have the families and types for the compute environments, and problems of these lists. */
interface MachineSettings<S> {
  readonly settings: S;
  readonly problems: readonly string[];
}

/**
 * Chooses the machines of a farm in `region` and checks that they can run its jobs. Without a region, or in one that the
 * built-in table lacks, it does not check what the region offers. Pure.
 */
export function chooseMachines<S extends MachineChoices>(
  settings: S,
  region: string | undefined,
  origin: SettingsOrigin,
): MachineSettings<S> {
  const { gpuVcpus, stitchVcpus, stitchMemoryMib, renderVcpus, renderMemoryMib } = settings;
  const usual = poolMachines('instanceTypes', settings, region, origin);
  const gpu = gpuVcpus > 0 ? poolMachines('gpuInstanceTypes', settings, region, origin) : undefined;
  const chosen: S = {
    ...settings,
    instanceTypes: [...usual.names],
    ...(gpu && { gpuInstanceTypes: [...gpu.names] }),
  };
  const problems = [...usual.problems, ...(gpu?.problems ?? [])];
  if (problems.length > 0) return { settings, problems };
  const slice = { vcpus: renderVcpus, memoryMib: renderMemoryMib };
  const stitch = { vcpus: stitchVcpus, memoryMib: stitchMemoryMib };
  const larger = (pool: Pool) =>
    settings.maxMachineVcpus === undefined ? `or add larger machines to ${pool}` : 'or raise maxMachineVcpus';
  const render = 'lower renderMemoryMib or renderVcpus';
  const faults = [
    [
      fitFault(chosen.instanceTypes, slice),
      `a slice fits no machine`,
      `${render}, ${larger('instanceTypes')}`,
    ],
    [
      fitFault(chosen.instanceTypes, stitch),
      `the stitch job fits no machine`,
      `lower stitchMemoryMib or stitchVcpus, ${larger('instanceTypes')}`,
    ],
    [
      gpu && fitFault(chosen.gpuInstanceTypes, { ...slice, gpu: true }),
      `a slice fits no machine with a GPU`,
      `${render}, ${larger('gpuInstanceTypes')}`,
    ],
  ] as const;
  return {
    settings: chosen,
    problems: faults.flatMap(([fault, what, fix]) =>
      fault === undefined ? [] : [`${what}: ${fault}; ${fix}`],
    ),
  };
}

function poolMachines(
  pool: Pool,
  settings: MachineChoices,
  region: string | undefined,
  origin: SettingsOrigin,
): PoolMachines {
  const { maxMachineVcpus, checkInstanceTypes } = settings;
  const offered = (name: string) => !isKnownRegion(region) || !isLacking(region, name);
  const given: readonly string[] = settings[pool];
  // A region that lacks some of the default families gets the others.
  const isDefaultGpu = pool === 'gpuInstanceTypes' && given.join() === USUAL_FARM.gpuInstanceTypes.join();
  const names = isDefaultGpu && checkInstanceTypes ? given.filter(offered) : given;
  if (names.length === 0) {
    const problem = `gpuInstanceTypes: ${region} offers none of ${given.join(', ')}; set gpuInstanceTypes, or gpuVcpus to 0`;
    return { names, problems: [problem] };
  }
  const lacking = checkInstanceTypes ? names.filter((name) => !offered(name)) : [];
  if (lacking.length > 0) return { names, problems: [lackingProblem(pool, lacking, region!)] };
  if (maxMachineVcpus === undefined) return { names, problems: [] };
  if (names.includes(DEFAULT_X86) && !isKnownRegion(region)) {
    const problem = `maxMachineVcpus limits no sizes of ${DEFAULT_X86}: ${origin.region} of the built-in table, or list families in instanceTypes`;
    return { names, problems: [problem] };
  }
  const families = names.flatMap((name) => (name === DEFAULT_X86 ? LIMITED_DEFAULT.filter(offered) : [name]));
  return limitSizes(pool, families, maxMachineVcpus, leastVcpus(pool, settings));
}

function lackingProblem(pool: Pool, lacking: readonly string[], region: string): string {
  const instead = pool === 'instanceTypes' ? `, or use ${DEFAULT_X86}` : '';
  return `${pool}: by the built-in table, ${region} does not offer ${lacking.join(', ')}; remove that${instead}; if AWS offers it now, set checkInstanceTypes to false`;
}

/** Smaller machines run no job of the farm. */
function leastVcpus(pool: Pool, { renderVcpus, stitchVcpus }: MachineChoices): number {
  return pool === 'instanceTypes' ? Math.min(renderVcpus, stitchVcpus) : renderVcpus;
}

/** Most types after that. The farm's description and the environment of its Lambdas have limits. */
const MOST_TYPES = 50;

/** The types of these families with `least` to `most` vCPUs. */
function limitSizes(pool: Pool, names: readonly string[], most: number, least: number): PoolMachines {
  const all = names.map((name) => ({ name, types: machineTypes(name) }));
  const unknown = all.flatMap(({ name, types }) => (types ? [] : [name]));
  const tooLarge = all.flatMap(({ name, types = [] }) =>
    name !== familyOf(name) && types.some(({ vcpus }) => vcpus > most) ? [name] : [],
  );
  const problems = [
    ...unknown.map(
      (name) =>
        `${pool}: the sizes of ${name} are unknown, so maxMachineVcpus cannot limit them; remove ${name}, or remove maxMachineVcpus`,
    ),
    ...tooLarge.map(
      (name) =>
        `${pool}: ${name} has more than maxMachineVcpus (${most}) vCPUs; remove it, or raise maxMachineVcpus`,
    ),
  ];
  const fitting = all.flatMap(({ types = [] }) =>
    types.filter(({ vcpus }) => vcpus >= least && vcpus <= most).map(({ name }) => name),
  );
  if (problems.length === 0 && fitting.length === 0)
    problems.push(
      `maxMachineVcpus is ${most}, but a job needs ${least} vCPUs, and no machine of ${pool} is between; raise maxMachineVcpus, or lower renderVcpus`,
    );
  const chosen = [...new Set(fitting)];
  if (chosen.length > MOST_TYPES)
    problems.push(
      `${pool}: maxMachineVcpus makes ${chosen.length} types of it, more than ${MOST_TYPES}; list fewer families`,
    );
  return { names: chosen, problems };
}
