import { readJobs } from '../batch/ensure-jobs';
import type { Gaps } from '../contract/gaps';
import type { RenderJobs } from '../contract/jobs';
import { jobsUrl, manifestUrl, partialVideoUrl, salvageUrl, statusUrl, videoUrl } from '../contract/keys';
import { parseManifest, type Manifest } from '../contract/manifest';
import { salvageSchema, type Salvage } from '../contract/salvage';
import { parseStatus, type EndStatus, type RenderStatus } from '../contract/status';
import { DEFAULT_VIDEO, type VideoFormat } from '../contract/video-format';
import { formatLocation } from '../storage/location';
import { readFailures, type FrameFailures } from '../storage/read-failures';
import { readGaps } from '../storage/read-gaps';
import { readRecord } from '../storage/read-record';
import { StorageError, type ObjectInfo, type Storage } from '../storage/storage';
import { storedFrames } from '../storage/stored-frames';

/** What is kept of a plan: it may name 20,000 files. */
export type Plan = Pick<
  Manifest,
  'createdAt' | 'frames' | 'frameCount' | 'sliceCount' | 'findings' | 'tags'
> & {
  readonly video: VideoFormat;
  /** Whether its slices run on machines with GPUs. */
  readonly onGpu: boolean;
};

/** What a render's folder says about how it was begun and ended; few requests, however large the render. */
export interface RenderRecords extends JobRecords {
  readonly renderId: string;
  readonly folder: URL;
  readonly plan?: Plan | undefined;
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
}

/** What came of the render so far. */
export interface RenderResults {
  readonly stored: number;
  /** The frame that was written last. */
  readonly newestFrame?: URL | undefined;
  readonly failed: number;
  readonly failures: FrameFailures['first'];
  readonly gaps?: Gaps | undefined;
  readonly video?: URL | undefined;
  readonly partialVideo?: URL | undefined;
}

/** `undefined` where no render is. Throws `bad-manifest`, `bad-status`, and what storage throws. */
export async function readRenderRecords(
  renderId: string,
  folder: URL,
  storage: Storage,
): Promise<RenderRecords | undefined> {
  const [manifest, told] = await Promise.all([
    readObject(manifestUrl(folder), storage, parseManifest),
    readJobRecords(folder, storage),
  ]);
  if (!manifest && !told.status) return undefined;
  return { renderId, folder, plan: manifest && planOf(manifest), ...told };
}

/** What is noted of a render's jobs and of their end; the plan, which may be large, is not read for it. */
export async function readJobRecords(folder: URL, storage: Storage): Promise<JobRecords> {
  const [status, jobs] = await Promise.all([
    readObject(statusUrl(folder), storage, parseStatus),
    readJobs(folder, storage),
  ]);
  const end = status && asEnd(status);
  if (!jobs) return { status: end };
  const own = end && isAbout(jobs, end) ? end : undefined;
  if (own && own.state !== 'failed') return { jobs, status: own };
  const noted = await storage.head(jobsUrl(folder));
  const salvage = await readRecord(salvageSchema, salvageUrl(folder), storage);
  return {
    jobs,
    jobsNotedAt: noted?.lastModified.getTime(),
    // Where only the video is made again, what came of the same render job before says nothing.
    salvage: salvage?.renderJob === jobs.render.jobId && jobs.retry?.slices !== 0 ? salvage : undefined,
    status: own,
  };
}

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
  options: { video = DEFAULT_VIDEO, device },
}: Manifest): Plan {
  return { createdAt, frames, frameCount, sliceCount, findings, tags, video, onGpu: device === 'GPU' };
}

/** `undefined` where there is none. */
async function readObject<T>(
  url: URL,
  storage: Storage,
  parse: (bytes: Uint8Array, where: string) => T,
): Promise<T | undefined> {
  try {
    return parse(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
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
  const [whole, partial] = [videoUrl(folder, plan.video), partialVideoUrl(folder, plan.video)];
  return {
    stored: stored.size,
    newestFrame: newest?.url,
    failed: failed.frames.length,
    failures: failed.first,
    gaps: await readGaps(folder, storage),
    video: (await storage.head(whole)) && whole,
    partialVideo: (await storage.head(partial)) && partial,
  };
}
