import { rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type MachineUsage,
  makeReceipt,
  renderCost,
  type RenderCost,
  tableRenderPrices,
  untilNow,
} from '../../../core/cost/receipt';
import { codeOf, messageOf, SpotreelError } from '../../../core/errors';
import { EXIT, exitCodeOf, type StitchCommand } from '../../../core/jobs/worker';
import { parseJson } from '../../../core/json';
import { formatFrames, framesOf } from '../../../core/render/frames';
import type { Manifest } from '../../../core/render/manifest';
import { machinesSchema } from '../../../core/render/options';
import type { Gaps, StitchRecord } from '../../../core/render/records';
import { Render } from '../../../core/render/render';
import { readSliceRecords } from '../../../core/render/slice-figures';
import { VIDEO_FILES, type VideoFileFormat } from '../../../core/render/video';
import { lackingOf } from '../../../core/report/page';
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
import { type Account, makeStills, type Showcase, showRender, type Stills } from './showcase';

/**
 * Adds an attempt with the time that `work` takes to `stitch.json`, for the costs. If it cannot, it logs that and continues.
 */
async function recordStitch(
  render: Render,
  { now, say }: Pick<WorkerContext, 'now' | 'say'>,
  work: () => Promise<void>,
): Promise<void> {
  const startedAt = now().toISOString();
  const noted = async (note: () => Promise<void>): Promise<void> => {
    await note().catch((error: unknown) => {
      const line = `stitch.json lacks this attempt: ${messageOf(error)}`;
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

/** Writes the receipt. Returns the cost and the records that it was computed from. */
async function giveReceipt(
  { manifest, render, there }: Showcase,
  { environment, now }: WorkerContext,
): Promise<Account> {
  const at = now();
  const records = await readSliceRecords(render, manifest, there);
  const lacking = lackingOf(records.slices);
  if (lacking) await render.missingFiles.write(lacking);
  else await render.missingFiles.delete();
  const noted = await render.stitchRecord.readIfValid();
  const receipt = makeReceipt({
    manifest,
    slices: records.slices,
    stored: there.size,
    stitch: noted && untilNow(noted, at),
    ended: true,
    costOf: (usage) => tableCost(usage, manifest, environment),
    at,
  });
  await render.receipt.write(receipt);
  return { records, cost: receipt.cost };
}

/**
 * What a render cost by the built-in price table, because a job may not query EC2. `undefined` without the job definition's
 * `SPOTREEL_MACHINES` (JSON), as on the user's own machine, which costs nothing. Throws `bad-machines`.
 */
function tableCost(
  usage: MachineUsage,
  { options }: Pick<Manifest, 'options'>,
  { SPOTREEL_MACHINES, AWS_REGION = 'unknown' }: NodeJS.ProcessEnv,
): RenderCost | undefined {
  if (SPOTREEL_MACHINES === undefined) return undefined;
  const machines = parseJson(machinesSchema, Buffer.from(SPOTREEL_MACHINES), (reason) => {
    const message = `SPOTREEL_MACHINES of the job definition is invalid: ${reason}; deploy again`;
    return new SpotreelError('bad-machines', 'usage', message);
  });
  return renderCost(usage, machines, tableRenderPrices(machines, options.device === 'GPU', AWS_REGION));
}

/** Stores the pictures, the receipt and the report. Never fails the job. */
const show = (showcase: Showcase, context: WorkerContext): Promise<void> =>
  showRender(showcase, () => giveReceipt(showcase, context), context);

/** Frames fetched and checked ahead of the encoder, so that it does not wait; all are held in memory. */
const READ_AHEAD = 8;

/** Inputs of a stitch. */
interface Stitching {
  readonly manifest: Manifest;
  /** Has the frames. */
  readonly input: Render;
  /** Gets the video. */
  readonly output: Render;
  /** Frames of the plan that have a file. */
  readonly there: ReadonlySet<number>;
}

/** A stitch that makes a video. */
interface VideoStitching extends Stitching {
  readonly video: VideoFileFormat;
  /** Poster and contact sheet, if they were begun beside the encoder. */
  readonly stills?: Promise<Stills>;
}

/**
 * `stitch`: makes the video of exactly the manifest's frames, in order, at the scene's frame rate. Throws `frames-missing`
 * (scene) without a video, `frame-bad` (scene) after it made a partial video, and `ffmpeg-failed` with ffmpeg's message.
 *
 * With `partial`, the video repeats neighbouring frames instead of missing or damaged ones. It then throws `frames-missing`
 * only if no frame is whole. A video that lacks frames or sound is `output.partial.mp4` with `gaps.json` beside it. A whole
 * video replaces a partial one, and vice versa.
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

/** For renders without a video: throws unless all frames exist and are whole. */
async function checkFrames(stitching: Stitching, context: WorkerContext): Promise<void> {
  await checkAllThere(stitching);
  await checkPictures(stitching, context);
  const { manifest, output: render, there } = stitching;
  await show({ manifest, render, there }, context);
}

/** Throws `frame-bad` for the first missing or damaged frame. */
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
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const make = () => makeStills(stitching, { ...context, signal });
  // Beside the encoder, which does not use all cores all the time.
  const early = fitsBesideEncoder(stitching.manifest) ? make() : undefined;
  early?.catch(() => undefined);
  let made: MadeVideo;
  try {
    made = await encodeWhole(stitching, context);
  } catch (error) {
    stop.abort();
    await early?.catch(() => undefined);
    // A frame was damaged after it was stored: the others make a partial video.
    if (codeOf(error) === 'frame-bad') await stitchPartly(stitching, context);
    throw error;
  }
  // What failed beside the encoder, such as for lack of memory, may succeed after it.
  const stills = early?.catch(make) ?? make();
  stills.catch(() => undefined);
  try {
    await publish({ ...stitching, stills }, made, [], context);
  } finally {
    // ffmpeg's folder is removed after this.
    stop.abort();
    await stills.catch(() => undefined);
  }
}

/**
 * Pixels of a frame up to which its stills are made beside the encoder, whose memory theirs adds to. At 3840 × 2160 with 16
 * bits and alpha, ffmpeg took up to 192 MiB for them (measured, ffmpeg 5.1), at 7680 × 4320 595 MiB.
 */
const MOST_PIXELS_BESIDE = 3840 * 2160;

const fitsBesideEncoder = ({ resolution: { width, height } }: Manifest): boolean =>
  width * height <= MOST_PIXELS_BESIDE;

async function encodeWhole(stitching: VideoStitching, context: WorkerContext): Promise<MadeVideo> {
  try {
    const { manifest, video } = stitching;
    return await makeVideo(manifest, video, pictures(stitching, checksumFault), context);
  } catch (error) {
    // ffmpeg found a fault without the frame's number: find the frame, because the user needs it.
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
    // The report shows the reasons, even without a picture.
    if (codeOf(error) === 'frames-missing')
      await show({ manifest, render: output, there: new Set() }, context);
    throw error;
  });
  if (gaps.length > 0 && !(await stillMissing(gaps, stitching))) {
    const line =
      'the missing frames have been stored meanwhile: this partial video is out of date and was not stored';
    return say({ event: 'output', program: 'worker', line });
  }
  await publish(stitching, made, gaps, context);
}

/** Stores the video as whole or partial, and deletes the other one. */
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
  // The early ones are of all frames, so not of a video with gaps.
  const stills = gaps.length === 0 ? stitching.stills : undefined;
  await show({ manifest, render: output, there: whole, stills, video: named, lacks, ...rest }, context);
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
  { manifest, output, there, video, stills }: VideoStitching,
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
  await show({ manifest, render: output, there, stills, video: path, ...rest }, context);
}

/** The plan's frames in order, each checked again. */
function framesIn({ manifest, input, there }: Stitching, check: FrameCheck): AsyncGenerator<ReadFrame> {
  return readAhead(framesOf(manifest.frames), READ_AHEAD, async (frame) =>
    there.has(frame) ? readFrame(frame, input, manifest.resolution, check) : { frame },
  );
}

/** Yields every frame. Throws `frame-bad` if one is missing or damaged. */
async function* pictures(stitching: Stitching, check: FrameCheck): AsyncGenerator<Uint8Array> {
  for await (const { frame, bytes, fault } of framesIn(stitching, check)) {
    if (!bytes) throw badFrame(frame, stitching.input, fault ?? 'it is missing');
    yield bytes;
  }
}

/** Yields all pictures. Throws `frames-missing` if there are none. */
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
  const message = `no video, not even a partial one: all ${manifest.frameCount} frames of ${input.location} are missing or damaged; see failures/ and slices/ for the reasons`;
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
  const message = `no video: frame ${frame} (${where}) is damaged: ${fault}; render again to replace it`;
  return new SpotreelError('frame-bad', 'scene', message);
}
