import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { mapConcurrently } from '../../../core/concurrency';
import {
  type MachineUsage,
  makeReceipt,
  renderCost,
  type RenderCost,
  tableRenderPrices,
  untilNow,
} from '../../../core/cost/receipt';
import { messageOf, SpotreelError } from '../../../core/errors';
import { parseJson } from '../../../core/json';
import { runProgram } from '../../../core/processes/run-program';
import { framesAt, framesOf } from '../../../core/render/frames';
import { frameName } from '../../../core/render/keys';
import type { Finding, Manifest } from '../../../core/render/manifest';
import { machinesSchema } from '../../../core/render/options';
import type { Render } from '../../../core/render/render';
import { readSliceRecords, type SliceRecords } from '../../../core/render/slice-figures';
import { coarseSlices, evenlySpaced } from '../../../core/render/slices';
import type { Display, PixelAspect } from '../../../core/render/video';
import { lackingOf, reportPage } from '../../../core/report/page';
import type { WorkerContext } from '../context';
import { takeBytes } from '../files/take-file';
import { MOST_SHOWN_BYTES } from '../frames/bytes';
import { colourTags, EXACT, inColours, type PreparedFfmpeg, prepareFfmpeg } from './ffmpeg';

/** Of pictures to look at, in pixels; a smaller source is not blown up. */
const POSTER_WIDTH = 1280;
const THUMBNAIL_WIDTH = 480;
const PREVIEW_WIDTH = 640;
const TILE_WIDTH = 320;
const TILES_ACROSS = 4;

/** Of the contact sheet; 4 rows of 4 at most. */
const MOST_TILES = 16;

/** What a plan says of how its frames are to be shown. */
export interface FrameLook {
  readonly pixelAspect?: PixelAspect | undefined;
  readonly display?: Display | undefined;
}

/** A frame's file on this machine. */
interface FrameFile {
  readonly frame: number;
  readonly path: string;
}

const COMMON = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];

/**
 * A PNG file as input. ffmpeg takes it for nothing else and reads no other protocol: a playlist under this name would make it open
 * other files.
 */
const pngInput = (path: string): string[] => [
  ...['-protocol_whitelist', 'file', '-f', 'image2', '-pattern_type', 'none', '-c:v', 'png', '-i', path],
];

/**
 * In square pixels of the same shape; both sides even, as JPEG's and H.264's halved colours ask for. Black where a frame is
 * transparent.
 */
function scaled(width: number, { pixelAspect }: FrameLook, options: string): string {
  const { numerator = 1, denominator = 1 } = pixelAspect ?? {};
  const wide = `iw*${Math.max(numerator, denominator)}/${denominator}`;
  const height = pixelAspect ? `'max(2,round(ow*ih*${denominator}/(iw*${numerator})/2)*2)'` : '-2';
  return `scale='max(2,trunc(min(${width},${wide})/2)*2)':${height}:${options},setsar=1`;
}

/** As JPEG has it: without `accurate_rnd` greys of 16 bits get a tint, and fewer steps than 256 would be off by one. */
const jpegScaled = (width: number, look: FrameLook): string =>
  `${scaled(width, look, `out_color_matrix=bt601:out_range=pc:flags=lanczos+${EXACT}`)},format=yuvj420p`;

/** As a small H.264 has it, in the film's own colours. */
const videoScaled = (look: FrameLook, how: string): string =>
  [scaled(PREVIEW_WIDTH, look, `flags=${how}+${EXACT}`), ...inColours('yuv420p', look.display)].join(',');

/** One frame as a JPEG. */
export function posterArgs(frame: string, output: string, look: FrameLook, width = POSTER_WIDTH): string[] {
  return [
    ...COMMON,
    ...pngInput(frame),
    '-vf',
    jpegScaled(width, look),
    '-frames:v',
    '1',
    '-q:v',
    '3',
    output,
  ];
}

/** The same, small. */
export function thumbnailArgs(frame: string, output: string, look: FrameLook): string[] {
  return posterArgs(frame, output, look, THUMBNAIL_WIDTH);
}

/**
 * Single frames as a film of `seconds`, each shown for as long as the others: what a shot will look like, before it is
 * rendered.
 */
