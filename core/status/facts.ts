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
import { farmStartFailure, plainStartFailure } from './render-state';

/** The part of a plan that is kept: a plan may name 20,000 files. */
export type Plan = Pick<
  Manifest,
  'createdAt' | 'frames' | 'frameCount' | 'sliceCount' | 'findings' | 'tags'
> & {
  readonly video: VideoFormat;
  /** Whether its slices run on machines with GPUs. */
  readonly onGpu: boolean;
  /** Absent for a render of its own. */
  readonly group?: string;
  readonly camera?: string;
};

/** Records of a render's start and end: few requests, whatever its size. */
export interface RenderRecords extends JobRecords {
  readonly render: Render;
  readonly plan?: Plan;
  /** Why the plan cannot be read; absent if it can, or if it is missing. */
  readonly planFault?: string;
}

/** Records of the newest jobs. */
export interface JobRecords {
  readonly jobs?: RenderJobs;
  /** When `jobs` was noted, in milliseconds since 1970. */
  readonly jobsNotedAt?: number;
  /** The job that makes a video of the stored frames after the render job `renderJob` failed. */
  readonly salvage?: Pick<Salvage, 'renderJob' | 'jobId'>;
  /** `status.json` if it reports the end of these jobs. */
  readonly status?: EndStatus;
  /** Files that cannot be used, and why; a line each. */
  readonly damage?: readonly string[];
}

/** Results of the render so far. */
export interface RenderResults {
  readonly stored: number;
  /** The newest frame. */
  readonly newestFrame?: URL;
  readonly failed: number;
  readonly failures: FrameFailures['first'];
  readonly gaps?: Gaps;
  /** Files that frames were rendered without. */
  readonly lacking?: MissingFiles;
  /** Why slices failed, if no frame has a reason. */
  readonly sliceReasons?: readonly string[];
  /** As in `JobRecords`. */
  readonly damage?: readonly string[];
  readonly video?: URL;
  readonly partialVideo?: URL;
}

/** `undefined` if there is no render. Damaged files are listed in the result. Throws what storage throws. */
export async function readRenderRecords(render: Render): Promise<RenderRecords | undefined> {
  const [{ manifest, planFault }, noted] = await Promise.all([findManifest(render), readJobRecords(render)]);
  if (manifest) return { render, plan: planOf(manifest), ...noted };
  return planFault === undefined && !noted.status ? undefined : { render, planFault, ...noted };
}

async function findManifest(
  render: Render,
): Promise<{ readonly manifest?: Manifest; readonly planFault?: string }> {
  try {
    return { manifest: await render.manifest.read() };
  } catch (error) {
    if (!(error instanceof SpotreelError) || error.kind === 'passing') throw error;
    return { planFault: messageOf(error) };
  }
}

/** Records of a render's jobs and their end. Does not read the plan, which may be large. */
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

/** A status `rescuing` is not an end. */
function asEnd(status: RenderStatus): EndStatus | undefined {
  const { state } = status;
  return state === 'rescuing' ? undefined : { ...status, state };
}

/** Whether a status is about these jobs and not about an earlier pair. */
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

/** Makes one listing of the frames and one of the failures. Without a plan no frames are counted. */
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

/** Most slices whose latest reason is read. */
const SOME_SLICES = 16;

/** Reasons of the first failed slices, each once. */
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

/** The process that renders into a folder, on this machine or another one that shares the folder. */
export function localHolder(render: Render): LockHolder | undefined {
  return findLockHolder(render.localBatchFolder);
}

/** What a Batch reports about a render's jobs. */
export interface SeenJobs {
  readonly place: 'farm' | 'here';
  readonly render?: JobDetail;
  readonly stitch?: JobDetail;
  readonly salvage?: JobDetail;
  /** Some children of the render job: those that run next. */
  readonly children?: readonly JobDetail[];
  /** On one machine: whether a process renders it. */
  readonly attended?: boolean;
  /** On one machine: renders before it in a watch folder's queue; absent if no process works on such a queue. */
  readonly turn?: number;
  /** On one machine: the newest pair of jobs in the journals, if `jobs.json` names none. */
  readonly foundJobs?: RenderJobs;
  /** Why the first slice that did not start failed. */
  readonly cause?: string;
  /** Journals that cannot be read, and why; a line each. */
  readonly damage?: readonly string[];
  /** Why the Batch did not answer. */
  readonly fault?: string;
}

