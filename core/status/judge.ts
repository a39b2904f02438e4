import { countSlices, type JobDetail } from '../jobs/batch';
import { describeLacking, describeReasons } from '../render/frames';
import type { Finding } from '../render/manifest';
import { describeGaps, type MissingFiles, SALVAGE_SECONDS } from '../render/records';
import type { SliceFigures } from '../render/slice-figures';
import { formatLocation } from '../storage/storage';
import {
  countRunnable,
  type JobRecords,
  readRenderResults,
  readSliceReasons,
  type RenderRecords,
  type RenderResults,
  type SeenJobs,
} from './facts';
import { plainStatusReason, type RenderState, type StateName, type Waiting } from './render-state';

/** Usual wait for a machine: EC2 starts it, and the machine pulls the image. */
const USUAL_WAIT_SECONDS = 5 * 60;

/**
 * Status reasons of a RUNNABLE job that blocks its queue, as documented:
 * https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
 */
const REASONS: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY/,
    'the zones have no Spot machines of these types now; the render resumes when they have, sooner with more instanceTypes or zones: 3',
  ],
  [
    /^MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE/,
    'the compute environment has fewer vCPUs than one slice needs: deploy with spotVcpus above renderVcpus',
  ],
  [
    /^MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT/,
    'no machine of the allowed types is large enough for a slice: lower renderMemoryMib or renderVcpus, or allow larger instanceTypes',
  ],
  [
    /^MISCONFIGURATION:(SERVICE_ROLE_PERMISSIONS|EC2_INSTANCE_CONFIGURATION_UNSUPPORTED)/,
    'the compute environment is misconfigured: deploy the farm again',
  ],
  [
    /^ACTION_REQUIRED/,
    'the compute environment is not valid: see the AWS Batch console, or deploy the farm again',
  ],
];

/**
 * Usual reasons if AWS Batch gives none, as documented:
 * https://docs.aws.amazon.com/batch/latest/userguide/troubleshooting.html
 */
const USUAL: readonly string[] = [
  'machines are busy with other renders; renders take turns',
  'the quota "All Standard Spot Instance Requests" (Service Quotas > EC2; of GPUs "All G and VT Spot Instance Requests", of On-Demand machines "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances") is too low for a slice',
  'the zones have no Spot machines of these types now',
  'the compute environment is disabled or not valid: see the AWS Batch console',
  'machines start but can’t reach ECS or pull the image',
];

/** The status reason of the first job that waits for a machine and has one. */
function waitingReason(jobs: readonly JobDetail[]): string | undefined {
  return jobs.find(({ status, statusReason }) => status === 'RUNNABLE' && statusReason)?.statusReason;
}

/** What a status reason means and what to do; `undefined` for unknown reasons and without one. Pure. */
export function knownReason(statusReason: string | undefined): string | undefined {
  if (statusReason === undefined) return undefined;
  return REASONS.find(([pattern]) => pattern.test(statusReason))?.[1];
}

/** What may delay jobs that have waited for so many seconds; nothing if that is usual. Pure. */
export function waitingHints(seconds: number, statusReason: string | undefined): readonly string[] {
  const known = knownReason(statusReason);
  if (known !== undefined) return [known];
  return seconds < USUAL_WAIT_SECONDS ? [] : USUAL;
}

/** For so long after a submission AWS Batch may not describe the jobs, and a planned render may lack jobs. */
const SUBMITTING_SECONDS = 120;

/** Everything that is known about a render. */
export interface KnownRender {
  readonly records: RenderRecords;
  readonly results: RenderResults;
  readonly seen: SeenJobs;
  readonly figures?: SliceFigures;
}

interface Verdict {
  readonly state: StateName;
  readonly ended: boolean;
  readonly reason?: string;
  readonly endedAt?: string;
}

