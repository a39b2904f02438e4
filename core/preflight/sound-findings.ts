import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { chosenVideo } from '../render/chosen-video';
import { countFrames } from '../render/frame-range';
import { chosenScene, plannedFrames } from '../render/plan';
import { hasSound, soundFault } from '../render/sound';
import { finding, type PreflightFinding } from './findings';

/** Names that one message tells. */
const MOST_NAMES = 5;

/** What of a scene's sound is otherwise than its maker may think: pure. Files that are missing are told with all others. */
export function soundFindings(
  facts: BlendFacts,
  options: RenderOptions,
  speakers: readonly string[],
): PreflightFinding[] {
  const scene = chosenScene(facts, options);
  const frames = scene && plannedFrames(scene, options);
  if (!frames || !hasSound(facts, scene, speakers.length > 0)) return [];
  const video = chosenVideo(options, countFrames(frames));
  if (video === 'none') return [];
  const fault = soundFault(video, frames);
  if (fault !== undefined) {
    const message = `the video has no sound: ${fault}`;
    return [finding('sound-left-out', message)];
  }
  if (speakers.length === 0) return [];
  const told = speakers.slice(0, MOST_NAMES).map((name) => `"${printableName(name)}"`);
  const untold = speakers.length - told.length;
  const all = `${told.join(', ')}${untold > 0 ? ` and ${untold} more` : ''}`;
  const message = `speakers (${all}) are heard in the video as the scene's camera hears them, where a sound strip of their animation plays them`;
  return [finding('speakers', message)];
}
