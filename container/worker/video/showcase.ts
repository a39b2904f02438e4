import { mkdir, open, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { mapConcurrently } from '../../../core/concurrency';
import type { RenderCost } from '../../../core/cost/receipt';
import { messageOf } from '../../../core/errors';
import { runProgram } from '../../../core/processes/run-program';
import { framesAt, framesOf } from '../../../core/render/frames';
import { frameName } from '../../../core/render/keys';
import type { Finding, Manifest } from '../../../core/render/manifest';
import type { Render } from '../../../core/render/render';
import { readSliceRecords, type SliceRecords } from '../../../core/render/slice-figures';
import { coarseSlices, evenlySpaced } from '../../../core/render/slices';
import type { Display, PixelAspect } from '../../../core/render/video';
import { reportPage } from '../../../core/report/page';
import { stoppedError, type WorkerContext } from '../context';
import { MOST_SHOWN_BYTES, takeBytes } from '../frames/saved-files';
import { colourTags, EXACT, inColours, type PreparedFfmpeg, prepareFfmpeg } from './ffmpeg';

/** Pictures and previews up to this size are embedded in the page; phones do not open larger pages. */
const MOST_EMBEDDED_BYTES = 16 * 1024 * 1024;

const FETCHED_AT_ONCE = 4;

/** A picture that takes ffmpeg longer is skipped, so that a hung ffmpeg does not bill until the job's timeout. */
const MOST_FFMPEG_MS = 10 * 60 * 1000;

export interface Showcase {
  readonly manifest: Manifest;
  readonly render: Render;
  /** The whole frames. */
  readonly there: ReadonlySet<number>;
  /** The video on this machine, with its name in storage; absent without a video. */
  readonly video?: string;
  /** Poster and contact sheet, if they were begun earlier, of exactly these frames. */
  readonly stills?: Promise<Stills>;
  /** Whether the small film is in ffmpeg's folder as `PREVIEW_NAME`. */
  readonly hasPreview?: boolean;
  /** The sound that the video lacks, a sentence each. */
  readonly lacks?: readonly string[];
  /** Findings of making the video. */
  readonly findings?: readonly Finding[];
}

/** The cost of a render, and the records that it was computed from. */
export interface Account {
  readonly records: SliceRecords;
  readonly cost: RenderCost | undefined;
}

/**
 * Stores poster, contact sheet, small preview, receipt and `report.html`. None of them can fail the job: it logs what it
 * cannot make, and skips it.
 */
export async function showRender(
  showcase: Showcase,
  giveReceipt: () => Promise<Account>,
  context: WorkerContext,
): Promise<void> {
  const { manifest, render, there, video, hasPreview = false, findings = [], lacks = [] } = showcase;
  const { storage, now } = context;
  const stills = showcase.stills ?? makeStills({ manifest, there, input: render }, context);
  // The pictures below report a failure; until then it must not be an unhandled rejection.
  stills.catch(() => undefined);
  const show = new Shower(await showcaseFolder(context), context);
  const still = (name: keyof Stills, file: string, url: URL): Promise<Uint8Array | undefined> =>
    show.make(file, url, 'image/jpeg', async () => (await stills)[name]);
  const [account, poster, contactSheet, preview] = await Promise.all([
    show.attempt('receipt.json', giveReceipt),
    still('poster', POSTER_NAME, render.posterUrl),
    still('contactSheet', SHEET_NAME, render.contactSheetUrl),
    show.make(PREVIEW_NAME, render.previewUrl, 'video/mp4', async () => hasPreview),
  ]);
  await show.attempt('report.html', async () => {
    const records = account?.records ?? (await readSliceRecords(render, manifest, there));
    const media = {
      ...dataUrl('poster', 'image/jpeg', poster),
      ...dataUrl('contactSheet', 'image/jpeg', contactSheet),
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

const POSTER_NAME = 'poster.jpg';
const SHEET_NAME = 'contact-sheet.jpg';

async function showcaseFolder({ scratch }: WorkerContext): Promise<string> {
  const directory = join(scratch.own, 'showcase');
  await mkdir(directory, { recursive: true });
  return directory;
}

/** The pictures that are in ffmpeg's folder. */
export interface Stills {
  readonly poster: boolean;
  readonly contactSheet: boolean;
}

/**
 * Makes poster and contact sheet of whole frames in one run of ffmpeg. The run may continue beside the encoder, so it uses
 * one thread and few pictures' memory. Throws if ffmpeg fails or a frame is missing.
 */
export async function makeStills(
  { manifest, there, input }: { manifest: Manifest; there: ReadonlySet<number>; input: Render },
  context: WorkerContext,
): Promise<Stills> {
  const frames = [...framesOf(manifest.frames)].filter((frame) => there.has(frame));
  const middle = frames[Math.floor(frames.length / 2)];
  if (middle === undefined) return { poster: false, contactSheet: false };
  // For a still, it would only repeat the poster.
  const tiles = manifest.frameCount === 1 ? [] : evenlySpaced(frames, MOST_TILES);
  const show = new Shower(await showcaseFolder(context), context);
  const pictures = await show.join([...tiles, middle], input);
  const { ffmpeg } = context.scratch;
  const make = (numbers: boolean) =>
    show.ffmpeg(
      stillsArgs(
        pictures,
        { tiles, numbers, sheet: join(ffmpeg, SHEET_NAME), poster: join(ffmpeg, POSTER_NAME) },
        manifest,
      ),
    );
  await make(true).catch(() => make(false));
  return { poster: true, contactSheet: tiles.length > 0 };
}

function dataUrl(name: string, type: string, bytes: Uint8Array | undefined): Record<string, string> {
  if (!bytes || bytes.byteLength > MOST_EMBEDDED_BYTES) return {};
  return { [name]: `data:${type};base64,${Buffer.from(bytes).toString('base64')}` };
}

/** Widths in pixels; smaller sources are not enlarged. */
const POSTER_WIDTH = 1280;
const THUMBNAIL_WIDTH = 480;
const PREVIEW_WIDTH = 640;
const TILE_WIDTH = 320;
const TILES_ACROSS = 4;

/** Tiles of the contact sheet at most, in 4 rows. */
const MOST_TILES = 16;

/** Fields of a plan that decide how to show its frames. */
export interface FrameLook {
  readonly pixelAspect?: PixelAspect;
  readonly display?: Display;
}

/** A frame's file on this machine. */
interface FrameFile {
  readonly frame: number;
  readonly path: string;
}

const COMMON = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];

/**
 * A PNG file as input. ffmpeg accepts no other format and protocol, because a playlist under this name would make it open
 * other files.
 */
const pngInput = (path: string): string[] => [
  ...['-protocol_whitelist', 'file', '-f', 'image2', '-pattern_type', 'none', '-c:v', 'png', '-i', path],
];

/** PNG files one after the other in one file, as input of one decoder. Like `pngInput`, no playlist. */
const pngsInput = (path: string): string[] => [
  ...['-protocol_whitelist', 'file', '-f', 'image2pipe', '-threads', '1', '-c:v', 'png', '-i', path],
];

/**
 * Scales to square pixels with even width and height, for the halved colours of JPEG and H.264. Transparent areas get black.
 */
function scaled(width: number, { pixelAspect }: FrameLook, options: string): string {
  const { numerator = 1, denominator = 1 } = pixelAspect ?? {};
  const wide = `iw*${Math.max(numerator, denominator)}/${denominator}`;
  const height = pixelAspect ? `'max(2,round(ow*ih*${denominator}/(iw*${numerator})/2)*2)'` : '-2';
  return `scale='max(2,trunc(min(${width},${wide})/2)*2)':${height}:${options},setsar=1`;
}

/** Scaled for JPEG. Without `accurate_rnd`, greys of 16 bits get a tint and other values can be off by one. */
const jpegScaled = (width: number, look: FrameLook): string =>
  `${scaled(width, look, `out_color_matrix=bt601:out_range=pc:flags=lanczos+${EXACT}`)},format=yuvj420p`;

/** Scaled for a small H.264, in the film's own colours. */
const videoScaled = (look: FrameLook, how: string): string =>
  [scaled(PREVIEW_WIDTH, look, `flags=${how}+${EXACT}`), ...inColours('yuv420p', look.display)].join(',');

/** ffmpeg's arguments to make a small JPEG of one frame. */
export function thumbnailArgs(frame: string, output: string, look: FrameLook): string[] {
  const filter = ['-vf', jpegScaled(THUMBNAIL_WIDTH, look)];
  return [...COMMON, ...pngInput(frame), ...filter, '-frames:v', '1', '-q:v', '3', output];
}

/** ffmpeg's arguments to show single frames as a film of `seconds`, each equally long: a preview of a running render. */
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

/** Name of the small film, in ffmpeg's folder and in storage. */
export const PREVIEW_NAME = 'preview.mp4';

export const PREVIEW_ENCODER = 'libx264';

export const PREVIEW_CODEC: readonly string[] = [
  ...['-c:v', PREVIEW_ENCODER, '-preset', 'veryfast', '-crf', '28', '-movflags', '+faststart'],
];

/** Pictures in a preview at most, plus or minus one: a preview of a long film skips frames. */
const MOST_PREVIEW_FRAMES = 600;

/** The filter that makes a film of so many frames small enough for a mail or a page. */
export function previewFilter(frameCount: number, look: FrameLook): string {
  const every = Math.ceil(frameCount / MOST_PREVIEW_FRAMES);
  return [...(every > 1 ? [`framestep=${every}`] : []), videoScaled(look, 'bilinear')].join(',');
}

/** What to make of pictures. */
interface StillsWanted {
  /** Frame numbers of the first pictures, one for each tile; none makes no sheet. The picture after them is the poster. */
  readonly tiles: readonly number[];
  /** Whether tiles show their numbers: not every ffmpeg has `drawtext`. */
  readonly numbers: boolean;
  readonly sheet: string;
  readonly poster: string;
}

/** ffmpeg's arguments to make rows of frames and a poster of pictures, each decoded once. */
export function stillsArgs(
  pictures: string,
  { tiles, numbers, sheet, poster }: StillsWanted,
  look: FrameLook,
): string[] {
  const input = [...COMMON, '-filter_complex_threads', '1', ...pngsInput(pictures), '-filter_complex'];
  const large = `${jpegScaled(POSTER_WIDTH, look)}[poster]`;
  const toPoster = ['-map', '[poster]', '-frames:v', '1', '-q:v', '3', poster];
  if (tiles.length === 0) return [...input, `[0:v]${large}`, ...toPoster];
  const [across, down] = gridOf(tiles.length);
  const number = tiles.map((frame, i) => `eq(n,${i})*${frame}`).join('+');
  const text = `,drawtext=text='%{eif\\:${number}\\:d}':x=8:y=6:fontsize=22:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=4`;
  const graph = [
    '[0:v]split[a][b]',
    `[a]select='lt(n,${tiles.length})',${jpegScaled(TILE_WIDTH, look)}${numbers ? text : ''},tile=${across}x${down}:margin=4:padding=4:color=black[sheet]`,
    `[b]select='eq(n,${tiles.length})',${large}`,
  ].join(';');
  return [...input, graph, '-map', '[sheet]', '-frames:v', '1', '-q:v', '4', sheet, ...toPoster];
}

function gridOf(tiles: number): [number, number] {
  const across = Math.min(TILES_ACROSS, tiles);
  return [across, Math.ceil(tiles / across)];
}

/** Makes and stores pictures. `directory` exists, is in the worker's own folder, and holds the source frames. */
export class Shower {
  private readonly prepared: PreparedFfmpeg;

  constructor(
    private readonly directory: string,
    private readonly context: WorkerContext,
  ) {
    this.prepared = prepareFfmpeg(context);
  }

  /** Stores the file that `work` made at the given path and returns its bytes; nothing if `work` returns `false`. */
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

  /** The result of `work`; if it fails, logs that and returns nothing. */
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

  /** Puts the frames' files one after the other in one file and returns its path. Holds few in memory. Throws `stopped`. */
  async join(frames: readonly number[], render: Render): Promise<string> {
    const { signal } = this.context;
    const path = join(this.directory, 'frames');
    const file = await open(path, 'w');
    try {
      for (let at = 0; at < frames.length; at += FETCHED_AT_ONCE) {
        if (signal.aborted) throw stoppedError(signal);
        const some = frames.slice(at, at + FETCHED_AT_ONCE).map((frame) => render.frameUrl(frame));
        for (const bytes of await Promise.all(some.map((url) => render.storage.get(url))))
          await file.writeFile(bytes);
      }
    } finally {
      await file.close();
    }
    return path;
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
 * Makes `preview.mp4` while a render still runs: one frame of each of the first slices, as long as the film. Each child of
 * these slices checks once, after its first frame, whether all these frames exist, so the last one makes the preview. The
 * stitch job replaces it.
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

  /** Starts once, in the background. It never fails the slice. */
  begin(): void {
    if (this.frames.length > 0) this.work ??= this.make().catch(() => undefined);
  }

  /** Resolves when it has ended, if it was begun. */
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
