import { SpotreelError } from '../../core/errors';
import { TAKEN_BACK } from '../../core/jobs/ensure-jobs';
import type { SubmittedRetry } from '../../core/jobs/retry';
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
import type { Logger } from '../environment';
import { consoleUrl, type ReportServices, reportStatus } from '../report-status';
import {
  capReached,
  type EndedJob,
  endedJobOf,
  fillsGaps,
  type JobStateChange,
  wasStopped,
} from './ended-job';
import { ensureMemoryRetry, type MemoryServices } from './memory-retry';
import { ensureRescue, rescuedBefore, type RescueServices } from './rescue';
import { ensureSalvage, type SalvageServices } from './salvage';

/** Failed frames with a finding. */
const MOST_REASONS = 10;

/** Failed frames that `status.json` names; the others are only counted. */
const MOST_FRAMES = 100;

export interface FrameCount {
  readonly frames?: RenderStatus['frames'];
  readonly findings: Finding[];
  /** Why frames failed, in one line. */
  readonly why?: string;
}

/**
 * Counts the stored and failed frames of the plan, with the reasons of the first failures. A render without a manifest
 * (submitted by hand) has no counts.
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
  /** Folder of all renders. */
  readonly output: URL;
  /** Region of the console to which messages link. */
  readonly region: string;
  /** Submits a job that makes a video of the stored frames of a failed render; absent to make none. */
  readonly salvage?: SalvageServices;
  /** Renders frames whose Spot machines were reclaimed; absent if the farm has no On-Demand machines. */
  readonly rescue?: RescueServices;
  /** Renders slices again that ran out of memory; absent to let them fail. */
  readonly memory?: MemoryServices;
  /** Gets a warning for each refused retry; absent to log nothing. */
  readonly log?: Pick<Logger, 'warn'>;
}

/** The result of an event. */
export type FinishOutcome =
  | { readonly outcome: 'reported' | 'kept'; readonly status: RenderStatus }
  /** The job did not end a render. */
  | { readonly outcome: 'ignored' }
  /** A newer pair of jobs has replaced this one, or this one was withdrawn while it was submitted. */
  | { readonly outcome: 'outdated' };

/**
 * Writes `status.json` and sends a message when a job ends its render, or when the render continues on On-Demand machines
 * or with more memory. Events may come
 * twice, late or out of order: only the newest pair of jobs counts.
 */
export async function finishRender(change: JobStateChange, services: FinishServices): Promise<FinishOutcome> {
  const { storage, output } = services;
  const ended = endedJobOf(change, output, storage);
  if (!ended) return { outcome: 'ignored' };
  if (change.statusReason === TAKEN_BACK) return { outcome: 'outdated' };
  const jobs = await ended.render.jobs.readIfValid();
  const because = await capReached(ended);
  // Do not rescue a render on On-Demand machines once it has reached its cap.
  const { rescue, refused } = because === undefined ? await rescueOf(ended, jobs, services) : {};
  if (rescue) {
    // The newest jobs are a retry that a person started and that was interrupted. It continues.
    if (rescue.retry?.why === 'asked') return { outcome: 'outdated' };
    return report(ended, rescue, await rescuing(rescue, ended), services);
  }
  if (await isOutdated(ended, jobs)) return { outcome: 'outdated' };
  if (await isToldByRender(ended, jobs, services)) return { outcome: 'ignored' };
  const isOfPair = ended.role === 'salvage' || jobs?.[ended.role].jobId === change.jobId;
  const result = await resultOf(ended, because, refused);
  const reported = await report(ended, isOfPair ? jobs : undefined, result, services);
  // Without frames there is no video, and a machine costs money.
  if (reported.status.frames?.stored !== 0) await salvage(ended, because, services);
  return reported;
}

/** Writes the result of these jobs. */
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

/** How a failed render continues. Without `rescue`, nothing is left to do. */
interface Continuation {
  /** A pair of jobs with more memory, or on On-Demand machines. */
  readonly rescue?: RenderJobs;
  /** Which retries were refused, and why. */
  readonly refused?: string;
}

/** Submits a retry if one can help. A retry that is refused for good is noted, because the render must still be reported. */
async function rescueOf(
  ended: EndedJob,
  jobs: RenderJobs | undefined,
  { memory, rescue, now, log }: FinishServices,
): Promise<Continuation> {
  const { role, render, change } = ended;
  if ((!memory && !rescue) || !jobs || role !== 'render' || wasStopped(change)) return {};
  if (jobs.render.jobId !== change.jobId) return { rescue: await rescuedBefore(ended, jobs) };
  const manifest = await render.manifest.read();
  if (!manifest) return {};
  const place = { manifest, jobs, now };
  const refusals: string[] = [];
  const unlessRefused = (what: string, retry: Promise<SubmittedRetry | undefined>) =>
    retry.catch((error: unknown) => {
      if (!isRefusal(error)) throw error;
      const { code, message } = error;
      log?.warn('retry-refused', { renderId: render.renderId, jobId: change.jobId, what, code, message });
      refusals.push(`${what} was refused: ${message}`);
      return undefined;
    });
  const retried =
    (memory && (await unlessRefused('a retry with more memory', ensureMemoryRetry(ended, place, memory)))) ??
    (rescue && (await unlessRefused('a rescue on On-Demand machines', ensureRescue(ended, place, rescue))));
  if (retried) return { rescue: retried.jobs };
  return refusals.length > 0 ? { refused: refusals.join('; ') } : {};
}

