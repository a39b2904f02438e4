import { chooseTargets } from '../../core/batch/choose-targets';
import { readJobs } from '../../core/batch/ensure-jobs';
import { isLiving } from '../../core/batch/find-pair';
import type { LocalBatch } from '../../core/batch/local/local-batch';
import { retryRender } from '../../core/batch/retry-render';
import { salvageJobName, type RenderJobs } from '../../core/contract/jobs';
import type { Manifest } from '../../core/contract/manifest';
import { chooseRetry, type AskedFrames } from '../../core/render-state/choose-retry';
import { findMissingFrames } from '../../core/render-state/missing-frames';
import type { Storage } from '../../core/storage/storage';
import type { ProgressView } from '../progress-view';
import { localTargets } from './farm';
import { plannedVideo } from '../../core/render/chosen-video';
import { findPrograms } from './local-programs';
import type { Machine } from './machine';
import { runLocally, type LocalWork, type RenderOutcome } from './run-locally';

export interface LocalRetryOptions {
  /** The render's own. */
  readonly folder: URL;
  readonly manifest: Manifest;
  readonly machine: Machine;
  readonly storage: Storage;
  readonly view: ProgressView;
  readonly report: LocalWork['report'];
  /** Stops everything; what is done is kept. */
  readonly signal: AbortSignal;
  readonly asked: AskedFrames;
  readonly samples?: number | undefined;
}

const REASON = 'a retry takes its place';

/**
 * Renders what is missing on this machine, as `LocalRender` renders all. Jobs that were stopped half way go on where nothing but
 * that is asked for; else they are ended first.
 */
export async function retryLocally(options: LocalRetryOptions): Promise<RenderOutcome> {
  const { folder, manifest, machine, storage, asked, samples } = options;
  const programs = await findPrograms(process.env, plannedVideo(manifest));
  // A person who retries a render agrees to its options as they are.
  const allowsScripts = manifest.options.allowScripts === true;
  const targets = chooseTargets(manifest, localTargets(programs.blenderVersion, machine, allowsScripts));
  const wantsLess = asked.frames !== undefined || asked.failed === true || samples !== undefined;
  const submit = async (batch: LocalBatch): Promise<RenderJobs> => {
    const jobs = await readJobs(folder, storage);
    const pair = jobs ? await livingOf([jobs.stitch.jobId, jobs.render.jobId], batch) : [];
    if (jobs && pair.length > 0 && !wantsLess) return jobs;
    await endJobs([...pair, ...(await livingSalvages(manifest, targets.stitch.jobQueue, batch))], batch);
    const choice = chooseRetry(manifest, await findMissingFrames(manifest, folder, storage), asked);
    const wish = {
      why: 'asked',
      ...choice,
      samples,
      jobQueue: targets.render.jobQueue,
      after: jobs,
    } as const;
    const now = () => new Date();
    return (await retryRender(manifest, folder, wish, { storage, batch, now, targets })).jobs;
  };
  return runLocally({ ...options, programs, allowsScripts, submit });
}

async function livingOf(ids: readonly string[], batch: LocalBatch): Promise<string[]> {
  return (await batch.describeJobs(ids)).filter(isLiving).map(({ jobId }) => jobId);
}

async function livingSalvages(
  { renderId }: Manifest,
  jobQueue: string,
  batch: LocalBatch,
): Promise<string[]> {
  const listed = await batch.listJobs({ jobQueue, jobName: salvageJobName(renderId) });
  return listed.filter(isLiving).map(({ jobId }) => jobId);
}

/** The stitch job first, so that it does not begin when its render job ends. */
async function endJobs(ids: readonly string[], batch: LocalBatch): Promise<void> {
  for (const id of ids) await batch.terminateJob(id, REASON);
  await Promise.all(ids.map((id) => batch.wait(id)));
}
