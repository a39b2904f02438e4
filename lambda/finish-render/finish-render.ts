import { readJobs, TAKEN_BACK } from '../../core/jobs/ensure-jobs';
import { jobsUrl, manifestUrl, partialVideoUrl, videoUrl } from '../../core/render/keys';
import { type Manifest, parseManifest } from '../../core/render/manifest';
import { readFailures, readGaps, readGapsSince, storedFrames } from '../../core/render/read-files';
import {
  describeGaps,
  type Finding,
  type Gaps,
  type RenderJobs,
  type RenderStatus,
} from '../../core/render/records';
import { plannedVideo } from '../../core/scene/plan';
import { describeReasons } from '../../core/status/render-state';
import { formatLocation, type Storage, StorageError } from '../../core/storage/storage';
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
import { ensureSalvage, readSalvage, type SalvageServices } from './salvage';

/** Failed frames with a finding. */
const MOST_REASONS = 10;

/** Failed frames that `status.json` names; the others are only counted. */
const MOST_FRAMES = 100;

export interface FrameCount {
  readonly frames?: RenderStatus['frames'];
  readonly findings: Finding[];
  /** Why frames failed, in one line. */
  readonly why?: string | undefined;
}

/**
 * Counts the stored and failed frames of the plan, with the reasons of the first failures. A render without a manifest
 * (submitted by hand) has no counts.
 */
