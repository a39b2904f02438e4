import type { RenderDefinition } from '../contract/render-definitions';
import type { SpotreelError } from '../errors';
import type { RenderPlace } from '../preflight/dependency-findings';
import {
  blenderTooOld,
  compareBlenderVersions,
  lowestFor,
  parseBlenderVersion,
  type BlenderVersion,
} from '../render/blender-version';

/** Where jobs can go: a job queue and job definitions, by name or ARN. */
export interface JobTargets {
  readonly jobQueue: string;
  /** At least one. One whose Blender nobody knows is taken to suit any file; its worker sees then. */
  readonly renderDefinitions: readonly RenderDefinition[];
  readonly stitchDefinition: string;
}

/** Where the two jobs of one render go. */
export interface ChosenTargets {
  readonly render: { readonly jobQueue: string; readonly jobDefinition: string };
  readonly stitch: { readonly jobQueue: string; readonly jobDefinition: string };
}

/** What decides where a render's jobs go. */
interface Wanted {
  /** Of the Blender that saved the file. */
  readonly blenderVersion: BlenderVersion;
  readonly renderBlenderVersion?: string | undefined;
}

/** What keeps `targets` from rendering a scene: pure. */
export function targetFaults(
  { blenderVersion, source }: Pick<Wanted, 'blenderVersion'> & { readonly source: { readonly url: string } },
  { renderDefinitions }: Pick<JobTargets, 'renderDefinitions'>,
  place: RenderPlace,
): SpotreelError[] {
  if (suitable(blenderVersion, renderDefinitions)) return [];
  const blenders = renderDefinitions.flatMap((definition) => known(definition));
  return [blenderTooOld(blenderVersion, blenders.toSorted(compareBlenderVersions), source.url, place)];
}

/** Where a render's jobs go: pure. To the newest Blender where it is forced on one that is too old. */
export function chooseTargets(wanted: Wanted, targets: JobTargets): ChosenTargets {
  const { jobQueue, stitchDefinition } = targets;
  const { jobDefinition } = chooseDefinition(wanted, targets);
  return { render: { jobQueue, jobDefinition }, stitch: { jobQueue, jobDefinition: stitchDefinition } };
}

/**
 * By which of the farm's job definitions a render is rendered: pure. The Blender that its manifest names while the farm has
 * it, so that frames which are rendered later, when the farm may have got other versions, are like those that are there.
 */
export function chooseDefinition(
  { blenderVersion, renderBlenderVersion }: Wanted,
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
