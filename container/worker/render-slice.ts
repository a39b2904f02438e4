import { codeOf, messageOf } from '../../core/errors';
import { EXIT, exitCodeOf } from '../../core/contract/exit-codes';
import type { Manifest } from '../../core/contract/manifest';
import type { RenderCommand } from '../../core/contract/worker-command';
import { framesAt } from '../../core/render/frame-range';
import { sliceOfChild, slicePositions } from '../../core/render/slices';
import { parseLocation } from '../../core/storage/location';
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
export async function renderSlice(command: RenderCommand, context: WorkerContext): Promise<void> {
  const { storage, environment, now } = context;
  const folder = parseLocation(command.output, process.cwd());
  const manifest = await manifestForRender(command, folder, storage, now());
  const slice = Number(environment.AWS_BATCH_JOB_ARRAY_INDEX ?? 0);
  const frames = framesOfChild(manifest, slice);
  const startedAt = now().toISOString();
  const missing = await missingFrames(frames, manifest, folder, context);
  const reporter = await SliceReporter.begin(storage, folder, slice, {
    attempt: Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1),
    startedAt,
    kept: frames.length - missing.length,
  });
  const preview = new EarlyPreview(manifest, folder, slice, context);
  const run = new SliceRun(manifest, folder, slice, reporter, context, () => preview.begin());
  try {
    if (missing.length > 0) await run.render(missing, await prepareBlender(manifest, context));
  } catch (thrown) {
    // It writes into scratch, which goes with the worker.
    await preview.end();
    const error = codeOf(thrown) === 'ENOSPC' ? diskFull(context.scratch) : thrown;
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

/** Throws `no-such-slice` for a child beyond the last. */
function framesOfChild(manifest: Manifest, index: number): number[] {
  const { frames, framesPerSlice, frameCount, sliceCount, sliceOrder = 'ascending' } = manifest;
  const slice = index < sliceCount ? sliceOfChild(index, sliceCount, sliceOrder) : index;
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
    if (signal.aborted) throw stoppedError(signal);
    if (await isFrameInPlace(frame, { manifest, folder, storage })) say({ event: 'frame-kept', frame });
    else missing.push(frame);
  }
  return missing;
}