/** The state of a render; `now` in milliseconds since 1970. Pure. */
export function judgeRender(known: KnownRender, now: number): RenderState {
  const { records, results, seen, figures } = known;
  const { render, plan, status } = records;
  const { reason, endedAt, ...verdict } = verdictOf(known, now);
  const video = videoOf(verdict.state, results);
  const { lacking } = results;
  const isMade = verdict.state === 'complete' || verdict.state === 'partial';
  const shownReason =
    [reason, isMade && lacking ? describeLacking(lacking) : undefined].filter(Boolean).join('; ') ||
    undefined;
  return {
    renderId: render.renderId,
    ...verdict,
    reason: shownReason,
    createdAt: plan?.createdAt,
    endedAt,
    tags: plan?.tags,
    ...(plan && { frames: { total: plan.frameCount, stored: results.stored, failed: results.failed } }),
    failures: results.failures.slice(0, MOST_FAILURES),
    ...(lacking && { missingFiles: lackingFacts(lacking) }),
    ...(records.jobs?.retry && { retry: records.jobs.retry }),
    ...(seen.render && { slices: countSlices(seen.render) }),
    ...(figures && { figures: figuresOf(figures) }),
    ...(verdict.state === 'waiting' && { waiting: waitingOf(known, now) }),
    findings: [
      ...(plan?.findings ?? []),
      ...(status?.state === verdict.state ? status.findings : []),
      ...[...(records.damage ?? []), ...(results.damage ?? []), ...(seen.damage ?? [])].map(damageFinding),
    ],
    links: {
      folder: render.location,
      console: status?.links.console,
      video: video && formatLocation(video),
    },
    fault: seen.fault,
  };
}

const damageFinding = (damage: string): Finding => ({
  code: 'damaged-file',
  severity: 'warning',
  message: `${damage}; Spotreel ignores it`,
});

function figuresOf({
  attempts,
  interruptions,
  machineSeconds,
  frameSeconds,
  keptData,
}: SliceFigures): RenderState['figures'] {
  const parts = { ...(frameSeconds && { frameSeconds }), ...(keptData && { keptData }) };
  return { attempts, interruptions, machineSeconds, ...parts };
}

function verdictOf(known: KnownRender, now: number): Verdict {
  const { records, seen } = known;
  const { status, planFault } = records;
  const jobs = records.jobs ?? seen.foundJobs;
  // A queued render will run, whatever its last result.
  if (seen.turn !== undefined && !seen.attended)
    return { state: 'waiting', ended: false, reason: turnReason(seen.turn) };
  if (status && status.state !== 'failed') {
    return { state: status.state, ended: true, reason: status.reason, endedAt: status.at };
  }
  if (planFault !== undefined) {
    return { state: seen.attended ? 'rendering' : 'unknown', ended: !seen.attended, reason: planFault };
  }
  if (!jobs && status) return { state: 'failed', ended: true, reason: status.reason, endedAt: status.at };
  if (!jobs) return unsubmitted(known, now);
  if (!status && !seen.render && !seen.stitch) return unseen(known, now);
  return verdictOfJobs(known, now);
}

function turnReason(turn: number): string {
  if (turn === 0) return 'it is the next in the queue of its watch folder';
  return `it waits in the queue of its watch folder, ${turn} ${turn === 1 ? 'render' : 'renders'} before it`;
}

function unsubmitted({ records, seen }: KnownRender, now: number): Verdict {
  if (seen.attended) return { state: 'waiting', ended: false, reason: 'it is being prepared' };
  const reason = 'it was planned but has no jobs; run the same command again to submit them';
  if (seen.place === 'here') return { state: 'stopped', ended: true, reason };
  const planned = records.plan ? Date.parse(records.plan.createdAt) : 0;
  if (now - planned < SUBMITTING_SECONDS * 1000)
    return { state: 'waiting', ended: false, reason: 'its jobs are being submitted' };
  return { state: 'unknown', ended: true, reason };
}

