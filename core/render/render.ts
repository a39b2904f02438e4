import * as z from 'zod/mini';
import { mapConcurrently } from '../concurrency';
import { SpotreelError } from '../errors';
import { childUrl, type ObjectInfo, parseLocation, type Storage } from '../storage/storage';
import { Document, type DocumentKind } from './document';
import { framesOf } from './frames';
import {
  CAPS_PREFIX,
  type FileOutput,
  fileOutputAt,
  folderUrl,
  frameOfFailure,
  frameOfMaster,
  frameOfName,
  idStartOf,
  isFileOutput,
  isRenderName,
  outputsFolder,
  retryOfName,
} from './keys';
import type { Manifest } from './manifest';
import type { Gaps, RetryPlan, SliceReport } from './records';
import { FAILURE, RenderFolder, RETRY, SLICE } from './render-folder';
import { evenlySpaced, type MissingFrames, type Pace, paceOf } from './slices';

/** Small files that are read at a time. Reading 10,000 slice reports, AWS Batch's limit, takes about 20 seconds. */
const AT_ONCE = 16;

/** Most failures whose reasons are read. */
const MOST_REASONS = 100;

/** Failed frames. */
export interface FrameFailures {
  /** Ascending. */
  readonly frames: readonly number[];
  /** The first 100 of them with their reasons. */
  readonly first: ReadonlyArray<{
    readonly frame: number;
    readonly reason: string;
    /** Files that the frame lacks; absent if it failed for another reason. */
    readonly missing?: readonly string[];
  }>;
}

/** A document of any kind whose damage can be checked. */
export type RepairableDocument = Pick<Document<unknown>, 'url' | 'find'>;

/** The part of the manifest with the frames. */
type Planned = Pick<Manifest, 'frames'>;

/**
 * One render: its folder and files. It knows their names and formats, and nothing of AWS Batch. An object exists
 * without its render; only documents show that a render exists. Asynchronous methods throw what storage throws.
 */
export class Render extends RenderFolder {
  /** The render of this id in the folder of all renders. The id must be checked, or come from a listing. */
  static at(output: URL, renderId: string, storage: Storage): Render {
    return new Render(childUrl(output, `${renderId}/`), storage);
  }

  /** The render of this folder, the value of `-o` in its jobs. */
  static in(folder: URL, storage: Storage): Render {
    return new Render(folderUrl(folder), storage);
  }

  /** All folders in a folder of renders whose names start with `start`, unordered. Some may contain no render. */
  static async *all(output: URL, storage: Storage, start = ''): AsyncGenerator<Render> {
    for await (const { name, object, fault } of storage.listFolder(folderUrl(output), start))
      if (!object && fault === undefined) yield Render.at(output, name, storage);
  }

  /** Renders in this folder that have a cost cap, in the order of their keys. */
  static async *allWithCap(output: URL, storage: Storage): AsyncGenerator<Render> {
    const folder = new URL(`../${CAPS_PREFIX}`, folderUrl(output));
    for await (const { url } of storage.list(folder)) {
      const name = /^([^/]+)\.json$/.exec(url.pathname.slice(folder.pathname.length));
      const renderId = name && decodeURIComponent(name[1]!);
      if (renderId && isRenderName(renderId)) yield Render.at(output, renderId, storage);
    }
  }

  /** Every file below the folder, as storage lists it. */
  files(): AsyncIterable<ObjectInfo> {
    return this.storage.list(this.folder);
  }

  /** Files in the folder itself, by name. */
  async ownFiles(): Promise<Map<string, ObjectInfo>> {
    const files = new Map<string, ObjectInfo>();
    for await (const { name, object } of this.storage.listFolder(this.folder))
      if (object) files.set(name, object);
    return files;
  }

  /** Frames with a file, including frames that are not in the plan. */
  frameFiles(): AsyncGenerator<FrameFile> {
    return listFrames(this.url('frames/'), this.storage);
  }

  masterFiles(): AsyncGenerator<FrameFile> {
    return listMasters(this.url('masters/'), this.storage);
  }

  outputFiles(): AsyncGenerator<OutputFile> {
    return listOutputs(this.folder, this.storage);
  }

