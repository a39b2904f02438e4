import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf, SpotreelError } from '../../../core/errors';
import { EXIT, exitCodeOf, type StitchCommand } from '../../../core/jobs/worker';
import { formatFrames, framesOf } from '../../../core/render/frames';
import type { Manifest } from '../../../core/render/manifest';
import type { Gaps, StitchRecord } from '../../../core/render/records';
import { Render } from '../../../core/render/render';
import { VIDEO_FILES, type VideoFileFormat } from '../../../core/render/video';
import { plannedVideo } from '../../../core/scene/plan';
import { formatLocation, parseLocation } from '../../../core/storage/storage';
import { countOf } from '../../../core/text';
import { stoppedError, type WorkerContext } from '../context';
import { checksumFault, type FrameCheck, frameFault } from '../frames/png';
import { type MadeVideo, makeVideo, readAhead } from './encode';
import {
  fillGaps,
  type Gap,
  gapReason,
  gapsOf,
  markFrame,
  type ReadFrame,
  readFrame,
  stillMissing,
} from './gaps';
import { showRender } from './showcase';

/**
 * Notes in `stitch.json` how long `work` takes, after the attempts that were before it: its machine has to be paid. No video
 * is lost for it: what can't be noted is said in the log.
 */
async function recordStitch(
  render: Render,
  { now, say }: Pick<WorkerContext, 'now' | 'say'>,
  work: () => Promise<void>,
): Promise<void> {
  const startedAt = now().toISOString();
  const noted = async (note: () => Promise<void>): Promise<void> => {
    await note().catch((error: unknown) => {
      const line = `stitch.json does not tell of this attempt: ${messageOf(error)}`;
      say({ event: 'output', program: 'worker', line });
    });
  };
  let before: StitchRecord['attempts'] = [];
  const write = async (end: Partial<StitchRecord['attempts'][number]>): Promise<void> => {
    await render.stitchRecord.write({ version: 1, attempts: [...before, { startedAt, ...end }] });
  };
  await noted(async () => {
    before = (await render.stitchRecord.readIfValid())?.attempts ?? [];
    await write({});
  });
  const end = (exitCode: number) => noted(() => write({ stoppedAt: now().toISOString(), exitCode }));
  try {
    await work();
  } catch (error) {
    await end(exitCodeOf(error));
    throw error;
  }
  await end(EXIT.done.code);
}

/** Frames fetched and checked ahead of the encoder, so that it does not wait for storage; all are held in memory. */
const READ_AHEAD = 8;

/** What a stitch works on. */
interface Stitching {
  readonly manifest: Manifest;
  /** Has the frames. */
  readonly input: Render;
  /** Gets the video. */
  readonly output: Render;
  /** Frames of the plan that have a file. */
  readonly there: ReadonlySet<number>;
}

/** Of a video, which is wanted. */
interface VideoStitching extends Stitching {
  readonly video: VideoFileFormat;
}

/**
 * `stitch`: the video of exactly the manifest's frames, in order, at the scene's frame rate. Throws `frames-missing`
 * or `frame-bad` (scene) naming the frames, and then leaves no video, of bad frames a partial one; `ffmpeg-failed` with
 * ffmpeg's own words.
 *
 * A video that lacks sound is `output.partial.mp4` with `gaps.json` beside it.
 *
 * With `partial` frames that are missing or not whole are held over by others, and the video is partial, too; only where there is no frame at all it throws `frames-missing`. A whole video takes the place of
 * a partial one, and the other way round.
 */
export async function stitch(command: StitchCommand, context: WorkerContext): Promise<void> {
  const { storage } = context;
  const input = Render.in(parseLocation(command.input, process.cwd()), storage);
  const output = Render.in(parseLocation(command.output, process.cwd()), storage);
  const manifest = await input.manifest.require();
  const video = plannedVideo(manifest);
  const there = await input.storedFrames(manifest);
  const stitching = { manifest, input, output, there };
  await recordStitch(output, context, async () => {
    if (video === 'none') await checkFrames(stitching, context);
    else if (command.partial) await stitchPartly({ ...stitching, video }, context);
    else await stitchWhole({ ...stitching, video }, context);
  });
}

/** No video is wanted: all frames are there and whole, or it throws. */
async function checkFrames(stitching: Stitching, context: WorkerContext): Promise<void> {
  await checkAllThere(stitching);
  await checkPictures(stitching, context);
  const { manifest, output: render, there } = stitching;
  await showRender({ manifest, render, there }, context);
}

/** Throws `frame-bad` for the first that is not whole. */
async function checkPictures(stitching: Stitching, context: WorkerContext): Promise<void> {
  const total = stitching.manifest.frameCount;
  let frames = 0;
  for await (const _ of pictures(stitching, frameFault)) {
    if (context.signal.aborted) throw stoppedError(context.signal);
    frames += 1;
    context.say({ event: 'stitching', frames, total });
  }
}

async function stitchWhole(stitching: VideoStitching, context: WorkerContext): Promise<void> {
  await checkAllThere(stitching);
  let made: MadeVideo;
  try {
    made = await encodeWhole(stitching, context);
  } catch (error) {
    // A frame that was whole when it was stored, and is no more: the others are a video all the same.
    if (codeOf(error) === 'frame-bad') await stitchPartly(stitching, context);
    throw error;
  }
  await publish(stitching, made, [], context);
}

