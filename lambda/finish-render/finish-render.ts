import { TAKEN_BACK } from '../../core/jobs/ensure-jobs';
import { describeReasons } from '../../core/render/frames';
import {
  describeGaps,
  type Finding,
  type Gaps,
  ownRenderJob,
  type RenderJobs,
  type RenderStatus,
} from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { plannedVideo } from '../../core/scene/plan';
import { formatLocation, type Storage } from '../../core/storage/storage';
import { consoleUrl, type ReportServices, reportStatus } from '../report-status';
import {
  capReached,
  type EndedJob,
  endedJobOf,
  fillsGaps,
  type JobStateChange,
  wasStopped,
} from './ended-job';
import { ensureRescue, rescuedBefore, type RescueServices } from './rescue';
import { ensureSalvage, type SalvageServices } from './salvage';

/** Failed frames that are findings. */
const MOST_REASONS = 10;

/** Frames that `status.json` names; the rest is a number. */
const MOST_FRAMES = 100;

export interface FrameCount {
  readonly frames?: RenderStatus['frames'];
  readonly findings: Finding[];
  /** Why frames failed, in one line. */
  readonly why?: string | undefined;
}

/**
 * How many frames of the plan are there, and which were given up, with the reasons of the first. Without a manifest
 * (submitted by hand) nothing can be counted.
 */
async function countStoredFrames(render: Render): Promise<FrameCount> {
  const manifest = await render.manifest.read();
  if (!manifest) return { findings: [] };
  const stored = await render.storedFrames(manifest);
  const failed = await render.failures(stored);
  return {
    why: describeReasons(failed.first, failed.frames.length),
    findings: failed.first.slice(0, MOST_REASONS).map(({ frame, reason }) => ({
      code: 'frame-failed',
      frame,
      message: `frame ${frame}: ${reason}`,
    })),
    frames: {
      total: manifest.frameCount,
      stored: stored.size,
      failed: failed.frames.length,
      failedFrames: failed.frames.slice(0, MOST_FRAMES),
    },
  };
}

export interface FinishServices extends ReportServices {
  readonly storage: Storage;
  /** The folder under which each render has its own. */
  readonly output: URL;
  /** Of the console that messages link to. */
  readonly region: string;
  /** By which a video is made of what there is of a render that failed; absent where none is. */
  readonly salvage?: SalvageServices | undefined;
  /** By which frames are rendered that Spot machines were taken away from; absent where the farm has no On-Demand machines. */
  readonly rescue?: RescueServices | undefined;
}

/** What became of an event. */
export type FinishOutcome =
  | { readonly outcome: 'reported' | 'kept'; readonly status: RenderStatus }
  /** It ends no render. */
  | { readonly outcome: 'ignored' }
  /** Of a pair of jobs that a newer one has taken the place of, or that was taken back when it was submitted. */
  | { readonly outcome: 'outdated' };

/**
 * Writes `status.json` and tells people when a job's end decides how its render ended, or that it goes on on On-Demand machines. Safe
 * for events that come twice, late or out of order: only the newest pair of jobs counts.
 */
export async function finishRender(change: JobStateChange, services: FinishServices): Promise<FinishOutcome> {
  const { storage, output } = services;
  const ended = endedJobOf(change, output, storage);
  if (!ended) return { outcome: 'ignored' };
  if (change.statusReason === TAKEN_BACK) return { outcome: 'outdated' };
  const jobs = await ended.render.jobs.readIfValid();
  const because = await capReached(ended);
  // What may cost no more is not to go on at full price.
  const rescue = because === undefined ? await rescueOf(ended, jobs, services) : undefined;
  if (rescue) {
    // Somebody asked for a retry of it, and was cut off: that one goes on.
    if (rescue.retry?.why !== 'reclaimed') return { outcome: 'outdated' };
    return report(ended, rescue, await rescuing(rescue, ended), services);
  }
  if (await isOutdated(ended, jobs)) return { outcome: 'outdated' };
  if (await isToldByRender(ended, jobs, services)) return { outcome: 'ignored' };
  const isOfPair = ended.role === 'salvage' || jobs?.[ended.role].jobId === change.jobId;
  const reported = await report(ended, isOfPair ? jobs : undefined, await resultOf(ended, because), services);
  // Of no frames no video can be made, and a machine for it costs money.
  if (reported.status.frames?.stored !== 0) await salvage(ended, because, services);
  return reported;
}

