import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SpotreelError } from '../../core/errors';
import type { Gaps } from '../../core/contract/gaps';
import { frameUrl, gapsUrl, partialVideoUrl, videoUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { StitchCommand } from '../../core/contract/worker-command';
import { formatFrames, framesOf } from '../../core/render/frame-range';
import { formatLocation, parseLocation } from '../../core/storage/location';
import { storedFrames } from '../../core/storage/stored-frames';
import { encodeVideo } from './encode-video';
import { fillGaps, type Gap, type ReadFrame } from './fill-gaps';
import { failureReason, gapsOf, stillMissing } from './gap-reasons';
import { stoppedError } from './interruption';
import { loadManifest } from './load-manifest';
import { markFrame } from './mark-frame';
import { programEnvironment } from './program-environment';
import { findProgram } from './programs';
import { readAhead } from './read-ahead';
import { readFrame } from './read-frame';
import { sandboxed } from './sandbox';
import { showRender } from './showcase';
import type { WorkerContext } from './worker-context';

/** Frames fetched and checked ahead of the encoder, so that it does not wait for storage; all are held in memory. */
const READ_AHEAD = 8;

/** What a stitch works on. */
interface Stitching {
  readonly manifest: Manifest;
  /** Where the frames lie. */
  readonly input: URL;
  /** Where the video goes. */
  readonly output: URL;
  /** Frames of the plan that have a file. */
  readonly there: ReadonlySet<number>;
}

/**
 * `stitch`: the video of exactly the manifest's frames, in order, at the scene's frame rate. Throws `frames-missing`
 * or `frame-bad` (scene) naming the frames, and then leaves no video; `ffmpeg-failed` with ffmpeg's own words.
 *
 * With `partial` frames that are missing or not whole are held over by others, and the video is `output.partial.mp4` with
 * `gaps.json` beside it; only where there is no frame at all it throws `frames-missing`. A whole video takes the place of
 * a partial one, and the other way round.
 */
export async function stitch(command: StitchCommand, context: WorkerContext): Promise<void> {
  const { storage } = context;
  const input = parseLocation(command.input, process.cwd());
  const output = parseLocation(command.output, process.cwd());
  const manifest = await loadManifest(input, storage);
  const stitching = { manifest, input, output, there: await storedFrames(manifest, input, storage) };
  if (command.partial) await stitchPartly(stitching, context);
  else await stitchWhole(stitching, context);
}

async function stitchWhole(stitching: Stitching, context: WorkerContext): Promise<void> {
  await checkAllThere(stitching, context);
  const path = await encode(stitching, pictures(stitching, context), context);
  await publishWhole(stitching, path, context);
}

async function stitchPartly(stitching: Stitching, context: WorkerContext): Promise<void> {
  const { manifest, output, there } = stitching;
  const { storage, say } = context;
  const gaps: Gap[] = [];
  const marked = manifest.options.gaps === 'mark';
  const picture = (held: Uint8Array, frame: number) => (marked ? markFrame(held, frame) : held);
  const filled = fillGaps(framesIn(stitching, context), { gap: (gap) => gaps.push(gap), picture });
  const path = await encode(stitching, someOf(filled, stitching), context);
  if (gaps.length === 0) return publishWhole(stitching, path, context);
  if (!(await stillMissing(gaps, stitching, storage))) {
    const line =
      'the frames that were missing have come meanwhile: this video is out of date and is not kept';
    return say({ event: 'output', program: 'worker', line });
  }
  const video = join(dirname(path), basename(partialVideoUrl(output).pathname));
  await rename(path, video);
  await storage.upload(video, partialVideoUrl(output), { contentType: 'video/mp4' });
  await noteGaps(gaps, stitching, context);
  await storage.delete(videoUrl(output));
  const bad = new Set(gaps.map(({ frame }) => frame));
  const whole = new Set([...there].filter((frame) => !bad.has(frame)));
  await showRender({ manifest, folder: output, there: whole, video }, context);
}

async function noteGaps(
  gaps: readonly Gap[],
  { manifest, input, output }: Stitching,
  { storage, now }: WorkerContext,
): Promise<void> {
  const { frameCount, options } = manifest;
  const record: Gaps = {
    version: 1,
    at: now().toISOString(),
    frameCount,
    marked: options.gaps === 'mark',
    gaps: await gapsOf(gaps, input, storage),
  };
  await storage.put(gapsUrl(output), JSON.stringify(record, null, 2), { contentType: 'application/json' });
}

async function publishWhole(
  { manifest, output, there }: Stitching,
  path: string,
  context: WorkerContext,
): Promise<void> {
  const { storage } = context;
  await storage.upload(path, videoUrl(output), { contentType: 'video/mp4' });
  await storage.delete(partialVideoUrl(output));
  await storage.delete(gapsUrl(output));
  await showRender({ manifest, folder: output, there, video: path }, context);
}

/** Makes the video in the scratch folder; gives its path. */
async function encode(
  { manifest }: Stitching,
  frames: AsyncIterable<Uint8Array>,
  { environment, scratch, say, signal }: WorkerContext,
): Promise<string> {
  const path = join(scratch, 'output.mp4');
  const total = manifest.frameCount;
  try {
    await encodeVideo({
      command: sandboxed([findProgram('ffmpeg', environment)], scratch, environment),
      environment: programEnvironment(environment, scratch),
      path,
      frameRate: manifest.frameRate,
      frameCount: total,
      frames,
      signal,
      progress: (encoded) => say({ event: 'stitching', frames: encoded, total }),
      onOutput: (line) => say({ event: 'output', program: 'ffmpeg', line }),
    });
    return path;
  } catch (error) {
    if (signal.aborted) throw stoppedError(signal);
    throw error;
  }
}

/** The plan's frames in order, each checked once more: what is shown was seen whole. */
function framesIn(
  { manifest, input, there }: Stitching,
  { storage }: WorkerContext,
): AsyncGenerator<ReadFrame> {
  return readAhead(framesOf(manifest.frames), READ_AHEAD, async (frame) =>
    there.has(frame) ? readFrame(frame, input, manifest.resolution, storage) : { frame },
  );
}

/** All of them. Throws `frame-bad` where one is none. */
async function* pictures(stitching: Stitching, context: WorkerContext): AsyncGenerator<Uint8Array> {
  for await (const { frame, bytes, fault } of framesIn(stitching, context)) {
    if (!bytes) throw badFrame(frame, stitching.input, fault ?? 'it is missing');
    yield bytes;
  }
}

/** Throws `frames-missing` where there are none. */
async function* someOf(
  filled: AsyncIterable<Uint8Array>,
  { manifest, input }: Stitching,
): AsyncGenerator<Uint8Array> {
  let any = false;
  for await (const bytes of filled) {
    any = true;
    yield bytes;
  }
  if (any) return;
  const message = `no video, not even a partial one: none of the ${manifest.frameCount} frames of ${formatLocation(input)} is there and whole; failures/ and slices/ hold the reasons`;
  throw new SpotreelError('frames-missing', 'scene', message);
}

async function checkAllThere(
  { manifest, input, there }: Stitching,
  { storage }: WorkerContext,
): Promise<void> {
  const missing = [...framesOf(manifest.frames)].filter((frame) => !there.has(frame));
  if (missing.length === 0) return;
  const first = await failureReason(missing[0]!, input, storage).catch(() => undefined);
  const why = first === undefined ? '' : `; frame ${missing[0]}: ${first}`;
  const count = `${missing.length} of ${manifest.frameCount} frames`;
  throw new SpotreelError(
    'frames-missing',
    'scene',
    `no video: ${count} of ${formatLocation(input)} are missing: ${formatFrames(missing)}${why}`,
  );
}

function badFrame(frame: number, folder: URL, fault: string): SpotreelError {
  const where = formatLocation(frameUrl(folder, frame));
  const message = `no video: frame ${frame} (${where}) is not whole: ${fault}; render again to replace it`;
  return new SpotreelError('frame-bad', 'scene', message);
}
