import { encoderOf } from '../../container/worker/ffmpeg-args';
import { blenderVersion, findProgram, requireEncoder } from '../../container/worker/programs';
import { DEFAULT_VIDEO, type VideoFormat } from '../../core/contract/video-format';
import type { BlenderVersion } from '../../core/render/blender-version';

/** The programs of this machine that render and make videos. */
export interface LocalPrograms {
  readonly blender: string;
  readonly blenderVersion: BlenderVersion;
  readonly ffmpeg: string;
}

/** Throws `no-program`, and `no-encoder` where its ffmpeg can't make such a video. */
export async function findPrograms(
  environment: NodeJS.ProcessEnv,
  video: VideoFormat = DEFAULT_VIDEO,
): Promise<LocalPrograms> {
  const blender = findProgram('blender', environment);
  const ffmpeg = findProgram('ffmpeg', environment);
  if (video !== 'none') await requireEncoder(ffmpeg, encoderOf(video), video, environment);
  return { blender, ffmpeg, blenderVersion: await blenderVersion(blender, environment) };
}
