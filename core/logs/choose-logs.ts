import { SpotreelError } from '../errors';
import type { BatchView, JobDetail } from '../jobs/batch';
import { isEnded } from '../jobs/batch';
import { describeRanges, framesOf, positionOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import { ownRenderJob, type RenderJobs, type RetryPlan } from '../render/records';
import { childOfSlice } from '../render/slices';
import type { LogStream } from './job-logs';

/** Log group of jobs that name none. Source: AWS's documentation of `logStreamName`. */
const USUAL_GROUP = '/aws/batch/job';

/** An attempt that has begun, and its log. */
export interface LoggedAttempt {
  /** 1-based. */
  readonly attempt: number;
  /** Absent if the attempt ended before its container ran. */
  readonly stream?: LogStream;
  /** Milliseconds since 1970. Absent while the attempt runs. */
  readonly stoppedAt?: number;
  readonly exitCode?: number;
  /** Why it ended, in the words of AWS Batch or ECS. */
  readonly reason?: string;
}

/**
 * The attempts of a job or child, in order. Pure. AWS Batch does not list a running attempt, but the job's container names its stream.
 * `farmGroup` is the log group for jobs that name none.
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

/** The first render job of a render, or the render job of a retry. */
export interface RenderJob {
  readonly jobId: string;
  /** For a retry: the array indexes in the first job of the slices that its children take, in order. */
  readonly slices?: readonly number[];
}

/**
 * All known render jobs, the newest first. Pure. `plans` are the plans of the retries up to the newest pair, ascending. A plan whose jobs
 * were never submitted has no job; the next plan follows the same pair.
 */
export function renderJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'slices' | 'after'>>,
): RenderJob[] {
  const found: RenderJob[] = [];
  let { jobId } = jobs.render;
  for (const { slices, after } of plans.toReversed()) {
    // True for a retry of only the video and for a plan without jobs: this is the job of the earlier pair.
    if (after?.render === jobId) continue;
    found.push({ jobId, slices: [...framesOf(slices)] });
    // The earlier jobs are unknown.
    if (!after) return found;
    jobId = after.render;
  }
  return [...found, { jobId }];
}

/** The ids of all jobs or children that had a slice as their task. Pure. `renderJobs` and the result begin with the newest. */
export function jobsOfSlice(slice: number, renderJobs: readonly RenderJob[], sliceCount: number): string[] {
  return renderJobs
    .filter(({ slices }) => !slices || slices.includes(slice))
    .map(({ jobId, slices }) => {
      const [children, index] = slices ? [slices.length, slices.indexOf(slice)] : [sliceCount, slice];
      return children > 1 ? `${jobId}:${index}` : jobId;
    });
}

/** The ids of all known stitch jobs, the newest first; see `renderJobsOf`. Pure. */
export function stitchJobsOf(
  jobs: RenderJobs,
  plans: ReadonlyArray<Pick<RetryPlan, 'after'>>,
): readonly string[] {
  const before = plans.toReversed().flatMap(({ after }) => after?.stitch ?? []);
  return [...new Set([jobs.stitch.jobId, ...before])];
}

/** The slice of the child with this array index, which is 0 for a job without children. */
export function sliceOfIndex(index: number, { slices }: RenderJob): number {
  return slices?.[index] ?? index;
}

/** Most logs to show if the user does not choose. */
const MOST = 3;

/** Most failed children to search for logs; one request describes them. */
const MOST_FAILED = 100;

/** The user's choice. */
export interface WantedLogs {
  readonly frame?: number;
  readonly slice?: number;
  /** Whether to show the job that makes the video. */
  readonly stitch?: boolean;
  /** Which of the jobs with this task, in order of submission, from 1; the last by default. */
  readonly job?: number;
}

/** A job or child whose log to show. */
export interface LogJob {
  readonly jobId: string;
  /** `slice 3`, `the video`. */
  readonly what: string;
  /** As in `slices/<slice>.json`: the array index of the child in the first job. */
  readonly slice?: number;
  /** Show only the lines of this frame. */
  readonly frame?: number;
}

/** A render and its known jobs. */
export interface LoggedRender {
  readonly manifest: Pick<Manifest, 'renderId' | 'frames' | 'framesPerSlice' | 'sliceCount' | 'sliceOrder'>;
  readonly jobs: RenderJobs;
  /** The plans of the retries up to the newest pair, ascending. */
  readonly retries?: ReadonlyArray<Pick<RetryPlan, 'slices' | 'after'>>;
  /** The job, if submitted, that makes a video of the stored frames. */
  readonly salvage?: string;
}

export interface ChosenLogs {
  readonly jobs: readonly LogJob[];
  /** Why these jobs, and how many others there are, in words. */
  readonly why: string;
  /** Whether all jobs of the render have ended. */
  readonly ended: boolean;
}

/** The job that the user chose, if any. Throws `no-frame`, `no-slice`, `no-job`, `bad-usage` (usage). Pure. */
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

/** The array index of the child that renders a frame. */
function childOfFrame(frame: number, manifest: LoggedRender['manifest']): number {
  const { renderId, frames, framesPerSlice, sliceCount, sliceOrder = 'ascending' } = manifest;
  const position = positionOf(frame, frames);
  if (position === undefined) {
    const message = `${renderId} has no frame ${frame}: its frames are ${describeRanges(frames)}`;
    throw new SpotreelError('no-frame', 'usage', message);
  }
  return childOfSlice(Math.floor(position / framesPerSlice), sliceCount, sliceOrder);
}

/** A job of the slice with this array index in the first render job. */
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

/** From the jobs of a task, the newest first: the `wanted` one, counted from the oldest as 1, else the newest. */
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
 * The jobs to show if the user does not choose: failed ones, else running ones, else the last job. With `follow`, running
 * ones come first. Empty if no job has run yet.
 */
export async function chooseLogs(
  render: LoggedRender,
  batch: BatchView,
  follow = false,
): Promise<ChosenLogs> {
  const { jobs, salvage } = render;
  // A retry of only the video has no render job, and failures of the earlier pair are not relevant.
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
  if (!made) return { jobs: [], why: 'no job of this render has run yet', ended };
  return { jobs: [videoLogs(made.jobId)], why: 'the job that checks the frames and makes the video', ended };
}

const FORGOTTEN =
  'its jobs are no longer known, so their logs cannot be found; AWS Batch keeps ended jobs for at least 7 days';

type Found = Omit<ChosenLogs, 'ended'>;

/** Children that failed before they ran have no log. Neither has a stitch job whose render job failed. */
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
  return foundLogs('failed jobs', render, ids, failed, childrenIn('FAILED', job));
}

async function runningLogs(
  render: LoggedRender,
  job: JobDetail | undefined,
  videos: ReadonlyArray<JobDetail | undefined>,
  batch: BatchView,
): Promise<Found> {
  const children = await childrenOf('RUNNING', MOST, job, batch);
  const running = videos.filter((video) => video?.status === 'RUNNING');
  return foundLogs('running jobs', render, children, running, childrenIn('RUNNING', job));
}

/** The first of some children, sorted by slice, and video jobs. `count` is the number of children in the same state. */
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

/** Ids of children; the job's own id if it is not an array. */
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

/** The index in `<jobId>:<index>`; 0 for a job that is not an array. */
function indexOf(jobId: string): number {
  return Number(jobId.split(':')[1] ?? 0);
}
