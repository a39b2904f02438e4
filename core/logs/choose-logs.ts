import { SpotreelError } from '../errors';
import type { BatchView, JobDetail } from '../jobs/batch';
import { isEnded } from '../jobs/batch';
import { describeRanges, framesOf, positionOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import { ownRenderJob, type RenderJobs, type RetryPlan } from '../render/records';
import { childOfSlice } from '../render/slices';
import type { LogStream } from './job-logs';

/** Where AWS Batch puts the logs of jobs that say nothing of it, by the documentation of `logStreamName`. */
const USUAL_GROUP = '/aws/batch/job';

/** An attempt that has begun, and where its output lies. */
export interface LoggedAttempt {
  /** 1-based. */
  readonly attempt: number;
  /** Absent for one that ended before its container ran. */
  readonly stream?: LogStream;
  /** Milliseconds since 1970. Absent while it runs. */
  readonly stoppedAt?: number;
  readonly exitCode?: number;
  /** Why it ended, as AWS Batch or ECS say. */
  readonly reason?: string;
}

/**
 * The attempts of a job, or of a child, in order: pure. One that runs is not among those that AWS Batch lists, but the job's
 * own container names its stream. `farmGroup` is the farm's log group, for jobs that name none.
 */
export function attemptsOf({ attempts = [], container }: JobDetail, farmGroup?: string): LoggedAttempt[] {
  const group = container?.logGroup ?? farmGroup ?? USUAL_GROUP;
  const streamOf = (name: string | undefined) => (name === undefined ? undefined : { group, name });
  const listed = attempts.map(({ stoppedAt, statusReason, container: run }, i) => ({
    attempt: i + 1,
    stream: streamOf(run?.logStreamName),
    stoppedAt,
    exitCode: run?.exitCode,
    reason: run?.reason ?? statusReason,
  }));
  const latest = container?.logStreamName;
  if (latest === undefined || listed.some(({ stream }) => stream?.name === latest)) return listed;
  return [...listed, { attempt: listed.length + 1, stream: streamOf(latest) }];
}

/** A render job of a render: the first one, or a retry's. */
export interface RenderJob {
  readonly jobId: string;
  /** Of a retry: the array indexes of the first job that its children take, in order. */
  readonly slices?: readonly number[];
}

/**
 * All render jobs that are known of, the newest first; `plans` are those of the retries up to the newest pair's, ascending.
 * Pure. A plan that came to nothing has no job: the one after it follows the same pair as it did.
 */
export function renderJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'slices' | 'after'>>,
): RenderJob[] {
  const found: RenderJob[] = [];
  let { jobId } = jobs.render;
  for (const { slices, after } of plans.toReversed()) {
    // Of a retry of the video alone, and of one that came to nothing, this is the job of the pair before.
    if (after?.render === jobId) continue;
    found.push({ jobId, slices: [...framesOf(slices)] });
    // Nobody knows what was before it.
    if (!after) return found;
    jobId = after.render;
  }
  return [...found, { jobId }];
}

/** The ids of all jobs, or children, that a slice was the task of, the newest first; `renderJobs` are, too. Pure. */
export function jobsOfSlice(slice: number, renderJobs: readonly RenderJob[], sliceCount: number): string[] {
  return renderJobs
    .filter(({ slices }) => !slices || slices.includes(slice))
    .map(({ jobId, slices }) => {
      const [children, index] = slices ? [slices.length, slices.indexOf(slice)] : [sliceCount, slice];
      return children > 1 ? `${jobId}:${index}` : jobId;
    });
}

/** The ids of all stitch jobs that are known of, the newest first, as `renderJobsOf` finds the others. Pure. */
export function stitchJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'after'>>,
): readonly string[] {
  const before = plans.toReversed().flatMap(({ after }) => after?.stitch ?? []);
  return [...new Set([jobs.stitch.jobId, ...before])];
}

/** The slice that the child with this array index takes; of a job without children it is 0. */
export function sliceOfIndex(index: number, { slices }: RenderJob): number {
  return slices?.[index] ?? index;
}

/** Logs that are shown at once where nobody chose. */
const MOST = 3;

/** Failed children that are looked at for some that have a log: one call. */
const MOST_FAILED = 100;

/** What somebody wants to see. */
export interface WantedLogs {
  readonly frame?: number;
  readonly slice?: number;
  /** The job that makes the video. */
  readonly stitch?: boolean;
  /** Of the jobs that had this task, one after the other, the first (1) or another; the last by default. */
  readonly job?: number;
}

