import type { BlendFacts, SceneFacts } from '../blend/scene-facts';
import type { VideoFormat } from '../contract/video-format';
import { countFrames, type FrameRanges } from './frame-range';

/**
 * Whether anything may be heard with a scene: strips of its sequencer, those of scenes that it shows in it, or speakers,
 * which Blender mixes as its camera hears them. What is then heard may still be silence. Pure.
 */
export function hasSound(
  { scenes }: Pick<BlendFacts, 'scenes'>,
  scene: SceneFacts,
  hasSpeakers: boolean,
): boolean {
  const shown = scene.hasSceneStrips && scenes.some(({ hasSoundStrips }) => hasSoundStrips);
  return scene.hasSoundStrips || shown || hasSpeakers;
}

/** Why a video of these frames can't have the scene's sound; `undefined` where it can. Pure. */
export function soundFault(video: VideoFormat, frames: FrameRanges): string | undefined {
  if (video === 'none') return 'no video is wanted';
  if (video === 'gif') return 'a GIF has none';
  const [first, last] = [frames[0]!.start, frames.at(-1)!.end];
  if (countFrames(frames) !== last - first + 1)
    return 'frames are left out, so that it would not keep in step with the others';
  // Its mixdown begins at the scene's first frame, which can't be set below 0.
  return first < 0 ? 'frames begin below 0, from where Blender mixes none' : undefined;
}
