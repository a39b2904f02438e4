import { join } from 'node:path';
import { codeOf } from '../../core/errors';
import type { Finding } from '../../core/contract/finding';
import type { Manifest } from '../../core/contract/manifest';
import { VIDEO_FILES, type VideoFileFormat } from '../../core/contract/video-format';
import { diskFull } from './disk-space';
import { encodeVideo } from './encode-video';
import { encoderOf } from './ffmpeg-args';
import { stoppedError } from './interruption';
import { mixSound } from './mix-sound';
import { hasAlpha } from './png-chunks';
import { prepareFfmpeg } from './prepare-ffmpeg';
import { hasEncoder, requireEncoder } from './programs';
import { PREVIEW_CODEC, PREVIEW_ENCODER, PREVIEW_NAME, previewFilter } from './showcase-args';
import { mostVideoBytes } from './size-bounds';
import { takeCopy } from './take-file';
import { withFirst } from './with-first';
import type { WorkerContext } from './worker-context';

/** A video on this machine. */
export interface MadeVideo {
  /** In the worker's own folder. */
  readonly path: string;
  /** Whether the same, small, is in ffmpeg's folder, as `PREVIEW_NAME`; ffmpeg may be unable to make it. */
  readonly hasPreview: boolean;
  /** What of its sound it lacks. */
  readonly findings: readonly Finding[];
  /** All that it lacks of its sound, a sentence each. */
  readonly lacks: readonly string[];
}

/** Black. */
const DEFAULT_BACKGROUND = '000000';

/** Makes the video of these pictures, with its sound where there is any. Throws `ffmpeg-failed`, and what `pngs` throws. */
export async function makeVideo(
  manifest: Manifest,
  video: VideoFileFormat,
  pngs: AsyncIterable<Uint8Array>,
  context: WorkerContext,
): Promise<MadeVideo> {
  const { scratch, say, signal } = context;
  const name = `output.${VIDEO_FILES[video].ending}`;
  const total = manifest.frameCount;
  const { path: ffmpeg, command, environment } = prepareFfmpeg(context);
  await requireEncoder(ffmpeg, encoderOf(video), video, environment);
  const { path: sound, findings, lacks } = await mixSound(manifest, video, context);
  const hasPreview = await hasEncoder(ffmpeg, PREVIEW_ENCODER, environment);
  const { first, all: frames } = await withFirst(pngs);
  const [encoded, path] = [join(scratch.ffmpeg, name), join(scratch.own, name)];
  try {
    await encodeVideo({
      command,
      environment,
      format: video,
      // All frames come from the same settings of the same scene.
      alpha: first !== undefined && hasAlpha(first),
      background: manifest.options.background ?? DEFAULT_BACKGROUND,
      pixelAspect: manifest.pixelAspect,
      display: manifest.display,
      sound,
      ...(hasPreview && {
        preview: {
          filter: previewFilter(total, manifest),
          codec: PREVIEW_CODEC,
          path: join(scratch.ffmpeg, PREVIEW_NAME),
        },
      }),
      path: encoded,
      frameRate: manifest.frameRate,
      frameCount: total,
      frames,
      signal,
      progress: (done) => say({ event: 'stitching', frames: done, total }),
      onOutput: (line) => say({ event: 'output', program: 'ffmpeg', line }),
    });
    const mostBytes = mostVideoBytes(manifest.resolution, total);
    await takeCopy({ path: encoded, writer: 'ffmpeg', name: 'the video', mostBytes }, path);
    return { path, findings, lacks, hasPreview };
  } catch (error) {
    if (signal.aborted) throw stoppedError(signal);
    throw codeOf(error) === 'ENOSPC' ? diskFull(scratch.own) : error;
  }
}
