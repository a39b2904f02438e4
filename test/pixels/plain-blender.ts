import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mapConcurrently } from '../../core/concurrency';
import { runProgram } from '../../core/processes/run-program';
import type { BlenderAtHand } from './blender-at-hand';
import { ON_GPU } from './device';
import type { Feature } from './feature';

const PLAIN = join(__dirname, 'plain.py');

/** So many scenes are rendered by one Blender. */
const BATCH = 12;

/** Where plain Blender renders a copy of a scene: it may write beside the scene. */
export interface PlainPlace {
  /** As built. */
  readonly scene: string;
  /** Gets `frames/` and `scene/`. */
  readonly folder: string;
}

/** Values in which `{here}` is the folder of the scene. */
export function valuesIn(
  values: Readonly<Record<string, string>> = {},
  here: string,
): Record<string, string> {
  const entries = Object.entries(values);
  return Object.fromEntries(entries.map(([name, value]) => [name, value.replaceAll('{here}', here)]));
}

/** The `.blend` of a feature in a folder. */
export const sceneFile = (feature: Feature, folder: string): string =>
  join(folder, feature.file ?? 'scene.blend');

/** Python that plain Blender runs after it has opened the scene; empty if it runs none. */
export const plainlyOf = (
  { plainly }: Pick<Feature, 'plainly'>,
  { device }: Pick<BlenderAtHand, 'device'>,
): string => [...(device ? [ON_GPU] : []), ...(plainly ? [plainly] : [])].join('\n');

/** Renders as an artist does: `blender --background scene.blend --render-anim`, with scripts off. */
export async function renderPlainly(
  feature: Feature,
  blender: BlenderAtHand,
  place: PlainPlace,
): Promise<void> {
  const scene = copyScene(place);
  const { scene: named } = feature;
  const plainly = plainlyOf(feature, blender);
  const opened = [
    '--background',
    '-noaudio',
    '--factory-startup',
    '-t',
    '1',
    '-Y',
    sceneFile(feature, scene),
  ];
  const how = [
    ...(named ? ['-S', named] : []),
    ...(plainly ? ['--python-expr', `import bpy\n${plainly}`] : []),
  ];
  const own = valuesIn({ ...feature.environment, ...feature.plainEnvironment }, scene);
  const environment = { ...process.env, ...own };
  await runProgram([...blender.command, ...opened, ...how, '-o', join(place.folder, 'frames/####'), '-a'], {
    environment,
  });
}

/** Renders the scenes of many features by few Blenders. Scenes that one of them does not reach stay missing. */
export async function renderBatches(
  features: readonly Feature[],
  blender: BlenderAtHand,
  placeOf: (feature: Feature) => PlainPlace,
  atOnce: number,
): Promise<void> {
  // An environment of its own needs a Blender of its own.
  const common = features.filter(({ environment, plainEnvironment }) => !environment && !plainEnvironment);
  const count = Math.ceil(common.length / BATCH);
  const batches = Array.from({ length: count }, (_, at) =>
    common.filter((_feature, index) => index % count === at),
  );
  await mapConcurrently(batches, atOnce, async (batch) => {
    const places = batch.map(placeOf);
    const jobs = batch.map((feature, index) => ({
      file: sceneFile(feature, copyScene(places[index]!)),
      out: join(places[index]!.folder, 'frames/####'),
      scene: feature.scene,
      plainly: plainlyOf(feature, blender),
    }));
    const list = join(places[0]!.folder, 'jobs.json');
    writeFileSync(list, JSON.stringify(jobs));
    const opened = ['--background', '-noaudio', '--factory-startup', '-t', '1', '--python', PLAIN];
    const [python] = blender.command;
    const program = blender.isModule ? [python!, PLAIN] : [...blender.command, ...opened];
    // A Blender that crashed at one scene leaves the rest to `renderPlainly`.
    await runProgram([...program, '--', list], { environment: process.env }).catch(() => undefined);
  });
}

/** Whether plain Blender has rendered anything here. */
export const isRendered = ({ folder }: PlainPlace): boolean => readdirSync(join(folder, 'frames')).length > 0;

function copyScene({ scene, folder }: PlainPlace): string {
  const copy = join(folder, 'scene');
  mkdirSync(join(folder, 'frames'), { recursive: true });
  cpSync(scene, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}
