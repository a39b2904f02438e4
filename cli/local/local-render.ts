import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encoderOf } from '../../container/worker/ffmpeg-args';
import { findProgram, blenderVersion, requireEncoder } from '../../container/worker/programs';
import type { JobTargets } from '../../core/batch/choose-targets';
import { salvageRequest } from '../../core/batch/job-requests';
import type { LocalBatch } from '../../core/batch/local/local-batch';
import {
  prepareRender,
  submitRender,
  type RenderRequest,
  type SubmitServices,
  type SubmittedRender,
} from '../../core/batch/submit-render';
import type { Finding } from '../../core/contract/finding';
import type { Gaps } from '../../core/contract/gaps';
import { videoUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { RenderOptions } from '../../core/contract/options';
import { DEFAULT_VIDEO, type VideoFormat } from '../../core/contract/video-format';
import { examineScene } from '../../core/preflight/examine-scene';
import { readGaps, readGapsSince } from '../../core/storage/read-gaps';
import { sweepPartials } from '../../core/storage/partial-file';
import { storedFrames } from '../../core/storage/stored-frames';
import { filePath } from '../../core/storage/location';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import type { ProgressView } from '../progress-view';
import { RenderProgress } from '../render-progress';
import { localTargets, openLocalFarm } from './farm';
import type { Machine } from './machine';

export interface LocalRenderOptions {
  readonly source: ObjectHead;
  /** A folder of this machine, under which the render's own folder is made. */
  readonly output: URL;
  readonly options: RenderOptions;
  readonly name?: string | undefined;
  readonly machine: Machine;
  readonly storage: Storage;
  /** Whether engines that draw on a screen have one. */
  readonly hasDisplay: boolean;
  /** Told once, before anything is rendered, what was found that is no error. */
  readonly report: (findings: readonly Finding[]) => void;
  readonly view: ProgressView;
}

/** How a local render ended. */
export interface RenderOutcome {
  readonly state: 'complete' | 'partial' | 'failed' | 'interrupted';
  /** For `partial`: the frames that the video lacks. */
  readonly gaps?: Gaps | undefined;
  readonly folder: URL;
  readonly manifest: Manifest;
  readonly progress: RenderProgress;
}

/** A render on this machine: the object-created event, the submit use case, and a local Batch that runs its jobs. */
export class LocalRender {
  private readonly interrupted = new AbortController();

  constructor(private readonly options: LocalRenderOptions) {}

  /** Stops everything; `run` then ends with `interrupted`. What is done is kept. */
  interrupt(): void {
    this.interrupted.abort();
  }

  /** Renders to the end. Throws what is wrong before any job is submitted. */
  async run(): Promise<RenderOutcome> {
    const { storage, machine, view, source, hasDisplay, report } = this.options;
    const programs = await findPrograms(process.env, this.options.options.video);
    const services = {
      storage,
      now: () => new Date(),
      ...localTargets(programs.blenderVersion, machine),
      place: 'here',
      hasDisplay,
    } as const;
    const examination = await examineScene(source.url, source.etag, storage);
    const request = { ...this.options, examination, filesCount: true };
    const { folder, manifest } = await prepareRender(request, services);
    report(manifest.findings ?? []);
    const progress = new RenderProgress(manifest.frameCount);
    const stateDirectory = filePath(new URL('.batch/', folder));
    const cacheDirectory = join(stateDirectory, 'cache');
    const farm = await openLocalFarm({
      ...programs,
      machine,
      stateDirectory,
      cacheDirectory,
      // No writer is alive, so what is half written stays so.
      tidyUp: async () => void (await sweepPartials(filePath(folder))),
      onWorkerEvent: (event, slice) => {
        progress.apply(event, slice, Date.now());
        view.show(progress);
      },
      onChildEnd: (slice) => progress.ended(slice),
    });
    const stopFarm = () => void farm.stop();
    this.interrupted.signal.addEventListener('abort', stopFarm);
    // Asked to stop while the scene was still being read.
    if (this.interrupted.signal.aborted) stopFarm();
    try {
      for (const frame of await storedFrames(manifest, folder, storage)) progress.done.add(frame);
      view.show(progress);
      const submitted = await this.submit(request, { ...services, batch: farm });
      const stitch = await farm.wait(submitted.jobs.stitch.jobId);
      if (stitch.status === 'SUCCEEDED') return { state: 'complete', folder, manifest, progress };
      return { ...(await this.salvage(submitted, farm, services)), folder, manifest, progress };
    } catch (error) {
      if (!this.interrupted.signal.aborted) throw error;
      return { state: 'interrupted', folder, manifest, progress };
    } finally {
      view.stop();
      await farm.stop();
      // Whoever stopped it may go on.
      if (!this.interrupted.signal.aborted) await rm(cacheDirectory, { recursive: true, force: true });
      this.interrupted.signal.removeEventListener('abort', stopFarm);
    }
  }

  /** A video of what is there, as the finish-render Lambda has it made on a farm; only the render job is to blame. */
  private async salvage(
    { jobs, manifest, folder }: SubmittedRender,
    farm: LocalBatch,
    { jobQueue, stitchDefinition: jobDefinition }: JobTargets,
  ): Promise<Pick<RenderOutcome, 'state' | 'gaps'>> {
    const { storage } = this.options;
    const [render] = await farm.describeJobs([jobs.render.jobId]);
    const [stitch] = await farm.describeJobs([jobs.stitch.jobId]);
    if (manifest.options.video === 'none') return { state: 'failed' };
    // One that found a frame to be bad has made a video all the same.
    if (render?.status !== 'FAILED')
      return partialOf(await readGapsSince(stitch?.createdAt, folder, storage), 'failed');
    const { jobId } = await farm.submitJob(salvageRequest(manifest, folder, { jobQueue, jobDefinition }));
    const { status } = await farm.wait(jobId);
    if (status === 'FAILED') return { state: 'failed' };
    // Every frame was there after all: the render job had failed for another reason.
    return partialOf(await readGaps(folder, storage), 'complete');
  }

  /** Jobs that have succeeded count only while what they made is still there. */
  private async submit(
    request: Omit<RenderRequest, 'reuse'>,
    services: SubmitServices,
  ): Promise<SubmittedRender> {
    const submitted = await submitRender({ ...request, reuse: 'unfailed' }, services);
    const [stitch] = await services.batch.describeJobs([submitted.jobs.stitch.jobId]);
    if (stitch?.status !== 'SUCCEEDED' || (await isComplete(submitted, services.storage))) return submitted;
    return submitRender({ ...request, reuse: 'unfinished' }, services);
  }
}

function partialOf(gaps: Gaps | undefined, otherwise: 'complete' | 'failed') {
  return gaps ? ({ state: 'partial', gaps } as const) : { state: otherwise };
}

async function findPrograms(environment: NodeJS.ProcessEnv, video: VideoFormat = DEFAULT_VIDEO) {
  const blender = findProgram('blender', environment);
  const ffmpeg = findProgram('ffmpeg', environment);
  if (video !== 'none') await requireEncoder(ffmpeg, encoderOf(video), video, environment);
  return { blender, ffmpeg, blenderVersion: await blenderVersion(blender, environment) };
}

async function isComplete({ manifest, folder }: SubmittedRender, storage: Storage): Promise<boolean> {
  const stored = await storedFrames(manifest, folder, storage);
  const { video } = manifest.options;
  if (stored.size < manifest.frameCount) return false;
  return video === 'none' || (await storage.head(videoUrl(folder, video))) !== undefined;
}
