import type { BlendContents } from '../blend/contents/blend-contents';
import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { SpotreelError } from '../errors';
import { printableName } from '../printable';
import { chosenScene } from './plan';

/** Cameras that a message names. */
const MOST_NAMES = 20;

/** As many renders as one request may make. */
const MOST_CAMERAS = 100;

/** As much of an examined scene as names its cameras. */
export interface SceneWithCameras {
  readonly facts: BlendFacts;
  readonly contents: Pick<BlendContents, 'cameras'>;
}

/**
 * The cameras that the option `camera` names, in its order, none twice: a camera's exact name, `all`, or names with commas
 * between them. Empty without the option. Throws `no-such-camera` (usage), which names those of the scene. A name that only a
 * library may hold is left to Blender. Pure.
 */
export function chooseCameras({ facts, contents }: SceneWithCameras, options: RenderOptions): string[] {
  const scene = chosenScene(facts, options);
  if (options.camera === undefined || !scene) return [];
  if (scene.usesSequencer) throw sequencerRenders(scene.name);
  const { names = [], isWhole = false } = contents.cameras.find((one) => one.scene === scene.name) ?? {};
  if (names.includes(options.camera)) return [options.camera];
  const asked = options.camera.split(',').map((name) => name.trim());
  const chosen = [
    ...new Set(asked.flatMap((name) => (name === 'all' && !names.includes(name) ? names : [name]))),
  ];
  const unknown = chosen.find((name) => !names.includes(name));
  if (chosen.length === 0 || unknown === '' || (unknown !== undefined && isWhole))
    throw noSuchCamera(unknown ?? options.camera, scene.name, names);
  if (chosen.length > MOST_CAMERAS) throw tooMany(chosen.length);
  return chosen;
}

function noSuchCamera(asked: string, scene: string, names: readonly string[]): SpotreelError {
  const named = names.slice(0, MOST_NAMES).map((name) => `"${printableName(name)}"`);
  const more = names.length - named.length;
  const all = `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  const cameras = names.length === 0 ? 'no cameras' : `the cameras ${all}`;
  const message = `camera "${printableName(asked)}" is unknown: scene "${printableName(scene)}" has ${cameras}; change --camera`;
  return new SpotreelError('no-such-camera', 'usage', message);
}

function sequencerRenders(scene: string): SpotreelError {
  const message = `scene "${printableName(scene)}" renders its video sequencer, whose strips have cameras of their own; leave out --camera, or switch off Output Properties > Post Processing > Sequencer`;
  return new SpotreelError('no-such-camera', 'usage', message);
}

function tooMany(count: number): SpotreelError {
  const message = `--camera names ${count} cameras, more than ${MOST_CAMERAS}; render them in parts`;
  return new SpotreelError('no-such-camera', 'usage', message);
}
