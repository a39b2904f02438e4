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

/** The progress of a render, from the events of its workers. */
export class RenderProgress {
  /** Frames that are complete in storage. */
  readonly done = new Set<number>();
  /** Failed frames and the reasons. */
  readonly failed = new Map<number, { readonly reason: string; readonly missing?: readonly string[] }>();
  /** Faults of workers, each once. */
  readonly errors = new Set<string>();
  /** Warnings about the video, each once by its message. */
  readonly warnings = new Map<string, Finding>();
  /** Encoded frames of the video; `undefined` while frames render. */
  stitched: number | undefined;
  /** By slice: the current frame of its Blender and the finished part of it, 0 to 1. */
  private readonly current = new Map<number, { readonly frame: number; readonly part?: number }>();
  private storedNow = 0;
  private firstStart: number | undefined;

  constructor(readonly total: number) {}

  /** Whether no frame and no video was made: the render was finished before. */
  isIdle(): boolean {
    return this.storedNow === 0 && this.stitched === undefined;
  }

  /** Adds an event of the worker of a slice; `at` in milliseconds. */
  apply(event: WorkerEvent, slice: number, at: number): void {
    switch (event.event) {
      case 'frame-started':
        this.firstStart ??= at;
        this.current.set(slice, { frame: event.frame });
        // A stored frame was damaged.
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

  /** Ends the slice of a child job. */
  ended(slice: number): void {
    this.current.delete(slice);
  }

  /** Frames that render now, in order, with the finished part if Blender reports it. */
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

/** Shows the progress of a render on standard error. */
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

/** The current work in a few words. */
export function describeProgress(progress: RenderProgress, at: number): string {
  if (progress.stitched !== undefined)
    return `video: ${progress.stitched} of ${countOf(progress.total, 'frame')}`;
  if (progress.done.size + progress.failed.size >= progress.total)
    return progress.failed.size > 0 ? 'no frames left' : 'every frame is finished';
  const frames = progress.frames();
  const parts = [frames.length > 0 ? `rendering ${describeFrames(frames)}` : 'starting Blender'];
  if (progress.failed.size > 0) parts.push(`${progress.failed.size} failed`);
  const left = progress.secondsLeft(at);
  if (left !== undefined) parts.push(`about ${formatSeconds(left)} left`);
  return parts.join(', ');
}

/** `3-5`, or `3 (40 %), 17` once frames take long enough for Blender to report progress. */
function describeFrames(frames: ReturnType<RenderProgress['frames']>): string {
  if (frames.every(({ part }) => part === undefined)) return formatFrames(frames.map(({ frame }) => frame));
  return frames
    .map(({ frame, part }) => (part === undefined ? `${frame}` : `${frame} (${Math.floor(part * 100)} %)`))
    .join(', ');
}

/** A local render whose jobs are to be run. */
export interface LocalWork {
  readonly render: Render;
  readonly manifest: Manifest;
  readonly programs: LocalPrograms;
  readonly machine: Machine;
  /** Whether the scene may run its scripts. */
  readonly allowsScripts: boolean;
  readonly view: ProgressView;
  /** Gets the repairs of the render's folder. */
  readonly report: (findings: readonly Finding[]) => void;
  /** Stops the render and keeps its frames. */
  readonly signal: AbortSignal;
  /** Returns the pair of jobs to wait for. */
  readonly submit: (batch: LocalBatch) => Promise<RenderJobs>;
}

/** The outcome of a local render. */
export interface RenderOutcome {
  readonly state: 'complete' | 'partial' | 'failed' | 'interrupted';
  /** For `partial`: missing frames and sound of the video. */
  readonly gaps?: Gaps;
  /** Files that frames were rendered without, as `--force` allows. */
  readonly lacking?: MissingFiles;
  readonly render: Render;
  readonly manifest: Manifest;
  readonly progress: RenderProgress;
  readonly toOpen?: ToOpen;
}

/** Runs a pair of jobs in the render's local Batch to their end. Throws `locked`, and what `submit` throws. */
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
    // No process writes here now, so partial files are left over.
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
  // The user asked to stop while the scene was read.
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
    // A stopped render may resume with these files; after a lost lock, another machine may use them.
    if (!signal.aborted && !keepsCache) await rm(cacheDirectory, { recursive: true, force: true });
    signal.removeEventListener('abort', stopFarm);
  }
}

type End = Pick<RenderOutcome, 'state' | 'gaps'>;

/** Makes a video of the stored frames, as the finish-render Lambda does, if only the render job failed. */
async function salvage(
  jobs: RenderJobs,
  farm: LocalBatch,
  { render, manifest, programs, machine, allowsScripts }: LocalWork,
): Promise<End> {
  const [renderJob] = await farm.describeJobs([jobs.render.jobId]);
  const [stitch] = await farm.describeJobs([jobs.stitch.jobId]);
  if (plannedVideo(manifest) === 'none') return { state: 'failed' };
  // A stitch job that found a bad frame has still made a video.
  if (renderJob?.status !== 'FAILED' || jobs.retry?.kind === 'video')
    return partialOf(await render.gapsSince(stitch?.createdAt), 'failed');
  const targets = localTargets(programs.blenderVersion, machine, allowsScripts);
  const { jobQueue, stitchDefinition: jobDefinition } = targets;
  const { jobId } = await farm.submitJob(salvageRequest(render, manifest, { jobQueue, jobDefinition }));
  const { status } = await farm.wait(jobId);
  if (status === 'FAILED') return { state: 'failed' };
  // Every frame is stored: the render job failed for another reason.
  return partialOf(await render.gaps.read(), 'complete');
}

function partialOf(gaps: Gaps | undefined, otherwise: 'complete' | 'failed'): End {
  return gaps ? { state: 'partial', gaps } : { state: otherwise };
}