async function countStoredFrames(folder: URL, storage: Storage): Promise<FrameCount> {
  const manifest = await readManifest(folder, storage);
  if (!manifest) return { findings: [] };
  const stored = await storedFrames(manifest, folder, storage);
  const failed = await readFailures(stored, folder, storage);
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

/** `undefined` if the render has none. */
async function readManifest(folder: URL, storage: Storage): Promise<Manifest | undefined> {
  const url = manifestUrl(folder);
  try {
    return parseManifest(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}

export interface FinishServices extends ReportServices {
  /** Folder of all renders. */
  readonly output: URL;
  /** Region of the console to which messages link. */
  readonly region: string;
  /** Submits a job that makes a video of the stored frames of a failed render; absent to make none. */
  readonly salvage?: SalvageServices | undefined;
  /** Renders frames whose Spot machines were reclaimed; absent if the farm has no On-Demand machines. */
  readonly rescue?: RescueServices | undefined;
}

/** The result of an event. */
export type FinishOutcome =
  | { readonly outcome: 'reported' | 'kept'; readonly status: RenderStatus }
  /** The job did not end a render. */
  | { readonly outcome: 'ignored' }
  /** A newer pair of jobs has replaced this one, or this one was withdrawn while it was submitted. */
  | { readonly outcome: 'outdated' };

/**
 * Writes `status.json` and sends a message when a job ends its render or continues on On-Demand machines. Events may come
 * twice, late or out of order: only the newest pair of jobs counts.
 */
export async function finishRender(change: JobStateChange, services: FinishServices): Promise<FinishOutcome> {
  const { storage, output } = services;
  const ended = endedJobOf(change, output);
  if (!ended) return { outcome: 'ignored' };
  if (change.statusReason === TAKEN_BACK) return { outcome: 'outdated' };
  const jobs = await readJobs(ended.folder, storage);
  const because = await capReached(ended, storage);
  // Do not rescue a render on On-Demand machines once it has reached its cap.
  const rescue = because === undefined ? await rescueOf(ended, jobs, services) : undefined;
  if (rescue) {
    // The newest jobs are a retry that a person started and that was interrupted. It continues.
    if (rescue.retry?.why !== 'reclaimed') return { outcome: 'outdated' };
    return report(ended, rescue, await rescuing(rescue, ended, services), services);
  }
  if (await isOutdated(ended, jobs, services)) return { outcome: 'outdated' };
  if (await isToldByRender(ended, jobs, services)) return { outcome: 'ignored' };
  const isOfPair = ended.role === 'salvage' || jobs?.[ended.role].jobId === change.jobId;
  const reported = await report(
    ended,
    isOfPair ? jobs : undefined,
    await resultOf(ended, because, services),
    services,
  );
  // Without frames there is no video, and a machine costs money.
  if (reported.status.frames?.stored !== 0) await salvage(ended, because, services);
  return reported;
}

/** Writes the result of these jobs. */
async function report(
  { folder, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { video, ...result }: Result,
  services: FinishServices,
): Promise<Extract<FinishOutcome, { status: RenderStatus }>> {
  const link = consoleUrl(folder, services.region);
  const status: RenderStatus = {
    version: 1,
    renderId: decodeURIComponent(folder.pathname.split('/').at(-2)!),
    at: services.now().toISOString(),
    ...(jobs && { jobs: { render: jobs.render.jobId, stitch: jobs.stitch.jobId } }),
    ...(jobs?.retry && { retry: jobs.retry }),
    endedJob: change.jobId,
    ...result,
    links: {
      folder: formatLocation(folder),
      ...(link && { console: link }),
      ...(video && { video: formatLocation(video) }),
    },
  };
  return { outcome: await reportStatus(status, folder, services), status };
}

/** The pair of jobs that rescues the frames of reclaimed machines, or `undefined`. */
async function rescueOf(
  ended: EndedJob,
  jobs: RenderJobs | undefined,
  { rescue, storage, now }: FinishServices,
): Promise<RenderJobs | undefined> {
  const { role, folder, change } = ended;
  if (!rescue || !jobs || role !== 'render' || wasStopped(change)) return undefined;
  if (jobs.render.jobId !== change.jobId) return rescuedBefore(ended, jobs, storage);
  const manifest = await readManifest(folder, storage);
  return manifest && (await ensureRescue(ended, { manifest, folder, jobs, storage, now }, rescue))?.jobs;
}

async function rescuing(
  { retry }: RenderJobs,
  { folder }: EndedJob,
  { storage }: FinishServices,
): Promise<Result> {
  const { frames } = await countStoredFrames(folder, storage);
  const reason = `Spot machines were reclaimed too often: ${retry?.frames} frames continue on On-Demand machines, at full price`;
  return { state: 'rescuing', reason, findings: [], ...(frames && { frames }) };
}

/**
 * Whether a stitch job failed because its render job failed. The end of the render job then decides whether a rescue
 * follows. Only farms with rescues need to know; others report what ends first.
 */
async function isToldByRender(
  { role, failed, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { rescue }: FinishServices,
): Promise<boolean> {
  if (!rescue || !jobs || role !== 'stitch' || !failed) return false;
  if (jobs.stitch.jobId !== change.jobId || jobs.retry?.slices === 0) return false;
  const [render] = await rescue.batch.describeJobs([jobs.render.jobId]);
  return render?.status === 'FAILED';
}

/**
 * Submits a job that makes a video of the stored frames, unless a person stopped the render. A render that reached its cap
 * (`because`) gets a video.
 */
async function salvage(
  { role, folder, change }: EndedJob,
  because: string | undefined,
  services: FinishServices,
): Promise<void> {
  const { storage, now, salvage: salvageServices } = services;
  if (!salvageServices || role !== 'render' || (because === undefined && wasStopped(change))) return;
  const manifest = await readManifest(folder, storage);
  if (manifest && plannedVideo(manifest) !== 'none')
    await ensureSalvage(change, { manifest, folder, storage, now, because }, salvageServices);
}

/**
 * Whether a newer pair of jobs has replaced the pair of this job. A job that was created after `jobs.json` was written is
 * newer, but not recorded yet. A render without `jobs.json` (submitted by hand) has no newer pair.
 */
async function isOutdated(
  { role, folder, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { storage }: FinishServices,
): Promise<boolean> {
  // A salvage job belongs to no pair. It follows the pair that was the newest when it was submitted.
  if (!jobs || (role !== 'salvage' && jobs[role].jobId === change.jobId)) return false;
  const noted = await storage.head(jobsUrl(folder));
  return noted !== undefined && (change.createdAt ?? 0) <= noted.lastModified.getTime();
}

interface Result extends Pick<RenderStatus, 'state' | 'reason' | 'findings' | 'frames'> {
  readonly video?: URL;
}

async function resultOf(
  ended: EndedJob,
  because: string | undefined,
  { storage }: FinishServices,
): Promise<Result> {
  const { role, folder, failed } = ended;
  const { frames, findings, why } = await countStoredFrames(folder, storage);
  const manifest = await readManifest(folder, storage);
  const format = manifest && plannedVideo(manifest);
  const counted = frames && { frames };
  const video = videoUrl(folder, format);
  if (failed) {
    // A stitch job that found a bad frame has made a video with gaps.
    const { createdAt } = ended.change;
    const gaps = role === 'stitch' ? await readGapsSince(createdAt, folder, storage) : undefined;
    if (gaps) return { ...partial(gaps), ...counted, video: partialVideoUrl(folder, format) };
    const reason = because ?? reasonOf(ended, why);
    const found = findings.length > 0 ? findings : [{ code: 'job-failed', message: reason }];
    return { state: 'failed', reason, findings: found, ...counted };
  }
  if (format === 'none') return { state: 'complete', findings: [], ...counted };
  if (await storage.head(video)) return { state: 'complete', findings: [], ...counted, video };
  // A pair that rendered all frames leaves gaps.json only if sound is missing.
  const gaps = fillsGaps(ended)
    ? await readGaps(folder, storage)
    : await readGapsSince(ended.change.createdAt, folder, storage);
  if (gaps) {
    const noted = role === 'salvage' ? await readSalvage(folder, storage) : undefined;
    return { ...partial(gaps, noted?.because), ...counted, video: partialVideoUrl(folder, format) };
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
