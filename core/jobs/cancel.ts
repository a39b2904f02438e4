import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { codeOf, SpotreelError } from '../errors';
import { claimUrl, salvageUrl } from '../render/keys';
import { lastRetry, readRecord, readRetryPlan } from '../render/read-files';
import { renderJobName, type RenderJobs, salvageSchema, stitchJobName } from '../render/records';
import { formatLocation, type Storage } from '../storage/storage';
import { countOf } from '../text';
import type { Batch, JobDetail } from './batch';
import { readJobs } from './ensure-jobs';
import type { FarmDescription } from './farm';
import { findPair, isLiving, type NamedPair, outputOf } from './pair';

/** A render on a farm, and who may know its jobs. */
export interface FarmRender {
  readonly renderId: string;
  readonly folder: URL;
  readonly storage: Storage;
  readonly batch: Batch;
  readonly farm?: Pick<FarmDescription, 'jobQueue' | 'gpu'> | undefined;
}

/** Seconds between two looks at jobs that are stopping, and how long they are waited for in all. */
const LOOK_SECONDS = { first: 1, longest: 15 };
const MOST_SECONDS = 600;

const REASON = 'cancelled by spotreel cancel';

/**
 * The render's jobs that have not ended: the one that makes a video of what is there, stitch, render. Throws `being-submitted`
 * (passing) where somebody is submitting them and none is noted.
 */
export async function livingJobs(render: FarmRender): Promise<JobDetail[]> {
  const { batch, folder, storage } = render;
  const ids = await jobIds(render);
  const salvage = await readRecord(salvageSchema, salvageUrl(folder), storage);
  const all = [...(salvage?.jobId === undefined ? [] : [salvage.jobId]), ...ids];
  const known = all.length === 0 ? [] : await batch.describeJobs(all);
  return all.flatMap((id) => known.filter(({ jobId }) => jobId === id)).filter(isLiving);
}

/** As `jobs.json` has them, else as AWS Batch lists them by name in the farm's queues: whoever submitted them may have died. */
async function jobIds(render: FarmRender): Promise<string[]> {
  const { renderId, folder, storage, batch, farm } = render;
  const jobs = await readJobs(folder, storage);
  if (jobs) return [...(await unnotedRetry(jobs, render)), jobs.stitch.jobId, jobs.render.jobId];
  if (await isBeingSubmitted(folder, storage)) {
    const message = `the jobs of ${renderId} are being submitted (${formatLocation(claimUrl(folder))}): try again in two minutes`;
    throw new SpotreelError('being-submitted', 'passing', message);
  }
  const stitch = farm && { jobQueue: farm.jobQueue, jobName: stitchJobName(renderId) };
  const found: string[] = [];
  for (const jobQueue of farm ? [farm.jobQueue, ...(farm.gpu ? [farm.gpu.jobQueue] : [])] : []) {
    const named = { render: { jobQueue, jobName: renderJobName(renderId) }, stitch: stitch! };
    found.push(...(await livingPair({ ...named, output: outputOf(folder) }, batch)));
  }
  return [...new Set(found)];
}

/** Jobs of a retry that was planned and that `jobs.json` does not name: whoever submitted it may have died. */
async function unnotedRetry(
  { retry }: RenderJobs,
  { renderId, folder, storage, batch, farm }: FarmRender,
): Promise<string[]> {
  const last = await lastRetry(folder, storage);
  if (last === (retry?.number ?? 0)) return [];
  const { jobQueue } = await readRetryPlan(folder, last, storage);
  const named = {
    render: { jobQueue, jobName: renderJobName(renderId, last) },
    stitch: { jobQueue: farm?.jobQueue ?? jobQueue, jobName: stitchJobName(renderId, last) },
  };
  try {
    return await livingPair({ ...named, output: outputOf(folder) }, batch);
  } catch (error) {
    // Its queue may be gone with an earlier deployment, and all its jobs with it.
    if (codeOf(error) === 'client-exception') return [];
    throw error;
  }
}

async function livingPair(pair: NamedPair, batch: Batch): Promise<string[]> {
  const { stitch, render } = await findPair(pair, 'unfinished', batch);
  return [stitch, render].flatMap((job) => (job ? [job.jobId] : []));
}

const claimSchema = z.lazy(() => z.object({ staleAt: z.iso.datetime() }));

/** A claim that was left behind by a submitter that died goes stale. */
async function isBeingSubmitted(folder: URL, storage: Storage): Promise<boolean> {
  const claim = await readRecord(claimSchema, claimUrl(folder), storage);
  return claim !== undefined && Date.parse(claim.staleAt) > Date.now();
}

/** How the end of jobs is waited for; `say` is told what is still stopping. */
export interface Wait {
  readonly say: (text: string) => void;
  readonly pause: (seconds: number) => Promise<unknown>;
}

export const usualPause = (seconds: number): Promise<unknown> => sleep(seconds * 1000);

/**
 * Terminates the render's jobs, and the children with an array job, and waits until all have ended. Gives how many there were.
 * Throws `still-stopping` (passing) when they take too long.
 */
export async function cancelJobs(render: FarmRender, { say, pause }: Wait): Promise<number> {
  let seconds: number = LOOK_SECONDS.first;
  const terminated = new Set<string>();
  for (let waited = 0; ; waited += seconds, seconds = Math.min(seconds * 2, LOOK_SECONDS.longest)) {
    // Asked anew each time: a job may have been submitted meanwhile, of what is there when the render job failed.
    const living = await livingJobs(render);
    for (const { jobId } of living.filter((job) => !terminated.has(job.jobId))) {
      await render.batch.terminateJob(jobId, REASON);
      terminated.add(jobId);
    }
    if (living.length === 0) return terminated.size;
    if (waited >= MOST_SECONDS) throw stillStopping(living, waited);
    say(`stopping: ${living.map(describeJob).join(', ')}`);
    await pause(seconds);
  }
}

function describeJob({ jobName, status, arrayProperties }: JobDetail): string {
  const { RUNNING = 0, STARTING = 0 } = arrayProperties?.statusSummary ?? {};
  const children = RUNNING + STARTING;
  return children > 0 ? `${jobName} (${countOf(children, 'slice')} running)` : `${jobName} (${status})`;
}

function stillStopping(living: readonly JobDetail[], seconds: number): SpotreelError {
  const names = living.map(describeJob).join(', ');
  const message = `after ${seconds} s still stopping: ${names}; AWS Batch was told to, and the same command looks again`;
  return new SpotreelError('still-stopping', 'passing', message);
}