export function coarsePreviewArgs(
  frames: readonly string[],
  seconds: number,
  look: FrameLook,
  output: string,
): string[] {
  const rate = (frames.length / seconds).toFixed(6);
  const inputs = frames.flatMap((path) => ['-framerate', rate, ...pngInput(path)]);
  const scaledAll = frames.map((_, i) => `[${i}:v]${videoScaled(look, 'lanczos')}[f${i}]`).join(';');
  const joined = frames.map((_, i) => `[f${i}]`).join('');
  const filter = [
    '-filter_complex',
    `${scaledAll};${joined}concat=n=${frames.length}:v=1:a=0,setpts=N/${rate}/TB`,
  ];
  return [...COMMON, ...inputs, ...filter, '-r', rate, ...PREVIEW_CODEC, ...colourTags(look.display), output];
}

/** Of the small film, in ffmpeg's folder and in storage. */
export const PREVIEW_NAME = 'preview.mp4';

export const PREVIEW_ENCODER = 'libx264';

export const PREVIEW_CODEC: readonly string[] = [
  ...['-c:v', PREVIEW_ENCODER, '-preset', 'veryfast', '-crf', '28', '-movflags', '+faststart'],
];

/** Pictures in a preview at most, give or take one: of a long film only every so manyth. */
const MOST_PREVIEW_FRAMES = 600;

/** What makes a film of so many frames small enough to be sent by mail or to stand in a page. */
export function previewFilter(frameCount: number, look: FrameLook): string {
  const every = Math.ceil(frameCount / MOST_PREVIEW_FRAMES);
  return [...(every > 1 ? [`framestep=${every}`] : []), videoScaled(look, 'bilinear')].join(',');
}

/** Frames side by side in rows, each with its number in a corner unless `numbers` is false (not every ffmpeg can write). */
export function contactSheetArgs(
  frames: readonly FrameFile[],
  output: string,
  look: FrameLook,
  numbers: boolean,
): string[] {
  const inputs = frames.flatMap(({ path }) => pngInput(path));
  const tiles = frames.map(({ frame }, i) => {
    const number = `,drawtext=text='${frame}':x=8:y=6:fontsize=22:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=4`;
    return `[${i}:v]${jpegScaled(TILE_WIDTH, look)}${numbers ? number : ''}[t${i}]`;
  });
  const joined = frames.map((_, i) => `[t${i}]`).join('');
  const [across, down] = gridOf(frames.length);
  const sheet = `${joined}concat=n=${frames.length}:v=1:a=0,tile=${across}x${down}:margin=4:padding=4:color=black`;
  const filter = ['-filter_complex', `${tiles.join(';')};${sheet}`];
  return [...COMMON, ...inputs, ...filter, '-frames:v', '1', '-q:v', '4', output];
}

function gridOf(tiles: number): [number, number] {
  const across = Math.min(TILES_ACROSS, tiles);
  return [across, Math.ceil(tiles / across)];
}

/**
 * What a render has cost by the built-in table, as a job has no right to ask EC2; `undefined` where its job definition does
 * not tell the farm's machines (`SPOTREEL_MACHINES`, JSON), as on one's own machine, where nobody is paid. Throws
 * `bad-machines`.
 */
function tableCost(
  usage: MachineUsage,
  { options }: Pick<Manifest, 'options'>,
  { SPOTREEL_MACHINES, AWS_REGION = 'unknown' }: NodeJS.ProcessEnv,
): RenderCost | undefined {
  if (SPOTREEL_MACHINES === undefined) return undefined;
  const machines = parseJson(machinesSchema, Buffer.from(SPOTREEL_MACHINES), (reason) => {
    const message = `SPOTREEL_MACHINES of the job definition does not tell the farm's machines (${reason}): deploy again`;
    return new SpotreelError('bad-machines', 'usage', message);
  });
  return renderCost(usage, machines, tableRenderPrices(machines, options.device === 'GPU', AWS_REGION));
}

/** A preview up to so many bytes stands in the page itself; a page that is larger opens on no phone. */
const MOST_EMBEDDED_BYTES = 16 * 1024 * 1024;