/** A job, or a child, whose log is to be shown. */
export interface LogJob {
  readonly jobId: string;
  /** `slice 3`, `the video`. */
  readonly what: string;
  /** As in `slices/<slice>.json`: the array index of its child. */
  readonly slice?: number;
  /** Its lines alone are wanted. */
  readonly frame?: number;
}

/** A render, and what is known of its jobs. */
export interface LoggedRender {
  readonly manifest: Pick<Manifest, 'renderId' | 'frames' | 'framesPerSlice' | 'sliceCount' | 'sliceOrder'>;
  readonly jobs: RenderJobs;
  /** What retries do, up to the newest pair's, ascending. */
  readonly retries?: ReadonlyArray<Pick<RetryPlan, 'slices' | 'after'>>;
  /** The job that makes a video of what there is, where one was submitted. */
  readonly salvage?: string;
}

export interface ChosenLogs {
  readonly jobs: readonly LogJob[];
  /** What these are, and what else there is, for a person. */
  readonly why: string;
  /** Whether no job of the render goes on. */
  readonly ended: boolean;
}

/** The job that is named. Throws `no-frame`, `no-slice`, `no-job`, `bad-usage` (usage). Pure. */
export function namedLogs(wanted: WantedLogs, render: LoggedRender): LogJob | undefined {
  const { manifest, jobs, retries = [], salvage } = render;
  const { frame, slice, stitch, job } = wanted;
  if (frame !== undefined) return { ...childLogs(childOfFrame(frame, manifest), job, render), frame };
  if (slice !== undefined) {
    if (slice < manifest.sliceCount) return childLogs(slice, job, render);
    const message = `${manifest.renderId} has no slice ${slice}: they are 0 to ${manifest.sliceCount - 1}`;
    throw new SpotreelError('no-slice', 'usage', message);
  }
  if (stitch) {
    const all = [...(salvage === undefined ? [] : [salvage]), ...stitchJobsOf(jobs, retries)];
    const { jobId, note } = pick(all, job, 'the video');
    return videoLogs(jobId, note);
  }
  if (job === undefined) return undefined;
  throw new SpotreelError('bad-usage', 'usage', '--job needs --frame, --slice or --stitch');
}

/** Which child renders a frame: its array index. */
function childOfFrame(frame: number, manifest: LoggedRender['manifest']): number {
  const { renderId, frames, framesPerSlice, sliceCount, sliceOrder = 'ascending' } = manifest;
  const position = positionOf(frame, frames);
  if (position === undefined) {
    const message = `${renderId} has no frame ${frame}: its frames are ${describeRanges(frames)}`;
    throw new SpotreelError('no-frame', 'usage', message);
  }
  return childOfSlice(Math.floor(position / framesPerSlice), sliceCount, sliceOrder);
}

/** A job that a slice, named by the array index that it has in the first render job, was the task of. */
function childLogs(
  slice: number,
  job: number | undefined,
  { manifest, jobs, retries = [] }: LoggedRender,
): LogJob {
  const all = jobsOfSlice(slice, renderJobsOf(jobs, retries), manifest.sliceCount);
  if (all.length === 0) {
    const message = `the job of slice ${slice} of ${manifest.renderId} is no longer known`;
    throw new SpotreelError('no-slice', 'usage', message);
  }
  const { jobId, note } = pick(all, job, `slice ${slice}`);
  return { jobId, slice, what: `slice ${slice}${note}` };
}

const videoLogs = (jobId: string, note = ''): LogJob => ({ jobId, what: `the video${note}` });

/** One of the jobs that had a task, the newest first: the `wanted` one of them, as one counts them, else the last. */
function pick(
  all: readonly string[],
  wanted: number | undefined,
  what: string,
): { readonly jobId: string; readonly note: string } {
  const count = all.length;
  const job = wanted ?? count;
  const jobId = all[count - job];
  if (jobId !== undefined) return { jobId, note: count > 1 ? ` (job ${job} of ${count})` : '' };
  const message = `${what} had ${count} ${count === 1 ? 'job' : 'jobs'}, not ${job}; give --job 1 to ${count}`;
  throw new SpotreelError('no-job', 'usage', message);
}

/**
 * The jobs whose logs say most where nobody chose: those that failed, else those that run, else the one that made the video;
 * for who follows, those that run first. None where nothing has run yet.
 */