  /** Names of the File Output nodes with files, sorted. */
  outputNodes(): Promise<string[]> {
    return listOutputNodes(this.folder, this.storage);
  }

  /** Whether the folder of frames has any file. */
  async hasFrames(): Promise<boolean> {
    for await (const _ of this.storage.list(this.url('frames/'))) return true;
    return false;
  }

  /** Frames of the plan that have a file, which may be damaged. `onFrame` is called for each. */
  async storedFrames(
    { frames }: Planned,
    onFrame: (info: ObjectInfo) => void = () => undefined,
  ): Promise<Set<number>> {
    const wanted = new Set(framesOf(frames));
    const stored = new Set<number>();
    for await (const { frame, object } of this.frameFiles()) {
      if (!wanted.has(frame)) continue;
      stored.add(frame);
      onFrame(object);
    }
    return stored;
  }

  /** Makes two listings, and a request for each file that `gaps.json` lists as damaged. */
  async missingFrames(manifest: Planned): Promise<MissingFrames> {
    const stored = await this.storedFrames(manifest);
    for (const frame of await this.damagedFrames(stored)) stored.delete(frame);
    const missing = new Set([...framesOf(manifest.frames)].filter((frame) => !stored.has(frame)));
    const failed = [...(await this.failedFrames())].filter((frame) => missing.has(frame));
    return { missing, failed: new Set(failed.toSorted((a, b) => a - b)) };
  }

  /** Frames whose files were damaged when the video was made and have not been replaced. */
  private async damagedFrames(stored: ReadonlySet<number>): Promise<number[]> {
    const { at = '', gaps = [] } = (await this.gaps.readIfValid()) ?? {};
    const suspects = gaps.map(({ frame }) => frame).filter((frame) => stored.has(frame));
    const damaged = await mapConcurrently(suspects, AT_ONCE, async (frame) => {
      const head = await this.storage.head(this.frameUrl(frame));
      return head && head.lastModified.getTime() <= Date.parse(at) ? [frame] : [];
    });
    return damaged.flat();
  }

  /** Frames with a noted failure. */
  failedFrames(): Promise<Set<number>> {
    return failedFrames(this.url('failures/'), this.storage);
  }

  /** Failed frames that are not `stored`: one listing, and the first reasons. */
  async failures(stored: ReadonlySet<number>): Promise<FrameFailures> {
    const frames = [...(await this.failedFrames())]
      .filter((frame) => !stored.has(frame))
      .toSorted((a, b) => a - b);
    const first = await mapConcurrently(frames.slice(0, MOST_REASONS), AT_ONCE, async (frame) => {
      const failure = await this.failure(frame).readIfValid();
      return { frame, reason: failure?.reason ?? 'no reason was noted', missing: failure?.missing };
    });
    return { frames, first };
  }

  /** Reports of slices, listed but not read. */
  async *sliceFiles(): AsyncGenerator<{ readonly info: ObjectInfo; readonly report: Document<SliceReport> }> {
    for await (const info of this.storage.list(this.url('slices/')))
      yield { info, report: new Document(info.url, SLICE, this.storage) };
  }

  /** All readable reports, by slice. */
  async slices(): Promise<SliceReport[]> {
    const found: Array<Document<SliceReport>> = [];
    for await (const { report } of this.sliceFiles()) found.push(report);
    const reports = await mapConcurrently(found, AT_ONCE, (report) => report.readIfValid());
    return reports.filter((report) => report !== undefined).toSorted((a, b) => a.slice - b.slice);
  }

  /** The pace of the render so far, from at most 16 of its slice reports; `undefined` before its first frame. */
  async pace({ sliceCount }: Pick<Manifest, 'sliceCount'>): Promise<ReturnType<typeof paceOf>> {
    const slices = evenlySpaced(
      Array.from({ length: sliceCount }, (_, slice) => slice),
      AT_ONCE,
    );
    const reports = await mapConcurrently(slices, AT_ONCE, (slice) => this.slice(slice).readIfValid());
    return paceOf(reports.flatMap((report) => report?.attempts ?? []));
  }

  /** The number of the last planned retry; 0 without any. */
  lastRetry(): Promise<number> {
    return lastRetry(this.url('retries/'), this.storage);
  }

