import { readJobs } from '../batch/ensure-jobs';
import { failureSchema } from '../contract/failure';
import type { Gaps } from '../contract/gaps';
import type { RenderJobs } from '../contract/jobs';
import {
  failuresFolder,
  failureUrl,
  jobsUrl,
  manifestUrl,
  partialVideoUrl,
  salvageUrl,
  statusUrl,
  videoUrl,
} from '../contract/keys';
import { parseManifest, type Manifest } from '../contract/manifest';
import { salvageSchema, type Salvage } from '../contract/salvage';
import { parseStatus, type RenderStatus } from '../contract/status';
import { DEFAULT_VIDEO, type VideoFormat } from '../contract/video-format';
import { mapConcurrently } from '../map-concurrently';
import { readRecord } from '../report/read-records';
import { formatLocation } from '../storage/location';
import { readGaps } from '../storage/read-gaps';
import { StorageError, type Storage } from '../storage/storage';
import { storedFrames } from '../storage/stored-frames';

/** Failures whose reasons are read. */
const MOST_REASONS = 10;
const FAILURE_NAME = /^(-?\d{1,7})\.json$/;

/** What is kept of a plan: it may name 20,000 files. */
export type Plan = Pick<Manifest, 'createdAt' | 'frames' | 'frameCount' | 'sliceCount' | 'findings'> & {
  readonly video: VideoFormat;
};

/** What a render's folder says about how it was begun and ended; few requests, however large the render. */
export interface RenderRecords {
  readonly renderId: string;
  readonly folder: URL;
  readonly plan?: Plan | undefined;
  readonly jobs?: RenderJobs | undefined;
  /** When `jobs` was noted, in milliseconds since 1970. */
  readonly jobsNotedAt?: number | undefined;
  /** Who makes, or made, a video of what there is of the render job `renderJob`. */
  readonly salvage?: Pick<Salvage, 'renderJob' | 'jobId'> | undefined;
  /** `status.json`, where it is about these jobs. */
  readonly status?: RenderStatus | undefined;
}

/** What came of the render so far. */
export interface RenderResults {
  readonly stored: number;
  readonly failed: number;
  readonly failures: ReadonlyArray<{ readonly frame: number; readonly reason: string }>;
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
  const [manifest, status, jobs] = await Promise.all([
    readObject(manifestUrl(folder), storage, parseManifest),
    readObject(statusUrl(folder), storage, parseStatus),
    readJobs(folder, storage),
  ]);
  if (!manifest && !status) return undefined;
  const records = { renderId, folder, plan: manifest && planOf(manifest) };
  if (!jobs) return { ...records, status };
  if (status && isAbout(jobs, status) && status.state !== 'failed') return { ...records, jobs, status };
  const noted = await storage.head(jobsUrl(folder));
  const salvage = await readRecord(salvageSchema, salvageUrl(folder), storage);
  return {
    ...records,
    jobs,
    jobsNotedAt: noted?.lastModified.getTime(),
    salvage: salvage?.renderJob === jobs.render.jobId ? salvage : undefined,
    status: status && isAbout(jobs, status) ? status : undefined,
  };
}

/** What tells of an earlier pair of jobs says nothing of the newest. */
function isAbout({ render, stitch }: RenderJobs, { jobs }: RenderStatus): boolean {
  return jobs?.render === render.jobId && jobs.stitch === stitch.jobId;
}

function planOf({ createdAt, frames, frameCount, sliceCount, findings, options }: Manifest): Plan {
  return { createdAt, frames, frameCount, sliceCount, findings, video: options.video ?? DEFAULT_VIDEO };
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
  const stored = await storedFrames(plan, folder, storage);
  const failed: number[] = [];
  const failuresAt = failuresFolder(folder);
  for await (const { url } of storage.list(failuresAt)) {
    const frame = FAILURE_NAME.exec(url.pathname.slice(failuresAt.pathname.length))?.[1];
    // One that was stored after all did not fail.
    if (frame !== undefined && !stored.has(Number(frame))) failed.push(Number(frame));
  }
  const first = failed.toSorted((a, b) => a - b).slice(0, MOST_REASONS);
  const failures = await mapConcurrently(first, MOST_REASONS, async (frame) => {
    const failure = await readRecord(failureSchema, failureUrl(folder, frame), storage);
    return { frame, reason: failure?.reason ?? 'no reason was noted' };
  });
  const [whole, partial] = [videoUrl(folder, plan.video), partialVideoUrl(folder, plan.video)];
  return {
    stored: stored.size,
    failed: failed.length,
    failures,
    gaps: await readGaps(folder, storage),
    video: (await storage.head(whole)) && whole,
    partialVideo: (await storage.head(partial)) && partial,
  };
}