async function encodeWhole(stitching: VideoStitching, context: WorkerContext): Promise<MadeVideo> {
  try {
    const { manifest, video } = stitching;
    return await makeVideo(manifest, video, pictures(stitching, checksumFault), context);
  } catch (error) {
    // What ffmpeg found when it unpacked them: the frame's name is what its owner needs.
    if (codeOf(error) === 'ffmpeg-failed') await checkPictures(stitching, context);
    throw error;
  }
}

async function stitchPartly(stitching: VideoStitching, context: WorkerContext): Promise<void> {
  const { manifest, output, video } = stitching;
  const { say } = context;
  const gaps: Gap[] = [];
  const marked = manifest.options.gaps === 'mark';
  const picture = (held: Uint8Array, frame: number) => (marked ? markFrame(held, frame) : held);
  const filled = fillGaps(framesIn(stitching, frameFault), {
    gap: (gap) => gaps.push(gap),
    picture,
  });
  const some = someOf(filled, stitching);
  const made = await makeVideo(manifest, video, some, context).catch(async (error: unknown) => {
    // The reasons are there to be read, though nothing is to be seen.
    if (codeOf(error) === 'frames-missing')
      await showRender({ manifest, render: output, there: new Set() }, context);
    throw error;
  });
  if (gaps.length > 0 && !(await stillMissing(gaps, stitching))) {
    const line =
      'the frames that were missing have come meanwhile: this video is out of date and is not kept';
    return say({ event: 'output', program: 'worker', line });
  }
  await publish(stitching, made, gaps, context);
}

/** Puts a video in its place, and takes away the other one of the two. */
async function publish(
  stitching: VideoStitching,
  made: MadeVideo,
  gaps: readonly Gap[],
  context: WorkerContext,
): Promise<void> {
  const { storage } = context;
  if (gaps.length === 0 && made.lacks.length === 0) return publishWhole(stitching, made, context);
  const { manifest, output, there, video } = stitching;
  const url = output.partialVideoUrl(video);
  const { path, lacks, ...rest } = made;
  const named = join(dirname(path), basename(url.pathname));
  await rename(path, named);
  await storage.upload(named, url, { contentType: VIDEO_FILES[video].contentType, durable: true });
  await noteGaps(gaps, lacks, stitching, context);
  await storage.delete(output.videoUrl(video));
  const bad = new Set(gaps.map(({ frame }) => frame));
  const whole = new Set([...there].filter((frame) => !bad.has(frame)));
  await showRender({ manifest, render: output, there: whole, video: named, lacks, ...rest }, context);
}

async function noteGaps(
  gaps: readonly Gap[],
  lacks: readonly string[],
  { manifest, input, output }: Stitching,
  { now }: WorkerContext,
): Promise<void> {
  const { frameCount, options } = manifest;
  const record: Gaps = {
    version: 1,
    at: now().toISOString(),
    frameCount,
    marked: options.gaps === 'mark',
    gaps: await gapsOf(gaps, input),
    ...(lacks.length > 0 && { sound: [...lacks] }),
  };
  await output.gaps.write(record);
}

async function publishWhole(
  { manifest, output, there, video }: VideoStitching,
  { path, ...rest }: MadeVideo,
  context: WorkerContext,
): Promise<void> {
  const { storage } = context;
  await storage.upload(path, output.videoUrl(video), {
    contentType: VIDEO_FILES[video].contentType,
    durable: true,
  });
  await storage.delete(output.partialVideoUrl(video));
  await output.gaps.delete();
  await showRender({ manifest, render: output, there, video: path, ...rest }, context);
}

/** The plan's frames in order, each checked once more: what is shown was seen whole. */
function framesIn({ manifest, input, there }: Stitching, check: FrameCheck): AsyncGenerator<ReadFrame> {
  return readAhead(framesOf(manifest.frames), READ_AHEAD, async (frame) =>
    there.has(frame) ? readFrame(frame, input, manifest.resolution, check) : { frame },
  );
}

/** All of them. Throws `frame-bad` where one is none. */
async function* pictures(stitching: Stitching, check: FrameCheck): AsyncGenerator<Uint8Array> {
  for await (const { frame, bytes, fault } of framesIn(stitching, check)) {
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
  const message = `no video, not even a partial one: none of the ${manifest.frameCount} frames of ${input.location} is there and whole; failures/ and slices/ hold the reasons`;
  throw new SpotreelError('frames-missing', 'scene', message);
}

async function checkAllThere({ manifest, input, there }: Stitching): Promise<void> {
  const missing = [...framesOf(manifest.frames)].filter((frame) => !there.has(frame));
  if (missing.length === 0) return;
  const first = await gapReason(missing[0]!, input).catch(() => undefined);
  const why = first === undefined ? '' : `; frame ${missing[0]}: ${first}`;
  const count = `${missing.length} of ${countOf(manifest.frameCount, 'frame')}`;
  throw new SpotreelError(
    'frames-missing',
    'scene',
    `no video: ${count} of ${input.location} ${missing.length === 1 ? 'is' : 'are'} missing: ${formatFrames(missing)}${why}`,
  );
}

function badFrame(frame: number, render: Render, fault: string): SpotreelError {
  const where = formatLocation(render.frameUrl(frame));
  const message = `no video: frame ${frame} (${where}) is not whole: ${fault}; render again to replace it`;
  return new SpotreelError('frame-bad', 'scene', message);
}
