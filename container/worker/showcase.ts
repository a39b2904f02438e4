import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  contactSheetUrl,
  frameName,
  frameUrl,
  missingFilesUrl,
  posterUrl,
  previewUrl,
  receiptUrl,
  reportUrl,
  stitchRecordUrl,
} from '../../core/contract/keys';
import type { Finding } from '../../core/contract/finding';
import type { Manifest } from '../../core/contract/manifest';
import { stitchRecordSchema } from '../../core/contract/stitch-record';
import { untilNow } from '../../core/cost/machine-usage';
import { makeReceipt } from '../../core/cost/receipt';
import type { RenderCost } from '../../core/cost/render-cost';
import { messageOf } from '../../core/errors';
import { mapConcurrently } from '../../core/map-concurrently';
import { framesOf } from '../../core/render/frame-range';
import { lackingOf } from '../../core/report/lacking';
import { readRecords } from '../../core/report/read-records';
import type { RenderRecords } from '../../core/report/report-figures';
import { reportPage } from '../../core/report/report-page';
import { readRecord } from '../../core/storage/read-record';
import { runProgram } from '../../core/processes/run-program';
import { prepareFfmpeg, type PreparedFfmpeg } from './prepare-ffmpeg';
import { MOST_SHOWN_BYTES } from './size-bounds';
import { takeBytes } from './take-file';
import { evenlySpaced } from '../../core/render/evenly-spaced';
import { tableCost } from './table-cost';
import { contactSheetArgs, MOST_TILES, posterArgs, PREVIEW_NAME, type FrameFile } from './showcase-args';
import type { WorkerContext } from './worker-context';

/** A preview up to so many bytes stands in the page itself; a page that is larger opens on no phone. */
const MOST_EMBEDDED_BYTES = 16 * 1024 * 1024;

const FETCHED_AT_ONCE = 4;

/** A picture or preview that takes ffmpeg longer is left out, so that a hung ffmpeg does not bill until the job's timeout. */
const MOST_FFMPEG_MS = 10 * 60 * 1000;

export interface Showcase {
  readonly manifest: Manifest;
  /** The render's own folder. */
  readonly folder: URL;
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
  const { manifest, folder, there, video, hasPreview = false, findings = [], lacks = [] } = showcase;
  const { storage, scratch, now } = context;
  const directory = join(scratch.own, 'showcase');
  await mkdir(directory, { recursive: true });
  const show = new Shower(directory, context);
  const frames = [...framesOf(manifest.frames)].filter((frame) => there.has(frame));
  const poster = await show.make('poster.jpg', posterUrl(folder), 'image/jpeg', async (path) => {
    const [file] = await show.fetch(frames.slice(Math.floor(frames.length / 2)).slice(0, 1), folder);
    if (file) await show.ffmpeg(posterArgs(file.path, path, manifest));
    return file !== undefined;
  });
  const sheet = await show.make('contact-sheet.jpg', contactSheetUrl(folder), 'image/jpeg', async (path) => {
    const files = await show.fetch(evenlySpaced(frames, MOST_TILES), folder);
    // Of a still it would be the poster, small.
    if (files.length === 0 || manifest.frameCount === 1) return false;
    await show
      .ffmpeg(contactSheetArgs(files, path, manifest, true))
      .catch(() => show.ffmpeg(contactSheetArgs(files, path, manifest, false)));
    return true;
  });
  const preview = await show.make(PREVIEW_NAME, previewUrl(folder), 'video/mp4', async () => hasPreview);
  const account = await show.attempt('receipt.json', () => giveReceipt(showcase, context));
  await show.attempt('report.html', async () => {
    const records = account?.records ?? (await readRecords(manifest, folder, there, storage));
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
    await storage.put(reportUrl(folder), page, { contentType: 'text/html; charset=utf-8' });
  });
}

/** Writes what the render took, and gives what that comes to and what it was read from. */
async function giveReceipt(
  { manifest, folder, there }: Showcase,
  { storage, environment, now }: WorkerContext,
): Promise<{ readonly records: RenderRecords; readonly cost: RenderCost | undefined }> {
  const at = now();
  const records = await readRecords(manifest, folder, there, storage);
  const lacking = lackingOf(records.slices);
  if (lacking)
    await storage.put(missingFilesUrl(folder), JSON.stringify(lacking), { contentType: 'application/json' });
  else await storage.delete(missingFilesUrl(folder));
  const noted = await readRecord(stitchRecordSchema, stitchRecordUrl(folder), storage);
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
  await storage.put(receiptUrl(folder), JSON.stringify(receipt), { contentType: 'application/json' });
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

  async fetch(frames: readonly number[], folder: URL): Promise<FrameFile[]> {
    return mapConcurrently(frames, FETCHED_AT_ONCE, async (frame) => {
      const path = join(this.directory, frameName(frame));
      await writeFile(path, await this.context.storage.get(frameUrl(folder, frame)));
      return { frame, path };
    });
  }
}
