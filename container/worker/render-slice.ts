import { SpotreelError, messageOf } from '../../core/errors';
import type { FrameFailure } from '../../core/contract/failure';
import { EXIT, exitCodeOf } from '../../core/contract/exit-codes';
import { failureUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { RenderCommand } from '../../core/contract/worker-command';
import { formatFrames, framesAt } from '../../core/render/frame-range';
import { slicePositions } from '../../core/render/slices';
import { parseLocation } from '../../core/storage/location';
import { deliverFrame, isFrameInPlace, type Delivery } from './frame-delivery';
import { manifestForRender } from './load-manifest';
import { prepareBlender, type PreparedBlender } from './prepare-blender';
import { renderFrames, type FramesResult } from './render-frames';
import { SliceReporter } from './slice-reporter';
import { stoppedError, type WorkerContext } from './worker-context';

/** How often a frame is tried before it is given up, and Blender's start before the slice is. */
const MOST_TRIES = 2;

/**
 * `render`: renders the frames of one slice that are not in storage yet, and stores each as soon as it is saved and
 * checked. Throws `frames-failed` (scene) when frames were given up, `blender-failed` when Blender can't open the
 * scene, `stopped` when asked to stop; storage's errors pass through.
 */
export async function renderSlice(command: RenderCommand, context: WorkerContext): Promise<void> {
  const { storage, environment, now } = context;
  const folder = parseLocation(command.output, process.cwd());
  const manifest = await manifestForRender(command, folder, storage, now());
  const slice = Number(environment.AWS_BATCH_JOB_ARRAY_INDEX ?? 0);
  const frames = framesOfSlice(manifest, slice);
  const startedAt = now().toISOString();
  const missing = await missingFrames(frames, manifest, folder, context);
  const reporter = await SliceReporter.begin(storage, folder, slice, {
    attempt: Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1),
    startedAt,
    kept: frames.length - missing.length,
  });
  try {
    if (missing.length > 0) await new SliceRun(manifest, folder, slice, reporter, context).render(missing);
  } catch (error) {
    const end = { ...ending(now), exitCode: exitCodeOf(error), reason: messageOf(error) };
    // The first fault is the one to report; storage that fails may be that very fault.
    await reporter.end(end).catch(() => undefined);
    throw error;
  }
  await reporter.end({ ...ending(now), exitCode: EXIT.done.code });
}

function ending(now: WorkerContext['now']) {
  // Node gives kilobytes: https://nodejs.org/api/process.html#processresourceusage
  return { stoppedAt: now().toISOString(), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
}

function framesOfSlice({ frames, framesPerSlice, frameCount }: Manifest, slice: number): number[] {
  const { first, last } = slicePositions(slice, framesPerSlice, frameCount);
  return framesAt(frames, first, last);
}

/** The frames that are not whole in storage. */
async function missingFrames(
  frames: readonly number[],
  manifest: Manifest,
  folder: URL,
  { storage, signal, say }: WorkerContext,
): Promise<number[]> {
  const missing: number[] = [];
  for (const frame of frames) {
    if (signal.aborted) throw stoppedError();
    if (await isFrameInPlace(frame, { manifest, folder, storage })) say({ event: 'frame-kept', frame });
    else missing.push(frame);
  }
  return missing;
}

/** The rendering of one slice, over as many Blenders as its frames make necessary. */
class SliceRun {
  private readonly stored = new Set<number>();
  private readonly givenUp = new Set<number>();
  private readonly tries = new Map<number, number>();

  constructor(
    private readonly manifest: Manifest,
    private readonly folder: URL,
    private readonly slice: number,
    private readonly reporter: SliceReporter,
    private readonly context: WorkerContext,
  ) {}

  async render(frames: readonly number[]): Promise<void> {
    const prepared = await prepareBlender(this.manifest, this.context);
    let pending = frames;
    let fruitless = 0;
    while (pending.length > 0) {
      const { failed, unusable } = await this.runBlender(pending, prepared);
      if (this.context.signal.aborted) throw stoppedError();
      for (const [frame, reason] of failed) await this.frameFailed(frame, reason);
      const left = pending.filter((frame) => !this.stored.has(frame) && !this.givenUp.has(frame));
      fruitless = left.length === pending.length && failed.size === 0 ? fruitless + 1 : 0;
      if (fruitless >= MOST_TRIES) throw this.blenderFault(unusable);
      pending = left;
    }
    if (this.givenUp.size > 0) throw this.framesFault();
  }

  private runBlender(frames: readonly number[], prepared: PreparedBlender): Promise<FramesResult> {
    const { say, signal } = this.context;
    const onOutput = (line: string) => say({ event: 'output', program: 'blender', line });
    return renderFrames({
      frames,
      signal,
      directory: prepared.directory,
      blender: { ...prepared, onOutput },
      started: (frame) => say({ event: 'frame-started', frame }),
      deliver: (frame, path, seconds) => this.deliver(frame, path, seconds),
    });
  }

  private async deliver(frame: number, path: string, seconds: number): Promise<Delivery> {
    const { storage, say, now } = this.context;
    const delivery = await deliverFrame(frame, path, {
      manifest: this.manifest,
      folder: this.folder,
      storage,
    });
    if ('bytes' in delivery) {
      this.stored.add(frame);
      say({ event: 'frame-stored', frame, seconds });
      await this.reporter.stored({ frame, seconds, storedAt: now().toISOString(), bytes: delivery.bytes });
    }
    return delivery;
  }

  private async frameFailed(frame: number, reason: string): Promise<void> {
    const tries = (this.tries.get(frame) ?? 0) + 1;
    this.tries.set(frame, tries);
    const final = tries >= MOST_TRIES;
    this.context.say({ event: 'frame-failed', frame, reason, final });
    if (!final) return;
    this.givenUp.add(frame);
    const failedAt = this.context.now().toISOString();
    const failure: FrameFailure = { version: 1, frame, slice: this.slice, tries, reason, failedAt };
    await this.context.storage.put(failureUrl(this.folder, frame), JSON.stringify(failure));
    await this.reporter.failed(frame);
  }

  private blenderFault(reason = 'it ended without a word'): SpotreelError {
    const message = `Blender could not render ${this.manifest.source.url}: ${reason}`;
    return new SpotreelError('blender-failed', 'scene', message);
  }

  private framesFault(): SpotreelError {
    const frames = formatFrames([...this.givenUp].toSorted((a, b) => a - b));
    const message = `frames that failed ${MOST_TRIES} times: ${frames}; failures/ holds the reasons`;
    return new SpotreelError('frames-failed', 'scene', message);
  }
}
