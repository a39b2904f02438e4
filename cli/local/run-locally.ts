import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { salvageRequest } from '../../core/batch/job-requests';
import type { LocalBatch } from '../../core/batch/local/local-batch';
import type { Finding } from '../../core/contract/finding';
import type { Gaps } from '../../core/contract/gaps';
import type { MissingFiles } from '../../core/contract/missing-files';
import type { RenderJobs } from '../../core/contract/jobs';
import type { Manifest } from '../../core/contract/manifest';
import { codeOf } from '../../core/errors';
import { plannedVideo } from '../../core/render/chosen-video';
import { readLacking } from '../../core/render-state/render-facts';
import { localBatchFolder } from '../../core/render-state/local-holder';
import { filePath } from '../../core/storage/location';
import { sweepPartials } from '../../core/storage/partial-file';
import { readGaps, readGapsSince } from '../../core/storage/read-gaps';
import type { Storage } from '../../core/storage/storage';
import { storedFrames } from '../../core/storage/stored-frames';
import type { ProgressView } from '../progress-view';
import { RenderProgress } from '../render-progress';
import { localTargets, openLocalFarm } from './farm';
import type { LocalPrograms } from './local-programs';
import type { Machine } from './machine';
import { repairRender } from './repair-render';

/** A render on this machine whose jobs are to be run. */
export interface LocalWork {
  /** The render's own. */
  readonly folder: URL;
  readonly manifest: Manifest;
  readonly programs: LocalPrograms;
  readonly machine: Machine;
  /** Whether the scene may run its scripts. */
  readonly allowsScripts: boolean;
  readonly storage: Storage;
  readonly view: ProgressView;
  /** Told what was found in the render's folder and set right. */
  readonly report: (findings: readonly Finding[]) => void;
  /** Stops everything; what is done is kept. */
  readonly signal: AbortSignal;
  /** Gives the pair of jobs that is to be waited for. */
  readonly submit: (batch: LocalBatch) => Promise<RenderJobs>;
}

/** How a local render ended. */
export interface RenderOutcome {
  readonly state: 'complete' | 'partial' | 'failed' | 'interrupted';
  /** For `partial`: the frames and the sound that the video lacks. */
  readonly gaps?: Gaps | undefined;
  /** What frames were rendered without, as `--force` allows. */
  readonly lacking?: MissingFiles | undefined;
  readonly folder: URL;
  readonly manifest: Manifest;
  readonly progress: RenderProgress;
}

/** Opens the local Batch in the render's folder and has it run a pair of jobs to their end. Throws `locked`, and what `submit` throws. */
export async function runLocally(work: LocalWork): Promise<RenderOutcome> {
  const { folder, manifest, programs, machine, allowsScripts, storage, view, signal } = work;
  const progress = new RenderProgress(manifest.frameCount);
  const stateDirectory = localBatchFolder(folder);
  let isRepaired = false;
  const cacheDirectory = join(stateDirectory, 'cache');
  const farm = await openLocalFarm({
    ...programs,
    machine,
    allowsScripts,
    stateDirectory,
    cacheDirectory,
    // No writer is alive, so what is half written stays so.
    tidyUp: async () => {
      await sweepPartials(filePath(folder));
      if (!isRepaired) work.report(await repairRender(folder, manifest, storage));
      isRepaired = true;
    },
    onWorkerEvent: (event, slice) => {
      progress.apply(event, slice, Date.now());
      view.show(progress);
    },
    onChildEnd: (slice) => progress.ended(slice),
  });
  const stopFarm = () => void farm.stop();
  signal.addEventListener('abort', stopFarm);
  // Asked to stop while the scene was still being read.
  if (signal.aborted) stopFarm();
  let keepsCache = false;
  try {
    for (const frame of await storedFrames(manifest, folder, storage)) progress.done.add(frame);
    view.show(progress);
    const jobs = await work.submit(farm);
    const stitch = await farm.wait(jobs.stitch.jobId);
    const end =
      stitch.status === 'SUCCEEDED'
        ? partialOf(await readGapsSince(stitch.createdAt, folder, storage), 'complete')
        : await salvage(jobs, farm, work);
    return { ...end, lacking: await readLacking(folder, storage), folder, manifest, progress };
  } catch (error) {
    keepsCache = codeOf(error) === 'lock-lost';
    if (!signal.aborted) throw error;
    return { state: 'interrupted', folder, manifest, progress };
  } finally {
    view.stop();
    await farm.stop();
    // The process that stopped it may resume, and another machine may use it by now.
    if (!signal.aborted && !keepsCache) await rm(cacheDirectory, { recursive: true, force: true });
    signal.removeEventListener('abort', stopFarm);
  }
}

type End = Pick<RenderOutcome, 'state' | 'gaps'>;

/** A video of what is there, as the finish-render Lambda has it made on a farm; only the render job is to blame. */
async function salvage(
  jobs: RenderJobs,
  farm: LocalBatch,
  { folder, manifest, programs, machine, allowsScripts, storage }: LocalWork,
): Promise<End> {
  const [render] = await farm.describeJobs([jobs.render.jobId]);
  const [stitch] = await farm.describeJobs([jobs.stitch.jobId]);
  if (plannedVideo(manifest) === 'none') return { state: 'failed' };
  // One that found a frame to be bad has made a video all the same.
  if (render?.status !== 'FAILED' || jobs.retry?.slices === 0)
    return partialOf(await readGapsSince(stitch?.createdAt, folder, storage), 'failed');
  const targets = localTargets(programs.blenderVersion, machine, allowsScripts);
  const { jobQueue, stitchDefinition: jobDefinition } = targets;
  const { jobId } = await farm.submitJob(salvageRequest(manifest, folder, { jobQueue, jobDefinition }));
  const { status } = await farm.wait(jobId);
  if (status === 'FAILED') return { state: 'failed' };
  // Every frame was there after all: the render job had failed for another reason.
  return partialOf(await readGaps(folder, storage), 'complete');
}

function partialOf(gaps: Gaps | undefined, otherwise: 'complete' | 'failed'): End {
  return gaps ? { state: 'partial', gaps } : { state: otherwise };
}
