import { messageOf, SpotreelError } from '../errors';
import type { Document } from '../render/document';
import type { Manifest } from '../render/manifest';
import {
  type EndStatus,
  ownRenderJob,
  type Gaps,
  type MissingFiles,
  type RenderJobs,
  type RenderStatus,
  type Salvage,
} from '../render/records';
import type { FrameFailures, Render } from '../render/render';
import type { VideoFormat } from '../render/video';
import { chosenVideo } from '../scene/plan';
import { formatLocation, type ObjectInfo } from '../storage/storage';

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
  readonly render: Render;
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

/** `undefined` if there is no render. Damaged files are listed in the result. Throws what storage throws. */
export async function readRenderRecords(render: Render): Promise<RenderRecords | undefined> {
  const [{ manifest, planFault }, noted] = await Promise.all([findManifest(render), readJobRecords(render)]);
  if (manifest) return { render, plan: planOf(manifest), ...noted };
  return planFault === undefined && !noted.status ? undefined : { render, planFault, ...noted };
}

async function findManifest(
  render: Render,
): Promise<{ readonly manifest?: Manifest | undefined; readonly planFault?: string }> {
  try {
    return { manifest: await render.manifest.read() };
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind === 'passing') throw error;
    return { planFault: messageOf(error) };
  }
}

/** What is noted of a render's jobs and of their end. Does not read the plan, which may be large. */
export async function readJobRecords(render: Render): Promise<JobRecords> {
  const [found, noted] = await Promise.all([render.status.find(), render.jobs.find()]);
  const { value: jobs } = noted;
  const damage = [...damageOf(render.status, found.damage), ...damageOf(render.jobs, noted.damage)];
  const end = found.value && asEnd(found.value);
  if (!jobs) return { status: end, damage };
  const own = end && isAbout(jobs, end) ? end : undefined;
  if (own && own.state !== 'failed') return { jobs, status: own, damage };
  const notedAt = await render.jobs.modifiedAt();
  const salvage = await render.salvage.readIfValid();
  return {
    jobs,
    damage,
    jobsNotedAt: notedAt?.getTime(),
    // A retry of the video alone has the render job of the pair before, whose salvage job says nothing of the retry.
    salvage: salvage?.renderJob === ownRenderJob(jobs) ? salvage : undefined,
    status: own,
  };
}

function damageOf({ url }: Pick<Document<unknown>, 'url'>, damage: string | undefined): string[] {
  return damage === undefined ? [] : [`${formatLocation(url)} is damaged (${damage})`];
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
  group,
  options,
}: Manifest): Plan {
  const { device, camera } = options;
  const planned = { createdAt, frames, frameCount, sliceCount, findings, tags, group, camera };
  return { ...planned, video: chosenVideo(options, frameCount), onGpu: device === 'GPU' };
}

/** One listing of the frames and one of the failures. Without a plan nothing can be counted. */
export async function readRenderResults({ render, plan }: RenderRecords): Promise<RenderResults> {
  if (!plan) return { stored: 0, failed: 0, failures: [] };
  let newest: ObjectInfo | undefined;
  const stored = await render.storedFrames(plan, (info) => {
    if (!newest || info.lastModified >= newest.lastModified) newest = info;
  });
  const failed = await render.failures(stored);
  const gaps = await render.gaps.find();
  const [whole, partial] = [render.videoUrl(plan.video), render.partialVideoUrl(plan.video)];
  return {
    stored: stored.size,
    newestFrame: newest?.url,
    failed: failed.frames.length,
    failures: failed.first,
    gaps: gaps.value,
    lacking: await render.missingFiles.readIfValid(),
    damage: damageOf(render.gaps, gaps.damage),
    video: (await render.storage.head(whole)) && whole,
    partialVideo: (await render.storage.head(partial)) && partial,
  };
}

/** Slices whose latest reason is read. */
const SOME_SLICES = 16;

/** Why the first slices of a render failed, each reason once. */
export async function readSliceReasons(render: Render): Promise<string[]> {
  const reasons = new Set<string>();
  let read = 0;
  for await (const { report } of render.sliceFiles()) {
    const reason = (await report.readIfValid())?.attempts.at(-1)?.reason;
    if (reason !== undefined) reasons.add(reason);
    if (++read >= SOME_SLICES) break;
  }
  return [...reasons];
}