  /** The plans of the retries up to this one, ascending. Throws `not-found`, `bad-retry`. */
  retries(last: number): Promise<RetryPlan[]> {
    return Promise.all(Array.from({ length: last }, (_, i) => this.retry(i + 1).require()));
  }

  /**
   * The gaps noted by a job that was created then, in milliseconds since 1970; earlier gaps are ignored. Throws
   * `bad-gaps`.
   */
  async gapsSince(createdAt: number | undefined): Promise<Gaps | undefined> {
    const gaps = await this.gaps.read();
    return gaps && createdAt !== undefined && Date.parse(gaps.at) >= createdAt ? gaps : undefined;
  }

  /** When the render was planned, else refused, ISO 8601; `undefined` if neither. Reads newer formats, too. */
  async createdAt(): Promise<string | undefined> {
    const { createdAt } = (await this.document('manifest.json', PLANNED).readIfValid()) ?? {};
    return createdAt ?? (await this.document('status.json', REFUSED).readIfValid())?.at;
  }

  /**
   * Documents of a local render that Spotreel makes again or ignores if they are damaged. A file may be missing, or be
   * a folder.
   */
  async repairable(): Promise<RepairableDocument[]> {
    const found: RepairableDocument[] = [this.jobs, this.stitchRecord, this.gaps, this.receipt];
    const folders: ReadonlyArray<readonly [string, DocumentKind<unknown>]> = [
      ['slices/', SLICE],
      ['failures/', FAILURE],
      ['retries/', RETRY],
    ];
    for (const [folder, kind] of folders)
      for await (const { name } of this.storage.listFolder(this.url(folder)))
        if (name.endsWith('.json'))
          found.push(new Document(childUrl(this.url(folder), name), kind, this.storage));
    return found;
  }
}

/** Most listed folders, read plans, and similar renders whose reports are read. */
const MOST_LISTED = 1000;
const MOST_READ = 64;
const MOST_ALIKE = 8;

/** How a found pace was measured. */
export interface FoundPace extends Pace {
  /** Whether the scene file was the same; else it was an earlier or later version. */
  readonly isOfSameFile: boolean;
  /** Slices of that render. */
  readonly sliceCount: number;
}

/** Earlier renders, newest first, by the folder and the names that were looked for. */
export type EarlierRenders = Map<string, ReturnType<typeof earlierRenders>>;

/**
 * The pace of the newest render in the folder `output` like `plan`, of the same file if there is one; see `workOf`. Finds
 * renders and estimates whose names were made from the file's name, among the first 1,000 names that start like it. Makes
 * at most 1 listing, 1,000 HEAD requests, 64 reads of plans and 8 x 16 of slice reports; again with the same `earlier` only
 * the last. A fault of storage only means that no pace is known.
 */
export async function findPace(
  plan: Manifest,
  output: URL,
  storage: Storage,
  earlier: EarlierRenders = new Map(),
): Promise<FoundPace | undefined> {
  try {
    const start = idStartOf(parseLocation(plan.source.url, '/'));
    const place = childUrl(folderUrl(output), start).href;
    const found = earlier.get(place) ?? earlierRenders(output, start, storage);
    earlier.set(place, found);
    return await firstPace(plan, await found);
  } catch (error) {
    if (error instanceof SpotreelError) return undefined;
    throw error;
  }
}

async function earlierRenders(output: URL, start: string, storage: Storage) {
  const named: Render[] = [];
  let listed = 0;
  for await (const render of Render.all(output, storage, start)) {
    if (/^[0-9a-f]{8}(?:-estimate)?$/.test(render.renderId.slice(start.length))) named.push(render);
    if (++listed === MOST_LISTED) break;
  }
  const dated = await mapConcurrently(named, 2 * AT_ONCE, async (render) => {
    const at = await render.manifest.modifiedAt();
    return at ? [{ render, at: at.getTime() }] : [];
  });
  const newest = dated.flat().toSorted((a, b) => b.at - a.at);
  const plans = await mapConcurrently(newest.slice(0, MOST_READ), AT_ONCE, async ({ render }) => {
    const manifest = await render.manifest.readIfValid();
    return manifest ? [{ render, manifest }] : [];
  });
  return plans.flat();
}

