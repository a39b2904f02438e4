import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, SpotreelError } from '../errors';
import { renderJobName, type RenderJobs, stitchJobName } from '../render/records';
import type { Render } from '../render/render';
import { formatLocation } from '../storage/storage';
import { countOf } from '../text';
import { type Batch, isEnded, type JobDetail } from './batch';
import type { FarmDescription } from './farm';
import { findPair, type NamedPair, outputOf } from './pair';

/** A render on a farm, and the services that know its jobs. */
export interface FarmRender {
  readonly render: Render;
  readonly batch: Batch;
  readonly farm?: Pick<FarmDescription, 'jobQueue' | 'gpu'>;
}

/** Seconds between two looks at stopping jobs, and the limit of the whole wait. */
const LOOK_SECONDS = { first: 1, longest: 15 };
const MOST_SECONDS = 600;

const REASON = 'cancelled by spotreel cancel';

/**
 * The render's jobs that have not ended: salvage, stitch, render. Throws `being-submitted` (passing) if none is noted
 * and a process is submitting them.
 */
export async function livingJobs(place: FarmRender): Promise<JobDetail[]> {
  const { render, batch } = place;
  const ids = await jobIds(place);
  const salvage = await render.salvage.readIfValid();
  const all = [...(salvage?.jobId === undefined ? [] : [salvage.jobId]), ...ids];
  const known = all.length === 0 ? [] : await batch.describeJobs(all);
  return all
    .flatMap((id) => known.filter(({ jobId }) => jobId === id))
    .filter(({ status }) => !isEnded(status));
}

/** From `jobs.json`, else by name from the farm's queues, because the process that submitted them may have died. */
async function jobIds(place: FarmRender): Promise<string[]> {
  const { render, batch, farm } = place;
  const { renderId } = render;
  const jobs = await render.jobs.readIfValid();
  if (jobs) return [...(await unnotedRetry(jobs, place)), jobs.stitch.jobId, jobs.render.jobId];
  const claim = await render.claim.readIfValid();
  // A process that died during a submission leaves a claim that becomes stale.
  if (claim && Date.parse(claim.staleAt) > Date.now()) {
    const message = `the jobs of ${renderId} are being submitted (${formatLocation(render.claim.url)}); try again in two minutes`;
    throw new SpotreelError('being-submitted', 'passing', message);
  }
  const stitch = farm && { jobQueue: farm.jobQueue, jobName: stitchJobName(renderId) };
  const found: string[] = [];
  for (const jobQueue of farm ? [farm.jobQueue, ...(farm.gpu ? [farm.gpu.jobQueue] : [])] : []) {
    const named = { render: { jobQueue, jobName: renderJobName(renderId) }, stitch: stitch! };
    found.push(...(await livingPair({ ...named, output: outputOf(render) }, batch)));
  }
  return [...new Set(found)];
}

/** Jobs of a planned retry that `jobs.json` lacks, because the process that submitted them may have died. */
async function unnotedRetry({ retry }: RenderJobs, { render, batch, farm }: FarmRender): Promise<string[]> {
  const { renderId } = render;
  const last = await render.lastRetry();
  if (last === (retry?.number ?? 0)) return [];
  const { jobQueue } = await render.retry(last).require();
  const named = {
    render: { jobQueue, jobName: renderJobName(renderId, last) },
    stitch: { jobQueue: farm?.jobQueue ?? jobQueue, jobName: stitchJobName(renderId, last) },
  };
  try {
    return await livingPair({ ...named, output: outputOf(render) }, batch);
  } catch (error) {
    // A new deployment may have removed its queue with all its jobs.
    if (codeOf(error) === 'client-exception') return [];
    throw error;
  }
}

async function livingPair(pair: NamedPair, batch: Batch): Promise<string[]> {
  const { stitch, render } = await findPair(pair, 'unfinished', batch);
  return [stitch, render].flatMap((job) => (job ? [job.jobId] : []));
}

/** How to wait for the end of jobs; `say` gets progress messages. */
export interface Wait {
  readonly say: (text: string) => void;
  readonly pause: (seconds: number) => Promise<unknown>;
}

export const usualPause = (seconds: number): Promise<unknown> => sleep(seconds * 1000);

/**
 * Terminates the render's jobs with their children, and waits until all have ended. Gives their number. Throws
 * `still-stopping` (passing) after a time limit.
 */
export async function cancelJobs(place: FarmRender, { say, pause }: Wait): Promise<number> {
  let seconds: number = LOOK_SECONDS.first;
  const terminated = new Set<string>();
  for (let waited = 0; ; waited += seconds, seconds = Math.min(seconds * 2, LOOK_SECONDS.longest)) {
    // Listed again each time: a salvage job may have been submitted after the render job failed.
    const living = await livingJobs(place);
    for (const { jobId } of living.filter((job) => !terminated.has(job.jobId))) {
      await place.batch.terminateJob(jobId, REASON);
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
  const message = `after ${seconds} s still stopping: ${names}; AWS Batch has the request to stop them; run the same command again to check`;
  return new SpotreelError('still-stopping', 'passing', message);
}
