import type { RenderOptions } from '../contract/options';
import { DEFAULT_VIDEO, type VideoFormat } from '../contract/video-format';

/** What is made of a render's frames: what was asked for, else of a single frame no video, and of several H.264. Pure. */
export function chosenVideo({ video }: Pick<RenderOptions, 'video'>, frameCount: number): VideoFormat {
  return video ?? (frameCount === 1 ? 'none' : DEFAULT_VIDEO);
}

/** The same of a plan. */
export const plannedVideo = (plan: {
  readonly options: Pick<RenderOptions, 'video'>;
  readonly frameCount: number;
}): VideoFormat => chosenVideo(plan.options, plan.frameCount);
