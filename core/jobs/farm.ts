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

/** A job definition that renders, and the Blender in its image. */
const renderDefinitionSchema = z.lazy(() =>
  z.object({
    /** Full version, such as `5.2.3`; absent if the content of a given image is unknown. */
    blenderVersion: z.optional(z.string().check(z.minLength(1))),
    /** Name or ARN. */
    jobDefinition: z.string().check(z.minLength(1)),
    /** The same on a machine with a GPU; only where the farm has some. */
    gpuJobDefinition: z.optional(z.string().check(z.minLength(1))),
  }),
);

export type RenderDefinition = Readonly<z.infer<typeof renderDefinitionSchema>>;

/** The job definitions that a farm renders by, one a Blender, the oldest first. */
export const renderDefinitionsSchema = z.lazy(() => z.array(renderDefinitionSchema).check(z.minLength(1)));

/** A queue beside the usual one, and how many slices it can render at once. */
const queueSchema = z.lazy(() =>
  z.object({ jobQueue: z.string().check(z.minLength(1)), parallel: z.int().check(z.gte(1)) }),
);

/** What a deployed farm is made of: the value of its SSM parameter, from which the command line finds everything. */
export const farmDescriptionSchema = z.lazy(() =>
  z.object({
    version: z.literal(1),
    name: z.string().check(z.minLength(1)),
    region: z.string().check(z.minLength(1)),
    bucket: z.string().check(z.minLength(1)),
    /** Key prefixes with their trailing slash. */
    uploadPrefix: z.string().check(z.endsWith('/')),
    outputPrefix: z.string().check(z.endsWith('/')),
    /** Where it looks for what renders may cost; absent where an earlier version was deployed, which looks nowhere. */
    capPrefix: z.optional(z.string().check(z.endsWith('/'))),
    /** ARN, as are the job definitions, which name their revision. */
    jobQueue: z.string().check(z.minLength(1)),
    renderDefinitions: renderDefinitionsSchema,
    stitchJobDefinition: z.string().check(z.minLength(1)),
    /** Only where the farm has GPUs: the queue of the machines that have them. */
    gpu: z.optional(queueSchema),
    /** Only where the farm has On-Demand machines: their queue. */
    onDemand: z.optional(queueSchema),
    /** How many slices the farm can render at once. */
    parallel: z.int().check(z.gte(1)),
    /** Only where scenes may run their scripts. */
    allowScripts: z.optional(z.literal(true)),
    /** Only where its images have an OpenColorIO configuration built in. */
    hasOcio: z.optional(z.literal(true)),
    /** What the cost is reckoned by; absent in the description of a farm that an earlier version deployed. */
    machines: z.optional(machinesSchema),
    /** Name of the log group of all jobs; a job's `logStreamName` lies in it. */
    logGroup: z.string().check(z.minLength(1)),
    topicArn: z.string().check(z.minLength(1)),
  }),
);

export type FarmDescription = z.infer<typeof farmDescriptionSchema>;

/** The name of the SSM parameter that holds the description of a farm. */
export const farmParameterName = (farmName: string): string => `/spotreel/${farmName}`;

/** What a farm is where its settings say nothing else: where none can be asked, this is what is told of one. */
export const USUAL_FARM = {
  /** Most vCPUs of Spot machines at a time. */
  spotVcpus: 256,
  /** Of one slice, and of the job that makes the video. */
  renderVcpus: 4,
  stitchVcpus: 4,
  /** x86 families. */
  instanceTypes: ['m6i', 'm6a', 'm7i', 'm7a', 'r6i', 'r6a', 'r7i'],
  gpuInstanceTypes: ['g4dn', 'g5', 'g6'],
} as const;

/** A job queue, by name or ARN, and how many children can run at once there. */
export interface JobQueue {
  readonly jobQueue: string;
  readonly parallel: number;
}

/** Where jobs can go: job queues and job definitions, by name or ARN. */
export interface JobTargets extends JobQueue {
  /** The queue of machines with GPUs; absent where there are none. */
  readonly gpu?: JobQueue | undefined;
  /** At least one. One whose Blender nobody knows is taken to suit any file; its worker sees then. */
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitchDefinition: string;
  /** Whether scenes may run their scripts there. By hand it is unknown; the worker's environment decides in the end. */
  readonly allowsScripts?: boolean | undefined;
  /** The farm's name, which its jobs carry as a tag; absent where no farm is known. */
  readonly farmName?: string | undefined;
}

/** Where the two jobs of one render go. */
export interface ChosenTargets {
  readonly render: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly stitch: { readonly jobQueue: string; readonly jobDefinition: string };
  /** As `JobTargets` has it. */
  readonly farmName?: string | undefined;
}

/** What decides where a render's jobs go. */
interface Wanted {
  /** Of the Blender that saved the file. */
  readonly blenderVersion: BlenderVersion;
  readonly renderBlenderVersion?: string | undefined;
  readonly options: RenderOptions;
}

/** What keeps `targets` from rendering a scene: `blender-too-old`, `no-gpu`, `scripts-refused`. Pure. */
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

/** Throws the first fault that came after the render was planned and that its `force` does not overrule. */
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
 * Where a render's jobs go: pure. To the newest Blender where it is forced on one that is too old; to the queue with GPUs
 * where the device is one, but for the stitch job, which has no use for it. A job may depend on one of another queue: by the
 * documentation a dependency is a job's id and nothing else
 * (https://docs.aws.amazon.com/batch/latest/userguide/job_dependencies.html). Throws `no-gpu`.
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

/** The queue for the render job of these options; `undefined` where they ask for a GPU and there is none. */
export function queueFor(options: RenderOptions, targets: JobTargets): JobQueue | undefined {
  return isOnGpu(options) ? targets.gpu : targets;
}

/** Whether the machine has to have a GPU. */
export function isOnGpu({ device }: RenderOptions): boolean {
  return device === 'GPU';
}

function noGpu(): SpotreelError {
  const message =
    'device GPU is asked for, and the farm has no GPUs: deploy it with the setting gpuVcpus at renderVcpus or more, or ask for device CPU';
  return new SpotreelError('no-gpu', 'usage', message);
}

/**
 * By which of the farm's job definitions a render is rendered: pure. The Blender that its manifest names while the farm has
 * it, so that frames which are rendered later, when the farm may have got other versions, are like those that are there.
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

/** The definition's Blender with it; nothing where nobody knows it. */
function known(definition: RenderDefinition): Array<BlenderVersion & { definition: RenderDefinition }> {
  const version = parseBlenderVersion(definition.blenderVersion ?? '');
  return version ? [{ ...version, definition }] : [];
}

/** Where a farm's jobs go, as its description has it: pure. */
export function farmTargets(farm: FarmDescription): JobTargets {
  const { name: farmName, jobQueue, parallel, gpu, renderDefinitions, allowScripts: allowsScripts } = farm;
  const stitchDefinition = farm.stitchJobDefinition;
  return { farmName, jobQueue, parallel, gpu, renderDefinitions, stitchDefinition, allowsScripts };
}
