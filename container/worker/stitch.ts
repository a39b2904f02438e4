import { join } from 'node:path';
import { SpotreelError } from '../../core/errors';
import { failureSchema } from '../../core/contract/failure';
import { failureUrl, frameUrl, videoUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import { parseJson } from '../../core/contract/parse-json';
import type { StitchCommand } from '../../core/contract/worker-command';
import { formatFrames, framesOf } from '../../core/render/frame-range';
import { formatLocation, parseLocation } from '../../core/storage/location';
import { storedFrames } from '../../core/storage/stored-frames';
import { encodeVideo } from './encode-video';
import { frameFault } from './frame-check';
import { showRender } from './showcase';
import { stoppedError } from './interruption';
import { loadManifest } from './load-manifest';
import { programEnvironment } from './program-environment';
import { findProgram } from './programs';
import { readAhead } from './read-ahead';
import { sandboxed } from './sandbox';
import type { WorkerContext } from './worker-context';

/** Frames fetched and checked ahead of the encoder, so that it does not wait for storage; all are held in memory. */
const READ_AHEAD = 8;

/**
 * `stitch`: the video of exactly the manifest's frames, in order, at the scene's frame rate. Throws `frames-missing`
 * or `frame-bad` (scene) naming the frames, and then leaves no video; `ffmpeg-failed` with ffmpeg's own words.
 */
export async function stitch(command: StitchCommand, context: WorkerContext): Promise<void> {
  const { storage, environment, scratch, say, signal } = context;
  const input = parseLocation(command.input, process.cwd());
  const manifest = await loadManifest(input, storage);
  await checkAllThere(manifest, input, context);
  const path = join(scratch, 'output.mp4');
  const ffmpeg = sandboxed([findProgram('ffmpeg', environment)], scratch, environment);
  const total = manifest.frameCount;
  try {
    await encodeVideo({
      command: ffmpeg,
      environment: programEnvironment(environment, scratch),
      path,
      frameRate: manifest.frameRate,
      frameCount: total,
      frames: readFrames(manifest, input, context),
      signal,
      progress: (frames) => say({ event: 'stitching', frames, total }),
      onOutput: (line) => say({ event: 'output', program: 'ffmpeg', line }),
    });
  } catch (error) {
    if (signal.aborted) throw stoppedError(signal);
    throw error;
  }
  const folder = parseLocation(command.output, process.cwd());
  await storage.upload(path, videoUrl(folder), { contentType: 'video/mp4' });
  await showRender({ manifest, folder, there: new Set(framesOf(manifest.frames)), video: path }, context);
}

async function checkAllThere(manifest: Manifest, folder: URL, { storage }: WorkerContext): Promise<void> {
  const there = await storedFrames(manifest, folder, storage);
  const missing = [...framesOf(manifest.frames)].filter((frame) => !there.has(frame));
  if (missing.length === 0) return;
  const first = await storage.get(failureUrl(folder, missing[0]!)).then(reasonOf, () => undefined);
  const why = first ? `; frame ${missing[0]}: ${first}` : '';
  const count = `${missing.length} of ${manifest.frameCount} frames`;
  throw new SpotreelError(
    'frames-missing',
    'scene',
    `no video: ${count} of ${formatLocation(folder)} are missing: ${formatFrames(missing)}${why}`,
  );
}

function reasonOf(bytes: Uint8Array): string {
  return parseJson(failureSchema, bytes, (reason) => new SyntaxError(reason)).reason;
}

/** The frames' bytes in order, each checked once more: what is shown was seen whole. */
async function* readFrames(
  manifest: Manifest,
  folder: URL,
  { storage }: WorkerContext,
): AsyncGenerator<Uint8Array> {
  const frames = framesOf(manifest.frames);
  const read = async (frame: number): Promise<Uint8Array> => {
    const bytes = await storage.get(frameUrl(folder, frame));
    const fault = await frameFault(bytes, manifest.resolution);
    if (fault !== undefined) throw badFrame(frame, folder, fault);
    return bytes;
  };
  yield* readAhead(frames, READ_AHEAD, read);
}

function badFrame(frame: number, folder: URL, fault: string): SpotreelError {
  const where = formatLocation(frameUrl(folder, frame));
  const message = `no video: frame ${frame} (${where}) is not whole: ${fault}; render again to replace it`;
  return new SpotreelError('frame-bad', 'scene', message);
}