async function firstPace(
  plan: Manifest,
  earlier: Awaited<ReturnType<typeof earlierRenders>>,
): Promise<FoundPace | undefined> {
  const isOfSameFile = ({ manifest }: (typeof earlier)[number]) => manifest.source.etag === plan.source.etag;
  const alike = earlier
    .filter(({ manifest }) => isAlike(manifest, plan))
    .toSorted((a, b) => Number(isOfSameFile(b)) - Number(isOfSameFile(a)));
  for (const one of alike.slice(0, MOST_ALIKE)) {
    const pace = await one.render.pace(one.manifest);
    const from = one.render.renderId.endsWith('-estimate') ? 'estimate' : 'render';
    const { sliceCount } = one.manifest;
    if (pace) return { ...pace, from, isOfSameFile: isOfSameFile(one), sliceCount };
  }
  return undefined;
}

/** Whether frames of both plans should take the same time. */
function isAlike(a: Manifest, b: Manifest): boolean {
  const isSameScene = a.source.etag === b.source.etag || a.scenePath === b.scenePath;
  return isSameScene && workOf(a) === workOf(b);
}

/** What decides the seconds of a frame, besides the scene, as text. */
function workOf({ scene, engine, resolution, options }: Manifest): string {
  const { samples, device, threads, camera, persistentData = 'auto' } = options;
  const { width, height } = resolution;
  return JSON.stringify([scene, engine, width, height, samples, device, threads, camera, persistentData]);
}

/** The part of a plan, or of the status of an unplanned render, that is read. */
const PLANNED = { name: 'manifest', schema: z.lazy(() => z.object({ createdAt: z.string() })) };
const REFUSED = { name: 'status', schema: z.lazy(() => z.object({ at: z.string() })) };

// Listings of the folders in a render's folder. Only `Render` uses them.

/** A picture of a frame. */
export interface FrameFile {
  readonly frame: number;
  /** Within its folder, such as `0001.png`. */
  readonly name: string;
  readonly object: ObjectInfo;
}

/** A file of a File Output node. */
export interface OutputFile extends FileOutput {
  readonly object: ObjectInfo;
}

function listFrames(folder: URL, storage: Storage): AsyncGenerator<FrameFile> {
  return numbered(folder, frameOfName, storage);
}

function listMasters(folder: URL, storage: Storage): AsyncGenerator<FrameFile> {
  return numbered(folder, frameOfMaster, storage);
}

/** Frames with a file in `failures/`. */
async function failedFrames(folder: URL, storage: Storage): Promise<Set<number>> {
  const frames = new Set<number>();
  for await (const { frame } of numbered(folder, frameOfFailure, storage)) frames.add(frame);
  return frames;
}

/** The highest number in `retries/`; 0 if it is empty. */
async function lastRetry(folder: URL, storage: Storage): Promise<number> {
  let last = 0;
  for await (const { url } of storage.list(folder))
    last = Math.max(last, retryOfName(url.pathname.slice(folder.pathname.length)) ?? 0);
  return last;
}

/** Files of File Output nodes whose names Spotreel gives. */
async function* listOutputs(render: URL, storage: Storage): AsyncGenerator<OutputFile> {
  for await (const object of storage.list(outputsFolder(render))) {
    const output = fileOutputAt(object.url, render);
    if (output) yield { ...output, object };
  }
}

/** Makes one request for 1,000 nodes. */
async function listOutputNodes(render: URL, storage: Storage): Promise<string[]> {
  const nodes: string[] = [];
  for await (const { name, object, fault } of storage.listFolder(outputsFolder(render)))
    if (!object && fault === undefined && isFileOutput({ node: name, file: 'a' })) nodes.push(name);
  return nodes.toSorted();
}

async function* numbered(
  folder: URL,
  frameOf: (name: string) => number | undefined,
  storage: Storage,
): AsyncGenerator<FrameFile> {
  for await (const object of storage.list(folder)) {
    const name = object.url.pathname.slice(folder.pathname.length);
    const frame = frameOf(name);
    if (frame !== undefined) yield { frame, name, object };
  }
}
