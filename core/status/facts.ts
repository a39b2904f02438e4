import { codeOf, messageOf, SpotreelError } from '../errors';
import {
  gapsUrl,
  jobsUrl,
  manifestUrl,
  missingFilesUrl,
  partialVideoUrl,
  salvageUrl,
  slicesFolder,
  statusUrl,
  videoUrl,
} from '../render/keys';
import { type Manifest, parseManifest } from '../render/manifest';
import {
  describeDamage,
  findRecord,
  type FrameFailures,
  readFailures,
  readRecord,
  storedFrames,
} from '../render/read-files';
import {
  type EndStatus,
  type Gaps,
  gapsSchema,
  jobsSchema,
  type MissingFiles,
  missingFilesSchema,
  type RenderJobs,
  type RenderStatus,
  type Salvage,
  salvageSchema,
  sliceReportSchema,
  statusSchema,
} from '../render/records';
import type { VideoFormat } from '../render/video';
import { chosenVideo } from '../scene/plan';
import { formatLocation, type ObjectInfo, type Storage } from '../storage/storage';

/** What is kept of a plan: it may name 20,000 files. */
export type Plan = Pick<
  Manifest,
  'createdAt' | 'frames' | 'frameCount' | 'sliceCount' | 'findings' | 'tags'
> & {
  readonly video: VideoFormat;
  /** Whether its slices run on machines with GPUs. */
  readonly onGpu: boolean;
  /** Of a render of one of several cameras. */
  readonly group?: string | undefined;
  readonly camera?: string | undefined;
};

/** What a render's folder says about how it was begun and ended; few requests, however large the render. */
export interface RenderRecords extends JobRecords {
  readonly renderId: string;
  readonly folder: URL;
  readonly plan?: Plan | undefined;
  /** Why the plan cannot be read, where there is one. */
  readonly planFault?: string | undefined;
}

/** Of those, what tells of the newest jobs. */
export interface JobRecords {
  readonly jobs?: RenderJobs | undefined;
  /** When `jobs` was noted, in milliseconds since 1970. */
  readonly jobsNotedAt?: number | undefined;
  /** Who makes, or made, a video of what there is of the render job `renderJob`. */
  readonly salvage?: Pick<Salvage, 'renderJob' | 'jobId'> | undefined;
  /** `status.json`, where it says how these jobs ended. */
  readonly status?: EndStatus | undefined;
  /** Files that cannot be used and why, a line each. */
  readonly damage?: readonly string[];
}

/** What came of the render so far. */
export interface RenderResults {
  readonly stored: number;
  /** The frame that was written last. */
  readonly newestFrame?: URL | undefined;
  readonly failed: number;
  readonly failures: FrameFailures['first'];
  readonly gaps?: Gaps | undefined;
  /** What frames were rendered without. */
  readonly lacking?: MissingFiles | undefined;
  /** Why slices failed where no frame has a reason. */
  readonly sliceReasons?: readonly string[];
  /** As in `JobRecords`. */
  readonly damage?: readonly string[];
  readonly video?: URL | undefined;
  readonly partialVideo?: URL | undefined;
}

/** `undefined` where no render is. Damaged files are reported in what it gives. Throws what storage throws. */
export async function readRenderRecords(
  renderId: string,
  folder: URL,
  storage: Storage,
): Promise<RenderRecords | undefined> {
  const [{ manifest, planFault }, told] = await Promise.all([
    findManifest(folder, storage),
    readJobRecords(folder, storage),
  ]);
  if (manifest) return { renderId, folder, plan: planOf(manifest), ...told };
  return planFault === undefined && !told.status ? undefined : { renderId, folder, planFault, ...told };
}

async function findManifest(
  folder: URL,
  storage: Storage,
): Promise<{ readonly manifest?: Manifest; readonly planFault?: string }> {
  const url = manifestUrl(folder);
  try {
    return { manifest: parseManifest(await storage.get(url), formatLocation(url)) };
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind === 'passing') throw error;
    return codeOf(error) === 'not-found' ? {} : { planFault: messageOf(error) };
  }
}

