import type { VideoFormat } from '../contract/video-format';
import { formatFrameRate, type FrameRate } from './frame-rate';
import type { Resolution } from './resolution';

/** x265 takes no smaller side (tried with ffmpeg 5.1). */
const HEVC_LEAST_PIXELS = 16;

/**
 * A GIF counts in hundredths of a second, at most 65,535 of them for a picture, and browsers show none for less than two.
 * Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt, 23 (Delay Time)
 */
const GIF_MOST_FPS = 50;
const GIF_LEAST_FPS = 100 / 65_535;

/** SVT-AV1 takes no smaller side (tried with 1.4). */
const AV1_LEAST_PIXELS = 64;

/** Why a video of this format can't be what is asked for; `undefined` where it can. Pure. */
export function videoFault(
  video: VideoFormat,
  { width, height }: Resolution,
  frameRate: FrameRate,
): string | undefined {
  if (video === 'hevc' && Math.min(width, height) < HEVC_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video hevc, which has ${HEVC_LEAST_PIXELS} at least each way`;
  }
  if (video === 'av1' && Math.min(width, height) < AV1_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video av1, which has ${AV1_LEAST_PIXELS} at least each way`;
  }
  const fps = frameRate.numerator / frameRate.denominator;
  if (video === 'gif' && (fps > GIF_MOST_FPS || fps < GIF_LEAST_FPS)) {
    return `${formatFrameRate(frameRate)} frames per second are not for video gif, which has 1/655 to ${GIF_MOST_FPS}`;
  }
  return undefined;
}