/** Whether another try would be refused, too. After `running` it finds the newer pair of jobs. */
function isRefusal(error: unknown): error is SpotreelError {
  return error instanceof SpotreelError && error.kind === 'usage' && error.code !== 'running';
}

async function rescuing({ retry }: RenderJobs, { render }: EndedJob): Promise<Result> {
  const { frames } = await countStoredFrames(render);
  const reason =
    retry?.why === 'memory'
      ? `slices ran out of memory: ${retry.frames} frames continue with ${retry.memoryMib} MiB for each slice`
      : `Spot machines were reclaimed too often: ${retry?.frames} frames continue on On-Demand machines, at full price`;
  return { state: 'rescuing', reason, findings: [], ...(frames && { frames }) };
}

/**
 * Whether a stitch job failed because its render job failed. The end of the render job then decides whether a rescue
 * follows. Without rescues, Spotreel reports what ends first.
 */
async function isToldByRender(
  { role, failed, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { memory, rescue }: FinishServices,
): Promise<boolean> {
  const batch = (memory ?? rescue)?.batch;
  if (!batch || !jobs || role !== 'stitch' || !failed) return false;
  const renderJob = ownRenderJob(jobs);
  if (jobs.stitch.jobId !== change.jobId || renderJob === undefined) return false;
  const [render] = await batch.describeJobs([renderJob]);
  return render?.status === 'FAILED';
}

/**
 * Submits a job that makes a video of the stored frames, unless a person stopped the render. A render that reached its cap
 * (`because`) gets a video.
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
 * Whether a newer pair of jobs has replaced the pair of this job. A job that was created after `jobs.json` was written is
 * newer, but not recorded yet. A render without `jobs.json` (submitted by hand) has no newer pair.
 */
async function isOutdated(
  { role, render, change }: EndedJob,
  jobs: RenderJobs | undefined,
): Promise<boolean> {
  // A salvage job belongs to no pair. It follows the pair that was the newest when it was submitted.
  if (!jobs || (role !== 'salvage' && jobs[role].jobId === change.jobId)) return false;
  const notedAt = await render.jobs.modifiedAt();
  return notedAt !== undefined && (change.createdAt ?? 0) <= notedAt.getTime();
}

interface Result extends Pick<RenderStatus, 'state' | 'reason' | 'findings' | 'frames'> {
  readonly video?: URL;
}

async function resultOf(
  ended: EndedJob,
  because: string | undefined,
  refused: string | undefined,
): Promise<Result> {
  const { role, render, failed } = ended;
  const { frames, findings, why } = await countStoredFrames(render);
  const manifest = await render.manifest.read();
  const format = manifest && plannedVideo(manifest);
  const counted = frames && { frames };
  const video = render.videoUrl(format);
  if (failed) {
    // A stitch job that found a bad frame has made a video with gaps.
    const { createdAt } = ended.change;
    const gaps = role === 'stitch' ? await render.gapsSince(createdAt) : undefined;
    if (gaps) return { ...partial(gaps), ...counted, video: render.partialVideoUrl(format) };
    const reason = because ?? [reasonOf(ended, why), refused].filter(Boolean).join('; ');
    const found = findings.length > 0 ? findings : [{ code: 'job-failed', message: reason }];
    return { state: 'failed', reason, findings: found, ...counted };
  }
  if (format === 'none') return { state: 'complete', findings: [], ...counted };
  if (await render.storage.head(video)) return { state: 'complete', findings: [], ...counted, video };
  // A pair that rendered all frames leaves gaps.json only if sound is missing.
  const gaps = fillsGaps(ended) ? await render.gaps.read() : await render.gapsSince(ended.change.createdAt);
  if (gaps) {
    const noted = role === 'salvage' ? await render.salvage.readIfValid() : undefined;
    return { ...partial(gaps, noted?.because), ...counted, video: render.partialVideoUrl(format) };
  }
  const reason = `the stitch job succeeded, but ${formatLocation(video)} is missing; run spotreel retry to make it again`;
  return { state: 'failed', reason, findings: [{ code: 'no-video', message: reason }], ...counted };
}

/** Gaps with a finding; `gaps.json` has all. */
const MOST_GAPS = 10;

function partial(record: Gaps, because?: string): Pick<Result, 'state' | 'reason' | 'findings'> {
  const frames = record.gaps.slice(0, MOST_GAPS).map(({ frame, reason, shown }) => ({
    code: 'frame-missing',
    frame,
    message: `frame ${frame} is missing, the video shows frame ${shown} instead: ${reason}`,
  }));
  const sound = (record.sound ?? []).map((message) => ({ code: 'sound-lacking', message }));
  const lacks = describeGaps(record);
  const reason = because === undefined ? lacks : `${because}; ${lacks}`;
  return { state: 'partial', reason, findings: [...frames, ...sound] };
}

/** Why a job failed, from the event of AWS Batch. */
function reasonOf({ role, change }: EndedJob, why: string | undefined): string {
  const { statusReason, arrayProperties, container } = change;
  const failedSlices = arrayProperties?.statusSummary?.FAILED;
  const slices =
    failedSlices && arrayProperties.size ? `${failedSlices} of ${arrayProperties.size} slices failed` : '';
  const exit = container?.exitCode === undefined ? '' : `exit code ${container.exitCode}`;
  // This reason adds nothing to the number of failed slices.
  const batch = statusReason === 'Array Child Job failed' ? undefined : statusReason;
  const reasons = [why, slices, batch, container?.reason, exit].filter(Boolean).join('; ');
  const what = role === 'render' ? 'not all frames could be rendered' : 'the video could not be made';
  return reasons ? `${what}: ${reasons}` : what;
}