/** Most children that are described in the call for their parent: one of them may block the queue. */
const SOME_CHILDREN = 10;

/**
 * The ids to describe for one render: its jobs (a parent has the counts of its children), and `some` children from the
 * first that runs once `ended` have. Far fewer than the 100 of one call.
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

/** The described jobs as those of one render. Pure. */
export function seenOnFarm({ jobs, salvage }: RenderRecords, details: readonly JobDetail[]): SeenJobs {
  const find = (id: string | undefined) => details.find(({ jobId }) => jobId === id);
  const render = find(jobs && ownRenderJob(jobs));
  const stitch = find(jobs?.stitch.jobId);
  const children = details.filter(({ jobId }) => jobs && jobId.startsWith(`${jobs.render.jobId}:`));
  return {
    place: 'farm',
    render,
    stitch,
    salvage: find(salvage?.jobId),
    children,
    cause: startFailureOf(render?.status === 'FAILED' ? [render, ...children] : [stitch]),
  };
}

/** Why the first of these jobs that failed without a started container could not start. */
function startFailureOf(jobs: ReadonlyArray<JobDetail | undefined>): string | undefined {
  for (const job of jobs) {
    const { statusReason = '', container } = job?.attempts?.at(-1) ?? {};
    const isStart = statusReason.startsWith('Task failed to start') || container?.reason === 'AGENT';
    if (job?.status === 'FAILED' && isStart && container?.exitCode === undefined)
      return farmStartFailure([statusReason, container?.reason].filter(Boolean).join(': '));
  }
  return undefined;
}

/** Asks AWS Batch in one call. Throws what AWS Batch refuses. */
export async function askBatch(records: RenderRecords, batch: Batch, ended = 0): Promise<SeenJobs> {
  const ids = jobIdsOf(records, ended);
  return seenOnFarm(records, ids.length === 0 ? [] : await batch.describeJobs(ids));
}

/**
 * Reads the journals of the local Batch in a render's folder, which another process may write, and who holds the
 * folder or will. Without `jobs` it takes the newest pair in the journals.
 */
export function lookHere(
  { render: { renderId, localBatchFolder }, jobs: noted }: Pick<RenderRecords, 'render' | 'jobs'>,
  queue?: QueueLook,
): SeenJobs {
  // Before the journals: a process releases the folder after it has written all of them.
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

/** An attempt without an exit code did not start. */
function causeOf({ children }: JobState): string | undefined {
  for (const { attempts } of children) {
    const { exitCode, reason } = attempts.at(-1)?.container ?? {};
    if (reason !== undefined && exitCode === undefined) return plainStartFailure(reason);
  }
  return undefined;
}

/** All jobs of a folder belong to its render. Those of a retry have its number in their names. */
function newestPair(journaled: readonly JobState[]): RenderJobs | undefined {
  const newest = (ending: string) => journaled.findLast(({ request }) => request.jobName.endsWith(ending));
  const [render, stitch] = [newest('_Rendering'), newest('_Stitching')];
  if (!render || !stitch) return undefined;
  return { render: identityOf(render), stitch: identityOf(stitch) };
}

const identityOf = ({ jobId, request }: JobState) => ({ jobId, jobName: request.jobName });

/** Children, or jobs without children, that wait for a machine only. Pure. */
export function countRunnable(jobs: ReadonlyArray<JobDetail | undefined>): number {
  return jobs.reduce((sum, job) => {
    const summary = job?.arrayProperties?.statusSummary;
    return sum + (summary ? (summary.RUNNABLE ?? 0) : Number(job?.status === 'RUNNABLE'));
  }, 0);
}
