import * as z from 'zod/mini';
import { SpotreelError } from '../errors';
import {
  blenderTooOld,
  type BlenderVersion,
  compareBlenderVersions,
  lowestFor,
  parseBlenderVersion,
} from '../render/blender-version';
import { machinesSchema, type RenderOptions, scriptFaults } from '../render/options';
import { ruleOf } from '../scene/findings/codes';
import type { RenderPlace } from '../scene/findings/dependencies';

/** A job definition for slices, and the Blender in its image. */
const renderDefinitionSchema = z.lazy(() =>
  z.object({
    /** Full version, such as `5.2.3`; absent if the content of a given image is unknown. */
    blenderVersion: z.optional(z.string().check(z.minLength(1))),
    /** Name or ARN. */
    jobDefinition: z.string().check(z.minLength(1)),
    /** The job definition for machines with GPUs, if the farm has some. */
    gpuJobDefinition: z.optional(z.string().check(z.minLength(1))),
  }),
);

export type RenderDefinition = Readonly<z.infer<typeof renderDefinitionSchema>>;

/** A farm's job definitions for slices, one per Blender, oldest first. */
export const renderDefinitionsSchema = z.lazy(() => z.array(renderDefinitionSchema).check(z.minLength(1)));

/** Another queue, and how many slices it can render at once. */
const queueSchema = z.lazy(() =>
  z.object({ jobQueue: z.string().check(z.minLength(1)), parallel: z.int().check(z.gte(1)) }),
);

/** The description of a deployed farm: the value of its SSM parameter, which the command line reads. */
export const farmDescriptionSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    name: z.string().check(z.minLength(1)),
    region: z.string().check(z.minLength(1)),
    bucket: z.string().check(z.minLength(1)),
    /** Key prefixes with a trailing slash. */
    uploadPrefix: z.string().check(z.endsWith('/')),
    outputPrefix: z.string().check(z.endsWith('/')),
    /** The prefix of cost caps; absent for a farm of an earlier version, which reads no caps. */
    capPrefix: z.optional(z.string().check(z.endsWith('/'))),
    /** An ARN, like the job definitions, which include their revision. */
    jobQueue: z.string().check(z.minLength(1)),
    renderDefinitions: renderDefinitionsSchema,
    stitchJobDefinition: z.string().check(z.minLength(1)),
    /** The queue of machines with GPUs, if the farm has some. */
    gpu: z.optional(queueSchema),
    /** The queue of On-Demand machines, if the farm has some. */
    onDemand: z.optional(queueSchema),
    /** How many slices the farm can render at once. */
    parallel: z.int().check(z.gte(1)),
    /** Present if scenes may run their scripts. */
    allowScripts: z.optional(z.literal(true)),
    /** Present if its images have an OpenColorIO configuration. */
    hasOcio: z.optional(z.literal(true)),
    /** The machines for cost estimates; absent in the description of a farm that an earlier version deployed. */
    machines: z.optional(machinesSchema),
    /** Minutes that an idle Spot machine waits for the next job; absent if it does not wait. */
    warmMinutes: z.optional(z.int().check(z.gte(1))),
    /** The log group of all jobs, which has their `logStreamName`. */
    logGroup: z.string().check(z.minLength(1)),
    topicArn: z.string().check(z.minLength(1)),
  }),
);

export type FarmDescription = z.infer<typeof farmDescriptionSchema>;

/** The name of the SSM parameter that holds the description of a farm. */
export const farmParameterName = (farmName: string): string => `/spotreel/${farmName}`;

/** The default settings of a farm. Estimates use them if no farm can be asked. */
export const USUAL_FARM = {
  /** Most vCPUs of Spot machines at a time. */
  spotVcpus: 256,
  /** For one slice, and for the job that makes the video. */
  renderVcpus: 4,
  stitchVcpus: 4,
  renderMemoryMib: 14_000,
  stitchMemoryMib: 7_000,
  /** AWS Batch chooses families for the region; see `machine-types.ts`. */
  instanceTypes: ['default_x86_64'],
  gpuInstanceTypes: ['g4dn', 'g5', 'g6'],
} as const;

/** A job queue, by name or ARN, and how many children can run at once there. */
export interface JobQueue {
  readonly jobQueue: string;
  readonly parallel: number;
}

/** Job queues and job definitions for a render, by name or ARN. */
export interface JobTargets extends JobQueue {
  /** The queue of machines with GPUs; absent without any. */
  readonly gpu?: JobQueue;
  /** At least one. A definition with an unknown Blender counts as suitable for any file, and its worker checks. */
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitchDefinition: string;
  /**
   * Whether scenes may run their scripts. `undefined` without a farm description; the worker's environment decides in
   * the end.
   */
  readonly allowsScripts?: boolean;
  /** The farm's name, a tag of its jobs; absent if no farm is known. */
  readonly farmName?: string;
}

/** Targets of the two jobs of one render. */
export interface ChosenTargets {
  readonly render: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly stitch: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly farmName?: string;
}

/** The facts that decide where a render's jobs go. */
interface Wanted {
  /** The Blender that saved the file. */
  readonly blenderVersion: BlenderVersion;
  readonly renderBlenderVersion?: string;
  readonly options: RenderOptions;
}