const FETCHED_AT_ONCE = 4;

/** A picture or preview that takes ffmpeg longer is left out, so that a hung ffmpeg does not bill until the job's timeout. */
const MOST_FFMPEG_MS = 10 * 60 * 1000;

export interface Showcase {
  readonly manifest: Manifest;
  readonly render: Render;
  /** The frames that are whole. */
  readonly there: ReadonlySet<number>;
  /** The video on this machine, under the name that it has in the folder; absent where there is none. */
  readonly video?: string;
  /** Whether the small film is in ffmpeg's folder, as `PREVIEW_NAME`. */
  readonly hasPreview?: boolean;
  /** What of the sound the video lacks, a sentence each. */
  readonly lacks?: readonly string[];
  /** What was found when the video was made. */
  readonly findings?: readonly Finding[];
}

/**
 * What there is to look at besides the video: poster, contact sheet, a small preview and `report.html`. None of them is
 * worth failing for when the video is made: what can't be is said in the log and left out.
 */
export async function showRender(showcase: Showcase, context: WorkerContext): Promise<void> {
  const { manifest, render, there, video, hasPreview = false, findings = [], lacks = [] } = showcase;
  const { storage, scratch, now } = context;
  const directory = join(scratch.own, 'showcase');
  await mkdir(directory, { recursive: true });
  const show = new Shower(directory, context);
  const frames = [...framesOf(manifest.frames)].filter((frame) => there.has(frame));
  const poster = await show.make('poster.jpg', render.posterUrl, 'image/jpeg', async (path) => {
    const [file] = await show.fetch(frames.slice(Math.floor(frames.length / 2)).slice(0, 1), render);
    if (file) await show.ffmpeg(posterArgs(file.path, path, manifest));
    return file !== undefined;
  });
  const sheet = await show.make('contact-sheet.jpg', render.contactSheetUrl, 'image/jpeg', async (path) => {
    const files = await show.fetch(evenlySpaced(frames, MOST_TILES), render);
    // Of a still it would be the poster, small.
    if (files.length === 0 || manifest.frameCount === 1) return false;
    await show
      .ffmpeg(contactSheetArgs(files, path, manifest, true))
      .catch(() => show.ffmpeg(contactSheetArgs(files, path, manifest, false)));
    return true;
  });
  const preview = await show.make(PREVIEW_NAME, render.previewUrl, 'video/mp4', async () => hasPreview);
  const account = await show.attempt('receipt.json', () => giveReceipt(showcase, context));
  await show.attempt('report.html', async () => {
    const records = account?.records ?? (await readSliceRecords(render, manifest, there));
    const media = {
      ...dataUrl('poster', 'image/jpeg', poster),
      ...dataUrl('contactSheet', 'image/jpeg', sheet),
      ...dataUrl('preview', 'video/mp4', preview),
    };
    const named = video === undefined ? {} : { video: basename(video) };
    const page = reportPage({
      ...records,
      ...{ media, ...named, findings, lacks, cost: account?.cost, at: now() },
    });
    await storage.put(render.reportUrl, page, { contentType: 'text/html; charset=utf-8' });
  });
}

/** Writes what the render took, and gives what that comes to and what it was read from. */
async function giveReceipt(
  { manifest, render, there }: Showcase,
  { environment, now }: WorkerContext,
): Promise<{ readonly records: SliceRecords; readonly cost: RenderCost | undefined }> {
  const at = now();
  const records = await readSliceRecords(render, manifest, there);
  const lacking = lackingOf(records.slices);
  if (lacking) await render.missingFiles.write(lacking);
  else await render.missingFiles.delete();
  const noted = await render.stitchRecord.readIfValid();
  const stitch = noted && untilNow(noted, at);
  const receipt = makeReceipt({
    manifest,
    slices: records.slices,
    stored: there.size,
    stitch,
    ended: true,
    costOf: (usage) => tableCost(usage, manifest, environment),
    at,
  });
  await render.receipt.write(receipt);
  return { records, cost: receipt.cost };
}

