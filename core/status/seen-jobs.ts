import { join } from 'node:path';
import type { Batch, JobDetail } from '../jobs/batch';
import type { JobState } from '../local-batch/job-state';
import { describeJob, peekJobs } from '../local-batch/journal';
import { findLockHolder, type LockHolder } from '../local-batch/lock';
import { ownRenderJob, type RenderJobs, salvageJobName } from '../render/records';
import type { Render } from '../render/render';
import { queueAround, type QueueLook, turnOf } from '../watch-folder/queue';
import type { RenderRecords } from './facts';
import { plainStartFailure } from './render-state';

/** The process that renders into a folder, on this machine or another one that shares the folder. */
export function localHolder(render: Render): LockHolder | undefined {
  return findLockHolder(render.localBatchFolder);
}

/**
 * Whether a process renders into a folder, here or on a machine that shares it, or a watch folder's queue has the
 * render.
 */
export function isGoingHere(render: Render): boolean {
  // The queue first: a render leaves it only after its end.
  return turnOf(render.renderId, queueAround(render)) !== undefined || localHolder(render) !== undefined;
}

/** What a Batch reports about a render's jobs. */
export interface SeenJobs {
  readonly place: 'farm' | 'here';
  readonly render?: JobDetail | undefined;
  readonly stitch?: JobDetail | undefined;
  readonly salvage?: JobDetail | undefined;
  /** Some children of the render job: those that run next. */
  readonly children?: readonly JobDetail[];
  /** On one machine: whether a process renders it. */
  readonly attended?: boolean;
  /** On one machine: renders before it in a watch folder's queue; absent if no process works on such a queue. */
  readonly turn?: number | undefined;
  /** On one machine: the newest pair of jobs in the journals, if `jobs.json` names none. */
  readonly foundJobs?: RenderJobs | undefined;
  /** Why the first slice that did not start failed. */
  readonly cause?: string | undefined;
  /** Journals that cannot be read, and why; a line each. */
  readonly damage?: readonly string[];
  /** Why the Batch did not answer. */
  readonly fault?: string | undefined;
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
  return {
    place: 'farm',
    render: find(jobs && ownRenderJob(jobs)),
    stitch: find(jobs?.stitch.jobId),
    salvage: find(salvage?.jobId),
    children: details.filter(({ jobId }) => jobs && jobId.startsWith(`${jobs.render.jobId}:`)),
  };
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
