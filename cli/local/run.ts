import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../core/errors';
import { salvageRequest } from '../../core/jobs/pair';
import type { WorkerEvent } from '../../core/jobs/worker';
import type { LocalBatch } from '../../core/local-batch/local-batch';
import { formatFrames } from '../../core/render/frames';
import type { Finding, Manifest } from '../../core/render/manifest';
import type { Gaps, MissingFiles, RenderJobs } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { plannedVideo } from '../../core/scene/plan';
import { sweepPartials } from '../../core/storage/file-writes';
import { filePath } from '../../core/storage/storage';
import { countOf, formatSeconds } from '../../core/text';
import { createMeter } from '../output';
import { findToOpen, type ToOpen } from '../place';
import { type LocalPrograms, localTargets, type Machine, openLocalFarm } from './farm';
import { repairRender } from './repair';

/** How far a render is: what its workers' events add up to. */
export class RenderProgress {
  /** Frames that are whole in storage. */
  readonly done = new Set<number>();
  /** Frames given up, and why. */
  readonly failed = new Map<number, { readonly reason: string; readonly missing?: readonly string[] }>();
  /** Why workers ended badly, each reason once. */
  readonly errors = new Set<string>();
  /** What the video lacks, each once by its message. */
  readonly warnings = new Map<string, Finding>();
  /** Frames of the video that are encoded; `undefined` while frames still render. */
  stitched: number | undefined;
  /** By slice, the frame that its Blender is at, and the part of it that is done, 0 to 1. */
  private readonly current = new Map<number, { readonly frame: number; readonly part?: number }>();
  private storedNow = 0;
  private firstStart: number | undefined;

  constructor(readonly total: number) {}

  /** Takes in one event of the worker of a slice; `at` in milliseconds. */
  apply(event: WorkerEvent, slice: number, at: number): void {
    switch (event.event) {
      case 'frame-started':
        this.firstStart ??= at;
        this.current.set(slice, { frame: event.frame });
        // It was there, but not whole.
        this.done.delete(event.frame);
        break;
      case 'frame-progress':
        this.current.set(slice, { frame: event.frame, part: event.sample / event.samples });
        break;
      case 'frame-stored':
        this.storedNow += 1;
        this.finish(event.frame, slice);
        break;
      case 'frame-kept':
        this.finish(event.frame, slice);
        break;
      case 'frame-failed':
        if (event.final) this.failed.set(event.frame, { reason: event.reason, missing: event.missing });
        break;
      case 'stitching':
        this.stitched = event.frames;
        break;
      case 'error':
        this.errors.add(event.message);
        break;
      case 'warning':
        this.warnings.set(event.message, { code: event.code, severity: 'warning', message: event.message });
        break;
      case 'output':
        break;
    }
  }

  private finish(frame: number, slice: number): void {
    this.done.add(frame);
    this.failed.delete(frame);
    if (this.current.get(slice)?.frame === frame) this.current.delete(slice);
  }

  /** The child of a slice has ended. */
  ended(slice: number): void {
    this.current.delete(slice);
  }

  /** Frames that are being rendered, in order, each with the part of it that is done where Blender says. */
  frames(): ReadonlyArray<{ readonly frame: number; readonly part?: number }> {
    return [...this.current.values()].toSorted((a, b) => a.frame - b.frame);
  }

  /** Seconds until the last frame, from the pace of this run; `undefined` before its first frame. */
  secondsLeft(at: number): number | undefined {
    if (this.firstStart === undefined || this.storedNow === 0) return undefined;
    const left = this.total - this.done.size - this.failed.size;
    return ((at - this.firstStart) / 1000 / this.storedNow) * left;
  }
}

/** Shows how far a render is on standard error. */
export interface ProgressView {
  show(progress: RenderProgress): void;
  stop(): void;
}

export function createProgressView(stream: NodeJS.WriteStream, now: () => number): ProgressView {
  const meter = createMeter(stream, now);
  return {
    show: (progress) => {
      const { total, done } = progress;
      const count = `${done.size} of ${countOf(total, 'frame')}`;
      meter.show({ total, done: done.size, count, note: describeProgress(progress, now()) });
    },
    stop: () => meter.stop(),
  };
}