function dataUrl(name: string, type: string, bytes: Uint8Array | undefined): Record<string, string> {
  if (!bytes || bytes.byteLength > MOST_EMBEDDED_BYTES) return {};
  return { [name]: `data:${type};base64,${Buffer.from(bytes).toString('base64')}` };
}

/** Makes things to look at. `directory` is for the pictures of which it makes them; it exists and is in the worker's own folder. */
export class Shower {
  private readonly prepared: PreparedFfmpeg;

  constructor(
    private readonly directory: string,
    private readonly context: WorkerContext,
  ) {
    this.prepared = prepareFfmpeg(context);
  }

  /** The bytes of a file that `work` made at the path that it is given, once they are stored; nothing where it made none (`false`). */
  async make(
    name: string,
    url: URL,
    contentType: string,
    work: (path: string) => Promise<boolean>,
  ): Promise<Uint8Array | undefined> {
    const { scratch, storage } = this.context;
    const path = join(scratch.ffmpeg, name);
    return this.attempt(name, async () => {
      if (!(await work(path))) return undefined;
      const bytes = await takeBytes({ path, writer: 'ffmpeg', name, mostBytes: MOST_SHOWN_BYTES });
      await storage.put(url, bytes, { contentType });
      return bytes;
    });
  }

  /** What `work` gives; nothing where it fails, which is said. */
  async attempt<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.context.say({ event: 'output', program: 'worker', line: `no ${name}: ${messageOf(error)}` });
      return undefined;
    }
  }

  async ffmpeg(args: readonly string[]): Promise<void> {
    const { command, environment } = this.prepared;
    const { signal } = this.context;
    await runProgram([...command, ...args], { environment, signal, timeoutMs: MOST_FFMPEG_MS });
  }

  async fetch(frames: readonly number[], render: Render): Promise<FrameFile[]> {
    return mapConcurrently(frames, FETCHED_AT_ONCE, async (frame) => {
      const path = join(this.directory, frameName(frame));
      await writeFile(path, await render.storage.get(render.frameUrl(frame)));
      return { frame, path };
    });
  }
}

/**
 * `preview.mp4` while a render still runs: one frame of each slice that came first, shown for as long as the film will be.
 * Every one of those slices' children looks once, after its first frame, whether all such frames are there, so that the last
 * of them makes it; the stitch job puts the whole film in its place.
 */
export class EarlyPreview {
  private readonly frames: readonly number[];
  private work: Promise<unknown> | undefined;

  constructor(
    private readonly manifest: Manifest,
    private readonly render: Render,
    index: number,
    private readonly context: WorkerContext,
  ) {
    const { sliceOrder, sliceCount, frames, framesPerSlice } = manifest;
    const coarse = sliceOrder === 'spread' && sliceCount > 1 ? coarseSlices(sliceCount) : [];
    this.frames =
      index < coarse.length
        ? coarse.flatMap((slice) => framesAt(frames, slice * framesPerSlice, slice * framesPerSlice))
        : [];
  }

  /** Once, beside whatever else goes on: nothing waits for it, and nothing fails by it. */
  begin(): void {
    if (this.frames.length > 0) this.work ??= this.make().catch(() => undefined);
  }

  /** When it is over, if it was begun. */
  async end(): Promise<void> {
    await this.work;
  }

  private async make(): Promise<void> {
    const { render, context, manifest } = this;
    const { scratch, say, signal } = context;
    for (const frame of this.frames) {
      if (signal.aborted || !(await render.storage.head(render.frameUrl(frame)))) return;
    }
    const directory = join(scratch.own, 'preview');
    await mkdir(directory, { recursive: true });
    const show = new Shower(directory, context);
    const { numerator, denominator } = manifest.frameRate;
    const seconds = (manifest.frameCount * denominator) / numerator;
    const made = await show.make(PREVIEW_NAME, render.previewUrl, 'video/mp4', async (path) => {
      const files = await show.fetch(this.frames, render);
      const pictures = files.map((file) => file.path);
      await show.ffmpeg(coarsePreviewArgs(pictures, seconds, manifest, path));
      return true;
    });
    const line = `preview.mp4 shows ${this.frames.length} frames spread over the shot`;
    if (made) say({ event: 'output', program: 'worker', line });
  }
}
