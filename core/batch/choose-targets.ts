import { scriptFaults, type RenderOptions } from '../contract/options';
import type { RenderDefinition } from '../contract/render-definitions';
import { SpotreelError } from '../errors';
import type { RenderPlace } from '../preflight/dependency-findings';
import { ruleOf } from '../preflight/finding-codes';
import {
  blenderTooOld,
  compareBlenderVersions,
  lowestFor,
  parseBlenderVersion,
  type BlenderVersion,
} from '../render/blender-version';

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