/** Why `targets` cannot render a scene: `blender-too-old`, `no-gpu`, `scripts-refused`. Pure. */
export function targetFaults(
  { blenderVersion, options, source }: Wanted & { readonly source: { readonly url: string } },
  targets: JobTargets,
  place: RenderPlace,
): SpotreelError[] {
  const { renderDefinitions } = targets;
  const blenders = renderDefinitions.flatMap((definition) => known(definition));
  return [
    ...(suitable(blenderVersion, renderDefinitions)
      ? []
      : [blenderTooOld(blenderVersion, blenders.toSorted(compareBlenderVersions), source.url, place)]),
    ...(queueFor(options, targets) ? [] : [noGpu()]),
    ...scriptFaults(options, targets),
  ];
}

/** The Blender that would render a scene on `targets`; `undefined` where that is unknown. Pure. */
export function blenderFor(
  wanted: Omit<Wanted, 'options'>,
  targets: Pick<JobTargets, 'renderDefinitions'>,
): BlenderVersion | undefined {
  return known(chooseDefinition(wanted, targets))[0];
}

/** Throws the first fault that arose after the plan and that `force` does not overrule. */
export function refuseTargets(
  manifest: Wanted & { readonly source: { readonly url: string } },
  targets: JobTargets,
  place: RenderPlace,
): void {
  const { force } = manifest.options;
  const faults = targetFaults(manifest, targets, place);
  const fault = faults.find(({ code }) => !(force && ruleOf(code).mayBeForced));
  if (fault) throw fault;
}

/**
 * Where a render's jobs go. With `force` and only older Blenders, the newest one renders. A render on GPUs uses the
 * GPU queue, except for its stitch job. A job may depend on a job of another queue: a dependency is only a job's id
 * (https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html). Throws `no-gpu`. Pure.
 */
export function chooseTargets(wanted: Wanted, targets: JobTargets): ChosenTargets {
  const { jobQueue, stitchDefinition, farmName } = targets;
  const { jobDefinition, gpuJobDefinition } = chooseDefinition(wanted, targets);
  const queue = queueFor(wanted.options, targets);
  const definition = isOnGpu(wanted.options) ? gpuJobDefinition : jobDefinition;
  if (!queue || definition === undefined) throw noGpu();
  return {
    render: { jobQueue: queue.jobQueue, jobDefinition: definition },
    stitch: { jobQueue, jobDefinition: stitchDefinition },
    farmName,
  };
}

/** The queue for the render job; `undefined` if the options need a GPU and the farm has none. */
export function queueFor(options: RenderOptions, targets: JobTargets): JobQueue | undefined {
  return isOnGpu(options) ? targets.gpu : targets;
}

/** Whether the machine must have a GPU. */
export function isOnGpu({ device }: RenderOptions): boolean {
  return device === 'GPU';
}

function noGpu(): SpotreelError {
  const message =
    'the render needs device GPU, and the farm has no GPUs: deploy it with the setting gpuVcpus at renderVcpus or more, or use device CPU';
  return new SpotreelError('no-gpu', 'usage', message);
}

/**
 * The job definition that renders a scene. It has the Blender of the manifest if the farm still has it, so that later
 * frames look like earlier ones. Pure.
 */
export function chooseDefinition(
  { blenderVersion, renderBlenderVersion }: Omit<Wanted, 'options'>,
  { renderDefinitions }: Pick<JobTargets, 'renderDefinitions'>,
): RenderDefinition {
  const planned = parseBlenderVersion(renderBlenderVersion ?? '');
  const same = planned && renderDefinitions.find((definition) => isVersion(definition, planned));
  return same ?? suitable(blenderVersion, renderDefinitions) ?? newest(renderDefinitions);
}

function suitable(
  file: BlenderVersion,
  definitions: readonly RenderDefinition[],
): RenderDefinition | undefined {
  return (
    lowestFor(file, definitions.flatMap(known))?.definition ??
    definitions.find((definition) => known(definition).length === 0)
  );
}

function newest(definitions: readonly RenderDefinition[]): RenderDefinition {
  return definitions.flatMap(known).toSorted(compareBlenderVersions).at(-1)!.definition;
}

function isVersion(definition: RenderDefinition, version: BlenderVersion): boolean {
  return known(definition).some((blender) => compareBlenderVersions(blender, version) === 0);
}

/** The definition with its Blender's version; empty if that is unknown. */
function known(definition: RenderDefinition): Array<BlenderVersion & { definition: RenderDefinition }> {
  const version = parseBlenderVersion(definition.blenderVersion ?? '');
  return version ? [{ ...version, definition }] : [];
}

/** The targets of a farm, from its description. Pure. */
export function farmTargets(farm: FarmDescription): JobTargets {
  const { name: farmName, jobQueue, parallel, gpu, renderDefinitions, allowScripts: allowsScripts } = farm;
  const stitchDefinition = farm.stitchJobDefinition;
  return { farmName, jobQueue, parallel, gpu, renderDefinitions, stitchDefinition, allowsScripts };
}
