import { codeOf, messageOf } from '../../core/errors';
import { EXIT, exitCodeOf } from '../../core/contract/exit-codes';
import { failureUrl } from '../../core/contract/keys';
import type { Manifest } from '../../core/contract/manifest';
import type { RetryPlan } from '../../core/contract/retry-plan';
import type { RenderCommand } from '../../core/contract/worker-command';
import { framesAt, framesOf } from '../../core/render/frame-range';
import { sliceOfChild, slicePositions } from '../../core/render/slices';
import { parseLocation } from '../../core/storage/location';
import type { ChildWork } from './child-work';
import { diskFull } from './disk-space';
import { EarlyPreview } from './early-preview';
import { isFrameInPlace } from './frame-delivery';
import { stoppedError } from './interruption';
import { manifestForRender } from './load-manifest';
import { prepareBlender } from './prepare-blender';
import { SliceReporter } from './slice-reporter';
import { SliceRun, type SliceFigures } from './slice-run';
import type { WorkerContext } from './worker-context';

/**
 * `render`: renders the frames of one slice that are not in storage yet, and stores each as soon as it is saved and
 * checked. Throws `frames-failed` and `files-missing` (scene) when frames were given up, `blender-failed` when Blender
 * can't open the scene, `disk-full` (passing), `stopped` when asked to stop; storage's errors pass through.
 */
export async function renderSlice(
  command: RenderCommand,
  { slice, retry }: ChildWork,
  context: WorkerContext,
): Promise<void> {
  const { storage, environment, now } = context;
  const folder = parseLocation(command.output, process.cwd());
  const manifest = asRetried(await manifestForRender(command, folder, storage, now()), retry);
  const frames = framesOfChild(manifest, slice, retry);
  const startedAt = now().toISOString();
  const missing = await missingFrames(frames, manifest, folder, context);
  // They are tried anew: what befell them before says nothing of what becomes of them now.
  if (retry) for (const frame of missing) await storage.delete(failureUrl(folder, frame));
  const reporter = await SliceReporter.begin(storage, folder, slice, {
    attempt: Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1),
    startedAt,
    kept: frames.length - missing.length,
    ...(retry?.onDemand && { onDemand: true }),
    ...(retry?.vcpus !== undefined && { vcpus: retry.vcpus }),
  });
  const preview = new EarlyPreview(manifest, folder, slice, context);
  const run = new SliceRun(manifest, folder, slice, reporter, context, () => {
    if (!retry) preview.begin();
  });
  try {
    if (missing.length > 0) await run.render(missing, await prepareBlender(manifest, context));
  } catch (thrown) {
    // It writes into scratch, which goes with the worker.
    await preview.end();
    const error = codeOf(thrown) === 'ENOSPC' ? diskFull(context.scratch.own) : thrown;
    const end = { ...ending(now, run.figures), exitCode: exitCodeOf(error), reason: messageOf(error) };
    // The first fault is the one to report; storage that fails may be that very fault.
    await reporter.end(end).catch(() => undefined);
    throw error;
  }
  await preview.end();
  await reporter.end({ ...ending(now, run.figures), exitCode: EXIT.done.code });
}

function ending(now: WorkerContext['now'], { dropped, peakMemoryBytes }: SliceFigures) {
  return {
    stoppedAt: now().toISOString(),
    ...(dropped && { dropped }),
    // Node gives kilobytes: https://nodejs.org/api/process.html#processresourceusage
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    ...(peakMemoryBytes !== undefined && { blenderPeakMemoryBytes: peakMemoryBytes }),
  };
}

/** What a retry changes of the plan. */
function asRetried(manifest: Manifest, { samples }: Partial<RetryPlan> = {}): Manifest {
  return samples === undefined ? manifest : { ...manifest, options: { ...manifest.options, samples } };
}

/** All of a slice, or what of it is to be rendered once more. Throws `no-such-slice` for a child beyond the last. */
function framesOfChild(manifest: Manifest, index: number, retry: RetryPlan | undefined): number[] {
  const { frames, framesPerSlice, frameCount, sliceCount, sliceOrder = 'ascending' } = manifest;
  const slice = index < sliceCount ? sliceOfChild(index, sliceCount, sliceOrder) : index;
  const { first, last } = slicePositions(slice, framesPerSlice, frameCount);
  const all = framesAt(frames, first, last);
  if (!retry) return all;
  const wanted = new Set(framesOf(retry.frames));
  return all.filter((frame) => wanted.has(frame));
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
    if (signal.aborted) throw stoppedError(signal);
    if (await isFrameInPlace(frame, { manifest, folder, storage })) say({ event: 'frame-kept', frame });
    else missing.push(frame);
  }
  return missing;
}