/** Writes how it ended with these jobs. */
async function report(
  { render, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { video, ...result }: Result,
  services: FinishServices,
): Promise<Extract<FinishOutcome, { status: RenderStatus }>> {
  const link = consoleUrl(render.folder, services.region);
  const status: RenderStatus = {
    version: 1,
    renderId: render.renderId,
    at: services.now().toISOString(),
    ...(jobs && { jobs: { render: jobs.render.jobId, stitch: jobs.stitch.jobId } }),
    ...(jobs?.retry && { retry: jobs.retry }),
    endedJob: change.jobId,
    ...result,
    links: {
      folder: render.location,
      ...(link && { console: link }),
      ...(video && { video: formatLocation(video) }),
    },
  };
  return { outcome: await reportStatus(status, render, services), status };
}

/** The pair of jobs that goes on where machines were taken away; `undefined` where none does. */
async function rescueOf(
  ended: EndedJob,
  jobs: RenderJobs | undefined,
  { rescue, now }: FinishServices,
): Promise<RenderJobs | undefined> {
  const { role, render, change } = ended;
  if (!rescue || !jobs || role !== 'render' || wasStopped(change)) return undefined;
  if (jobs.render.jobId !== change.jobId) return rescuedBefore(ended, jobs);
  const manifest = await render.manifest.read();
  return manifest && (await ensureRescue(ended, { manifest, jobs, now }, rescue))?.jobs;
}

async function rescuing({ retry }: RenderJobs, { render }: EndedJob): Promise<Result> {
  const { frames } = await countStoredFrames(render);
  const reason = `Spot machines were taken away too often: ${retry?.frames} frames go on on On-Demand machines, at full price`;
  return { state: 'rescuing', reason, findings: [], ...(frames && { frames }) };
}

/**
 * Whether a stitch job failed for its render job, whose own end decides whether the render goes on. Asked only where it may: else
 * what comes first is told first.
 */
async function isToldByRender(
  { role, failed, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { rescue }: FinishServices,
): Promise<boolean> {
  if (!rescue || !jobs || role !== 'stitch' || !failed) return false;
  const renderJob = ownRenderJob(jobs);
  if (jobs.stitch.jobId !== change.jobId || renderJob === undefined) return false;
  const [render] = await rescue.batch.describeJobs([renderJob]);
  return render?.status === 'FAILED';
}

/**
 * The frames could not all be rendered: what there is still makes a video, unless somebody stopped the render. That it came to
 * its cap (`because`) is no such wish.
 */
async function salvage(
  ended: EndedJob,
  because: string | undefined,
  { now, salvage: services }: FinishServices,
): Promise<void> {
  const { role, render, change } = ended;
  if (!services || role !== 'render' || (because === undefined && wasStopped(change))) return;
  const manifest = await render.manifest.read();
  if (manifest && plannedVideo(manifest) !== 'none')
    await ensureSalvage(ended, { manifest, now, because }, services);
}

/**
 * Whether a job belongs to a pair that is not the newest. One that `jobs.json` does not name and that was created
 * after it was written is newer still: whoever submitted it has not come to note it down. Without `jobs.json`
 * (submitted by hand) there is nothing newer.
 */
async function isOutdated(
  { role, render, change }: EndedJob,
  jobs: RenderJobs | undefined,
): Promise<boolean> {
  // A salvage job is noted in no pair: it follows the pair that was the newest when it was submitted.
  if (!jobs || (role !== 'salvage' && jobs[role].jobId === change.jobId)) return false;
  const notedAt = await render.jobs.modifiedAt();
  return notedAt !== undefined && (change.createdAt ?? 0) <= notedAt.getTime();
}

interface Result extends Pick<RenderStatus, 'state' | 'reason' | 'findings' | 'frames'> {
  readonly video?: URL;
}

async function resultOf(ended: EndedJob, because: string | undefined): Promise<Result> {
  const { role, render, failed } = ended;
  const { frames, findings, why } = await countStoredFrames(render);
  const manifest = await render.manifest.read();
  const format = manifest && plannedVideo(manifest);
  const counted = frames && { frames };
  const video = render.videoUrl(format);
  if (failed) {
    // One that found a frame to be bad has made a video all the same.
    const { createdAt } = ended.change;
    const gaps = role === 'stitch' ? await render.gapsSince(createdAt) : undefined;
    if (gaps) return { ...partial(gaps), ...counted, video: render.partialVideoUrl(format) };
    const reason = because ?? reasonOf(ended, why);
    const found = findings.length > 0 ? findings : [{ code: 'job-failed', message: reason }];
    return { state: 'failed', reason, findings: found, ...counted };
  }
  if (format === 'none') return { state: 'complete', findings: [], ...counted };
  if (await render.storage.head(video)) return { state: 'complete', findings: [], ...counted, video };
  // A whole pair leaves one only where the video lacks sound.
  const gaps = fillsGaps(ended) ? await render.gaps.read() : await render.gapsSince(ended.change.createdAt);
  if (gaps) {
    const noted = role === 'salvage' ? await render.salvage.readIfValid() : undefined;
    return { ...partial(gaps, noted?.because), ...counted, video: render.partialVideoUrl(format) };
  }
  const reason = `the stitch job succeeded, but ${formatLocation(video)} is not there: was it deleted?`;
  return { state: 'failed', reason, findings: [{ code: 'no-video', message: reason }], ...counted };
}

/** Gaps whose reasons are told; `gaps.json` holds all. */
const MOST_GAPS = 10;

function partial(record: Gaps, because?: string): Pick<Result, 'state' | 'reason' | 'findings'> {
  const frames = record.gaps.slice(0, MOST_GAPS).map(({ frame, reason, shown }) => ({
    code: 'frame-missing',
    frame,
    message: `frame ${frame} is missing, frame ${shown} shown in its place: ${reason}`,
  }));
  const sound = (record.sound ?? []).map((message) => ({ code: 'sound-lacking', message }));
  const lacks = describeGaps(record);
  const reason = because === undefined ? lacks : `${because}; ${lacks}`;
  return { state: 'partial', reason, findings: [...frames, ...sound] };
}

/** Why a job failed, from what AWS Batch tells of it. */
function reasonOf({ role, change }: EndedJob, why: string | undefined): string {
  const { statusReason, arrayProperties, container } = change;
  const failedSlices = arrayProperties?.statusSummary?.FAILED;
  const slices =
    failedSlices && arrayProperties.size ? `${failedSlices} of ${arrayProperties.size} slices failed` : '';
  const exit = container?.exitCode === undefined ? '' : `exit code ${container.exitCode}`;
  // That a child failed says nothing that the slices do not say.
  const batch = statusReason === 'Array Child Job failed' ? undefined : statusReason;
  const told = [why, slices, batch, container?.reason, exit].filter(Boolean).join('; ');
  const what = role === 'render' ? 'the frames could not all be rendered' : 'the video could not be made';
  return told ? `${what}: ${told}` : what;
}