/** The verdict if the Batch knows neither job: the folder decides. */
function unseen(known: KnownRender, now: number): Verdict {
  const { records, results, seen } = known;
  const { jobsNotedAt = 0 } = records;
  // An existing film does not exclude running jobs. On this machine none runs if no process holds the folder.
  if (seen.fault !== undefined && (seen.place === 'farm' || seen.attended))
    return { state: 'unknown', ended: false };
  const made = madeWithoutJournal(known);
  if (made) return made;
  if (seen.place === 'farm' && now - jobsNotedAt < SUBMITTING_SECONDS * 1000)
    return { state: 'waiting', ended: false, reason: 'its jobs were submitted just now' };
  if (results.gaps && results.partialVideo)
    return { state: 'partial', ended: true, reason: gapsReason(results) };
  const reason = `${seen.place === 'farm' ? 'AWS Batch' : 'the local Batch'} does not know its jobs; submit it again to render what is missing`;
  return { state: 'unknown', ended: true, reason };
}

function verdictOfJobs(known: KnownRender, now: number): Verdict {
  const { records, results, seen } = known;
  const { render, stitch, salvage } = seen;
  if (stitch?.status === 'SUCCEEDED') return madeVideo(known, stitch);
  if (salvage?.status === 'SUCCEEDED') return madeVideo(known, salvage);
  const open = salvage ?? stitch;
  const running = going(salvage) || going(stitch);
  const failed = records.status !== undefined || render?.status === 'FAILED' || stitch?.status === 'FAILED';
  if (failed && (!salvage || salvage.status === 'FAILED')) {
    const verdict = failedVerdict(known);
    return { ...verdict, ended: verdict.state === 'partial' || !mayGoOn(known, now) };
  }
  if (seen.place === 'here' && !seen.attended)
    return (stitch ? undefined : madeWithoutJournal(known)) ?? { state: 'stopped', ended: true };
  if (running) return { state: 'stitching', ended: false };
  if (salvage || render?.status === 'SUCCEEDED' || records.jobs?.retry?.kind === 'video')
    return open?.status === 'RUNNABLE'
      ? { state: 'waiting', ended: false, reason: 'the frames are stored, and the video is next' }
      : { state: 'stitching', ended: false };
  const slices = render && countSlices(render);
  // On one machine, no slice runs for a moment between two slices.
  const working = (slices?.running ?? 0) > 0 || (seen.place === 'here' && results.stored > 0);
  return { state: working ? 'rendering' : 'waiting', ended: false };
}

/** The journal of the video's job is missing or damaged, so frames and video decide. */
function madeWithoutJournal({ records: { plan }, results }: KnownRender): Verdict | undefined {
  const isComplete = plan && results.stored >= plan.frameCount && (plan.video === 'none' || results.video);
  return isComplete ? { state: 'complete', ended: true } : undefined;
}

function going(job: JobDetail | undefined): boolean {
  return job?.status === 'RUNNING' || job?.status === 'STARTING';
}

function madeVideo({ records, results, seen }: KnownRender, job: JobDetail): Verdict {
  const endedAt = timeOf(job.stoppedAt);
  const { plan } = records;
  if (plan?.video === 'none' || results.video) return { state: 'complete', ended: true, endedAt };
  if (results.gaps && results.partialVideo)
    return { state: 'partial', ended: true, endedAt, reason: gapsReason(results) };
  const name = seen.salvage === job ? 'the video of the stored frames' : 'the video';
  const reason = `${name} was made but no longer exists; run the same command to make it again`;
  return { state: 'failed', ended: true, endedAt, reason };
}

/** A stitch job that failed because of a damaged frame has made a video all the same. */
function failedVerdict(known: KnownRender): Verdict {
  const { records, results, seen } = known;
  const { status } = records;
  const { render, stitch } = seen;
  const job = render?.status === 'FAILED' ? render : (stitch ?? render);
  const { gaps, partialVideo } = results;
  const endedAt = status?.at ?? timeOf(job?.stoppedAt);
  const made = !status && render?.status !== 'FAILED' && gaps && partialVideo;
  if (made && Date.parse(gaps.at) >= (stitch?.createdAt ?? 0))
    return { state: 'partial', ended: true, endedAt, reason: gapsReason(results) };
  return { state: 'failed', ended: true, endedAt, reason: status?.reason ?? failureReason(known, job) };
}

/** Most frames that are listed with reasons. */
const MOST_FAILURES = 10;