export async function chooseLogs(
  render: LoggedRender,
  batch: BatchView,
  follow = false,
): Promise<ChosenLogs> {
  const { jobs, salvage } = render;
  // A retry of the video alone has no render job: what failed in that of the pair before is no news.
  const renderJob = ownRenderJob(jobs);
  const ids = [renderJob, jobs.stitch.jobId, salvage];
  const details = await batch.describeJobs(ids.filter((id) => id !== undefined));
  const [job, ...videos] = ids.map((id) => details.find(({ jobId }) => jobId === id));
  const ended = details.every(({ status }) => isEnded(status));
  if (details.length === 0) return { jobs: [], why: FORGOTTEN, ended };
  const looks = [() => failedLogs(render, job, videos, batch), () => runningLogs(render, job, videos, batch)];
  for (const look of follow ? looks.toReversed() : looks) {
    const found = await look();
    if (found.jobs.length > 0) return { ...found, ended };
  }
  const made = videos.findLast((video) => video && attemptsOf(video).length > 0);
  if (!made) return { jobs: [], why: 'nothing of it has run yet', ended };
  return { jobs: [videoLogs(made.jobId)], why: 'the job that made the video', ended };
}

const FORGOTTEN =
  'its jobs are no longer known, so their logs cannot be found; AWS Batch keeps ended jobs for at least 7 days';

type Found = Omit<ChosenLogs, 'ended'>;

/** Children that AWS Batch failed before they ran have no log, nor has a stitch job whose render job failed. */
async function failedLogs(
  render: LoggedRender,
  job: JobDetail | undefined,
  videos: ReadonlyArray<JobDetail | undefined>,
  batch: BatchView,
): Promise<Found> {
  const children = await childrenOf('FAILED', MOST_FAILED, job, batch);
  const begun = (await batch.describeJobs(children)).filter((child) => attemptsOf(child).length > 0);
  const failed = videos.filter((video) => video?.status === 'FAILED' && attemptsOf(video).length > 0);
  const ids = begun.map(({ jobId }) => jobId);
  return foundLogs('what failed', render, ids, failed, childrenIn('FAILED', job));
}

async function runningLogs(
  render: LoggedRender,
  job: JobDetail | undefined,
  videos: ReadonlyArray<JobDetail | undefined>,
  batch: BatchView,
): Promise<Found> {
  const children = await childrenOf('RUNNING', MOST, job, batch);
  const running = videos.filter((video) => video?.status === 'RUNNING');
  return foundLogs('what runs now', render, children, running, childrenIn('RUNNING', job));
}

/** The first of some children by their ids, of so many alike, and jobs that make the video. */
function foundLogs(
  what: string,
  render: LoggedRender,
  children: readonly string[],
  videos: ReadonlyArray<JobDetail | undefined>,
  count: number,
): Found {
  const { jobs, retries = [] } = render;
  const [newest] = renderJobsOf(jobs, retries);
  const shown = children
    .map((jobId) => ({ jobId, slice: sliceOfIndex(indexOf(jobId), newest!) }))
    .toSorted((a, b) => a.slice - b.slice)
    .slice(0, MOST);
  const others = `: ${shown.length} of ${count} slices (--slice shows another)`;
  return {
    jobs: [
      ...shown.map(({ jobId, slice }) => ({ jobId, slice, what: `slice ${slice}` })),
      ...videos.flatMap((video) => (video ? [videoLogs(video.jobId)] : [])),
    ],
    why: `${what}${count > shown.length ? others : ''}`,
  };
}

type Ran = 'FAILED' | 'RUNNING';

function childrenIn(status: Ran, job: JobDetail | undefined): number {
  if (!job?.arrayProperties) return Number(job?.status === status);
  return job.arrayProperties.statusSummary?.[status] ?? 0;
}

/** Ids; of a job that is no array its own. */
async function childrenOf(
  jobStatus: Ran,
  most: number,
  job: JobDetail | undefined,
  batch: BatchView,
): Promise<string[]> {
  if (!job || childrenIn(jobStatus, job) === 0) return [];
  if (!job.arrayProperties) return [job.jobId];
  const children = await batch.listJobs({ arrayJobId: job.jobId, jobStatus, most });
  return children.map(({ jobId }) => jobId);
}

/** Of `<jobId>:<index>`; 0 of a job that is no array. */
function indexOf(jobId: string): number {
  return Number(jobId.split(':')[1] ?? 0);
}
