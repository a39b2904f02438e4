import { join } from 'node:path';
import { messageOf, SpotreelError } from '../errors';
import type { Batch, JobDetail } from '../jobs/batch';
import type { JobState } from '../local-batch/job-state';
import { describeJob, peekJobs } from '../local-batch/journal';
import { findLockHolder, type LockHolder } from '../local-batch/lock';
import type { Document } from '../render/document';
import type { Manifest } from '../render/manifest';
import {
  type EndStatus,
  type Gaps,
  type MissingFiles,
  ownRenderJob,
  type RenderJobs,
  type RenderStatus,
  type Salvage,
  salvageJobName,
} from '../render/records';
import type { FrameFailures, Render } from '../render/render';
import type { VideoFormat } from '../render/video';
import { chosenVideo } from '../scene/plan';
import { formatLocation, type ObjectInfo } from '../storage/storage';
import { type QueueLook, turnOf } from '../watch-folder/queue';
import { plainStartFailure } from './render-state';

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

/** The process that renders into a folder, of this machine or of another one that shares the folder. */
export function localHolder(render: Render): LockHolder | undefined {
  return findLockHolder(render.localBatchFolder);
}

/** What a Batch says of a render's jobs. */
export interface SeenJobs {
  readonly place: 'farm' | 'here';
  readonly render?: JobDetail | undefined;
  readonly stitch?: JobDetail | undefined;
  readonly salvage?: JobDetail | undefined;
  /** Some children of the render job, those that are to run next. */
  readonly children?: readonly JobDetail[];
  /** On one machine: whether a process is at it. */
  readonly attended?: boolean;
  /** On one machine: how many renders a watch folder's queue has before it; absent where it is in none that is worked on. */
  readonly turn?: number | undefined;
  /** On one machine: the newest pair of jobs in the journals, where `jobs.json` names none. */
  readonly foundJobs?: RenderJobs | undefined;
  /** Why the first slice that never came up did not. */
  readonly cause?: string | undefined;
  /** Journals that cannot be read and why, a line each. */
  readonly damage?: readonly string[];
  /** Why the Batch could not be asked. */
  readonly fault?: string | undefined;
}

/** Children that are described along with their parent, in the same call: one of them may hold up the queue. */
const SOME_CHILDREN = 10;

/**
 * The ids to describe for one render: its jobs (a parent tells of all its children), and `some` children from the one on
 * that is next to run when `ended` have. Far below the 100 that one call takes.
 */
export function jobIdsOf(
  { jobs, salvage, plan }: RenderRecords,
  ended: number,
  some = SOME_CHILDREN,
): string[] {
  if (!jobs) return [];
  const { render, stitch } = jobs;
  const own = ownRenderJob(jobs);
  const slices = jobs.retry?.slices ?? plan?.sliceCount ?? 1;
  const first = Math.max(0, Math.min(ended, slices - some));
  const children = slices > 1 ? Array.from({ length: Math.min(some, slices) }, (_, i) => first + i) : [];
  return [
    ...(own === undefined ? [] : [own]),
    stitch.jobId,
    ...(salvage?.jobId === undefined ? [] : [salvage.jobId]),
    ...children.map((index) => `${render.jobId}:${index}`),
  ];
}

/** What was described, as one render's. Pure. */
export function seenOnFarm({ jobs, salvage }: RenderRecords, details: readonly JobDetail[]): SeenJobs {
  const find = (id: string | undefined) => details.find(({ jobId }) => jobId === id);
  return {
    place: 'farm',
    render: find(jobs && ownRenderJob(jobs)),
    stitch: find(jobs?.stitch.jobId),
    salvage: find(salvage?.jobId),
    children: details.filter(({ jobId }) => jobs && jobId.startsWith(`${jobs.render.jobId}:`)),
  };
}

/** Asks AWS Batch, in one call. Throws what it refuses. */
export async function askBatch(records: RenderRecords, batch: Batch, ended = 0): Promise<SeenJobs> {
  const ids = jobIdsOf(records, ended);
  return seenOnFarm(records, ids.length === 0 ? [] : await batch.describeJobs(ids));
}

/**
 * Reads the journals of the local Batch in a render's folder, which another process may be writing, and whether one has it or
 * will. Without `jobs` the newest pair in the journals is taken.
 */
export function lookHere(
  { render: { renderId, localBatchFolder }, jobs: noted }: Pick<RenderRecords, 'render' | 'jobs'>,
  queue?: QueueLook,
): SeenJobs {
  // Before the journals: who lets go of them has written all of them.
  const attended = findLockHolder(localBatchFolder) !== undefined;
  const { jobs: journaled, damage } = peekJobs(join(localBatchFolder, 'jobs'));
  const foundJobs = noted ? undefined : newestPair(journaled);
  const jobs = noted ?? foundJobs;
  const [render, stitch] = [jobs && ownRenderJob(jobs), jobs?.stitch.jobId].map((id) =>
    journaled.find(({ jobId }) => jobId === id),
  );
  const salvage = journaled.findLast(
    ({ request, sequence }) =>
      request.jobName === salvageJobName(renderId) && render !== undefined && sequence > render.sequence,
  );
  return {
    place: 'here',
    attended,
    damage,
    cause: render && causeOf(render),
    ...(foundJobs && { foundJobs }),
    turn: turnOf(renderId, queue),
    render: render && describeJob(render),
    stitch: stitch && describeJob(stitch),
    salvage: salvage && describeJob(salvage),
  };
}

/** Of an attempt without an exit code nothing came up. */
function causeOf({ children }: JobState): string | undefined {
  for (const { attempts } of children) {
    const { exitCode, reason } = attempts.at(-1)?.container ?? {};
    if (reason !== undefined && exitCode === undefined) return plainStartFailure(reason);
  }
  return undefined;
}

/** All jobs of a folder are its render's; those of a retry have its number in their names. */
function newestPair(journaled: readonly JobState[]): RenderJobs | undefined {
  const newest = (ending: string) => journaled.findLast(({ request }) => request.jobName.endsWith(ending));
  const [render, stitch] = [newest('_Rendering'), newest('_Stitching')];
  if (!render || !stitch) return undefined;
  return { render: identityOf(render), stitch: identityOf(stitch) };
}

const identityOf = ({ jobId, request }: JobState) => ({ jobId, jobName: request.jobName });

/** Children, or jobs without any, that wait for nothing but a machine. Pure. */
export function countRunnable(jobs: ReadonlyArray<JobDetail | undefined>): number {
  return jobs.reduce((sum, job) => {
    const summary = job?.arrayProperties?.statusSummary;
    return sum + (summary ? (summary.RUNNABLE ?? 0) : Number(job?.status === 'RUNNABLE'));
  }, 0);
}