/** What is noted of a render's jobs and of their end; the plan, which may be large, is not read for it. */
export async function readJobRecords(folder: URL, storage: Storage): Promise<JobRecords> {
  const [found, noted] = await Promise.all([
    findRecord(statusSchema, statusUrl(folder), storage),
    findRecord(jobsSchema, jobsUrl(folder), storage),
  ]);
  const { record: jobs } = noted;
  const damage = [...damageOf(statusUrl(folder), found.damage), ...damageOf(jobsUrl(folder), noted.damage)];
  const end = found.record && asEnd(found.record);
  if (!jobs) return { status: end, damage };
  const own = end && isAbout(jobs, end) ? end : undefined;
  if (own && own.state !== 'failed') return { jobs, status: own, damage };
  const { lastModified } = (await storage.head(jobsUrl(folder))) ?? {};
  const salvage = await readRecord(salvageSchema, salvageUrl(folder), storage);
  return {
    jobs,
    damage,
    jobsNotedAt: lastModified?.getTime(),
    // Where only the video is made again, what came of the same render job before says nothing.
    salvage: salvage?.renderJob === jobs.render.jobId && jobs.retry?.slices !== 0 ? salvage : undefined,
    status: own,
  };
}

const damageOf = (url: URL, damage: string | undefined): string[] =>
  damage === undefined ? [] : [describeDamage(url, damage)];

/** That a render goes on elsewhere is no end of it. */
function asEnd(status: RenderStatus): EndStatus | undefined {
  const { state } = status;
  return state === 'rescuing' ? undefined : { ...status, state };
}

/** What tells of an earlier pair of jobs says nothing of the newest. */
function isAbout({ render, stitch }: RenderJobs, { jobs }: EndStatus): boolean {
  return jobs?.render === render.jobId && jobs.stitch === stitch.jobId;
}

function planOf({
  createdAt,
  frames,
  frameCount,
  sliceCount,
  findings,
  tags,
  group,
  options,
}: Manifest): Plan {
  const { device, camera } = options;
  const planned = { createdAt, frames, frameCount, sliceCount, findings, tags, group, camera };
  return { ...planned, video: chosenVideo(options, frameCount), onGpu: device === 'GPU' };
}

/** One listing of the frames and one of the failures. Without a plan nothing can be counted. */
export async function readRenderResults(
  { folder, plan }: RenderRecords,
  storage: Storage,
): Promise<RenderResults> {
  if (!plan) return { stored: 0, failed: 0, failures: [] };
  let newest: ObjectInfo | undefined;
  const stored = await storedFrames(plan, folder, storage, (info) => {
    if (!newest || info.lastModified >= newest.lastModified) newest = info;
  });
  const failed = await readFailures(stored, folder, storage);
  const gaps = await findRecord(gapsSchema, gapsUrl(folder), storage);
  const [whole, partial] = [videoUrl(folder, plan.video), partialVideoUrl(folder, plan.video)];
  return {
    stored: stored.size,
    newestFrame: newest?.url,
    failed: failed.frames.length,
    failures: failed.first,
    gaps: gaps.record,
    lacking: await readLacking(folder, storage),
    damage: damageOf(gapsUrl(folder), gaps.damage),
    video: (await storage.head(whole)) && whole,
    partialVideo: (await storage.head(partial)) && partial,
  };
}

/** What frames of a render were rendered without; `undefined` where they had all files. */
export function readLacking(folder: URL, storage: Storage): Promise<MissingFiles | undefined> {
  return readRecord(missingFilesSchema, missingFilesUrl(folder), storage);
}

/** Slices whose last words are read. */
const SOME_SLICES = 16;

/** Why the first slices of a render failed, each reason once. */
export async function readSliceReasons(folder: URL, storage: Storage): Promise<string[]> {
  const reasons = new Set<string>();
  let read = 0;
  for await (const { url } of storage.list(slicesFolder(folder))) {
    const report = await readRecord(sliceReportSchema, url, storage);
    const reason = report?.attempts.at(-1)?.reason;
    if (reason !== undefined) reasons.add(reason);
    if (++read >= SOME_SLICES) break;
  }
  return [...reasons];
}