const lackingFacts = ({ frames, count, files }: MissingFiles) => ({ frames, count, files });

/** Why frames failed, else why slices failed, else the job's status reason. */
function failureReason({ results, seen }: KnownRender, job: JobDetail | undefined): string | undefined {
  const frames = describeReasons(results.failures, results.failed);
  if (frames !== undefined) return frames;
  if (results.sliceReasons?.length) return results.sliceReasons.slice(0, MOST_FAILURES).join('; ');
  if (!job) return undefined;
  const { failed, total } = countSlices(job);
  const slices = total > 1 ? [`${failed} of ${total} slices failed`] : [];
  const why = seen.cause ?? plainStatusReason(job.statusReason, seen.place);
  return [...slices, ...(why === undefined ? [] : [why])].join('; ') || undefined;
}

/**
 * Whether more jobs may follow: of a rescue, or to make a video of the stored frames. Also if AWS Batch cannot say
 * now.
 */
function mayGoOn({ records, results, seen }: KnownRender, now: number): boolean {
  const { status, salvage, jobs, plan } = records;
  if (seen.salvage) return false;
  const isRender = seen.render
    ? seen.render.status === 'FAILED'
    : status !== undefined && status.endedJob === jobs?.render.jobId;
  if (!isRender) return false;
  const makesVideo = plan?.video !== 'none';
  if (seen.place === 'here') return makesVideo && seen.attended === true;
  // Until the farm reports the end, a rescue may follow.
  if (status && (!makesVideo || results.stored === 0)) return false;
  const at = status ? Date.parse(status.at) : (seen.render?.stoppedAt ?? 0);
  return (salvage !== undefined && seen.fault !== undefined) || now - at < SALVAGE_SECONDS * 1000;
}

/**
 * Whether `status.json` is the last word, so that AWS Batch need not be asked; `now` in milliseconds. A failed stitch
 * job alone may mean that the end of the render job is not reported yet. Pure.
 */
export function isFinal({ status, jobs, salvage }: JobRecords, now: number): boolean {
  if (!status) return false;
  if (status.state !== 'failed' || !jobs) return true;
  if (salvage) return status.endedJob === salvage.jobId;
  return now - Date.parse(status.at) >= SALVAGE_SECONDS * 1000;
}

const gapsReason = ({ gaps }: RenderResults): string | undefined => gaps && describeGaps(gaps);

function timeOf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function waitingOf({ seen, figures, records }: KnownRender, now: number): Waiting {
  const { render, stitch, salvage, children = [] } = seen;
  const jobs = [render, stitch, salvage];
  const queued = seen.turn === undefined || !records.plan ? undefined : Date.parse(records.plan.createdAt);
  const last = [figures?.lastSeen, render?.createdAt, salvage?.createdAt, records.jobsNotedAt, queued];
  // Without any time, the wait starts now.
  const since = last.reduce<number>((latest, at) => Math.max(latest, at ?? 0), 0) || now;
  const runnable = countRunnable(jobs);
  const statusReason = waitingReason([...jobs.filter((job) => job !== undefined), ...children]);
  return {
    since: new Date(since).toISOString(),
    runnable,
    statusReason,
    hints: runnable > 0 && seen.place === 'farm' ? waitingHints((now - since) / 1000, statusReason) : [],
  };
}

function videoOf(state: StateName, { video, partialVideo }: RenderResults): URL | undefined {
  if (state === 'complete') return video;
  return state === 'partial' ? partialVideo : undefined;
}

/** Reads the results and calls `judgeRender`. Reads why slices failed if no frame has a reason. */
export async function judgeWithReasons(
  known: Omit<KnownRender, 'results'>,
  now: number,
): Promise<{ readonly state: RenderState; readonly results: RenderResults }> {
  const results = await readRenderResults(known.records);
  const state = judgeRender({ ...known, results }, now);
  if (state.state !== 'failed' || results.failed > 0 || known.records.status) return { state, results };
  const sliceReasons = await readSliceReasons(known.records.render);
  return { state: judgeRender({ ...known, results: { ...results, sliceReasons } }, now), results };
}
