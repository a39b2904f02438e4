import type { BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import type { VideoFileFormat } from '../contract/video-format';
import { printableName } from '../printable';
import { chosenVideo } from '../render/chosen-video';
import { displayOf, isHdr } from '../render/display';
import { countFrames } from '../render/frame-range';
import { chosenScene, plannedFrames } from '../render/plan';
import { finding, type PreflightFinding } from './findings';

/** Formats that have 10 bits for such a display. */
const DEEP: ReadonlySet<VideoFileFormat> = new Set(['hevc', 'av1', 'prores']);

/** What a video or its frames lose of the scene's display: pure. */
export function videoFindings(facts: BlendFacts, options: RenderOptions): PreflightFinding[] {
  const scene = chosenScene(facts, options);
  const frames = scene && plannedFrames(scene, options);
  if (!frames || !isHdr(displayOf(scene))) return [];
  const video = chosenVideo(options, countFrames(frames));
  const display = `the display ${printableName(scene.display ?? '')}`;
  const found: PreflightFinding[] = [];
  if (video !== 'none' && !DEEP.has(video)) {
    const message = `video ${video} has 8 bits, which show bands on ${display}; use --video hevc (or av1, prores), which has 10`;
    found.push(finding('hdr-video', message));
  }
  if (scene.bitDepth === 8) {
    const message = `frames are saved with 8 bits, which show bands on ${display}; set Output Properties > Output > Color Depth to 16`;
    found.push(finding('hdr-depth', message));
  }
  return found;
}