/** What goes on now, in a few words. */
export function describeProgress(progress: RenderProgress, at: number): string {
  if (progress.stitched !== undefined)
    return `video: ${progress.stitched} of ${countOf(progress.total, 'frame')}`;
  if (progress.done.size + progress.failed.size >= progress.total) return 'no frames left';
  const frames = progress.frames();
  const parts = [frames.length > 0 ? `rendering ${describeFrames(frames)}` : 'starting Blender'];
  if (progress.failed.size > 0) parts.push(`${progress.failed.size} failed`);
  const left = progress.secondsLeft(at);
  if (left !== undefined) parts.push(`about ${formatSeconds(left)} left`);
  return parts.join(', ');
}

/** `3-5`, or `3 (40 %), 17` once a frame takes long enough for Blender to say how far it is. */
function describeFrames(frames: ReturnType<RenderProgress['frames']>): string {
  if (frames.every(({ part }) => part === undefined)) return formatFrames(frames.map(({ frame }) => frame));
  return frames
    .map(({ frame, part }) => (part === undefined ? `${frame}` : `${frame} (${Math.floor(part * 100)} %)`))
    .join(', ');
}

/** A render on this machine whose jobs are to be run. */
export interface LocalWork {
  readonly render: Render;
  readonly manifest: Manifest;
  readonly programs: LocalPrograms;
  readonly machine: Machine;
  /** Whether the scene may run its scripts. */
  readonly allowsScripts: boolean;
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
  readonly gaps?: Gaps;
  /** What frames were rendered without, as `--force` allows. */
  readonly lacking?: MissingFiles;
  readonly render: Render;
  readonly manifest: Manifest;
  readonly progress: RenderProgress;
  readonly toOpen?: ToOpen;
}

/** Opens the local Batch in the render's folder and has it run a pair of jobs to their end. Throws `locked`, and what `submit` throws. */
export async function runLocally(work: LocalWork): Promise<RenderOutcome> {
  const { render, manifest, programs, machine, allowsScripts, view, signal } = work;
  const progress = new RenderProgress(manifest.frameCount);
  const stateDirectory = render.localBatchFolder;
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
      await sweepPartials(filePath(render.folder));
      if (!isRepaired) work.report(await repairRender(render, manifest));
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
    for (const frame of await render.storedFrames(manifest)) progress.done.add(frame);
    view.show(progress);
    const jobs = await work.submit(farm);
    const stitch = await farm.wait(jobs.stitch.jobId);
    const end =
      stitch.status === 'SUCCEEDED'
        ? partialOf(await render.gapsSince(stitch.createdAt), 'complete')
        : await salvage(jobs, farm, work);
    const toOpen = await findToOpen(render, manifest.frameCount);
    return { ...end, lacking: await render.missingFiles.readIfValid(), render, manifest, progress, toOpen };
  } catch (error) {
    keepsCache = codeOf(error) === 'lock-lost';
    if (!signal.aborted) throw error;
    return { state: 'interrupted', render, manifest, progress };
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
  { render, manifest, programs, machine, allowsScripts }: LocalWork,
): Promise<End> {
  const [renderJob] = await farm.describeJobs([jobs.render.jobId]);
  const [stitch] = await farm.describeJobs([jobs.stitch.jobId]);
  if (plannedVideo(manifest) === 'none') return { state: 'failed' };
  // One that found a frame to be bad has made a video all the same.
  if (renderJob?.status !== 'FAILED' || jobs.retry?.kind === 'video')
    return partialOf(await render.gapsSince(stitch?.createdAt), 'failed');
  const targets = localTargets(programs.blenderVersion, machine, allowsScripts);
  const { jobQueue, stitchDefinition: jobDefinition } = targets;
  const { jobId } = await farm.submitJob(salvageRequest(render, manifest, { jobQueue, jobDefinition }));
  const { status } = await farm.wait(jobId);
  if (status === 'FAILED') return { state: 'failed' };
  // Every frame was there after all: the render job had failed for another reason.
  return partialOf(await render.gaps.read(), 'complete');
}

function partialOf(gaps: Gaps | undefined, otherwise: 'complete' | 'failed'): End {
  return gaps ? { state: 'partial', gaps } : { state: otherwise };
}
