import { codeOf, messageOf, SpotreelError } from '../../core/errors';
import { EXIT, exitCodeOf, type RenderCommand } from '../../core/jobs/worker';
import { framesAt, framesOf } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import type { RetryPlan } from '../../core/render/records';
import { Render } from '../../core/render/render';
import { sliceOfChild, slicePositions } from '../../core/render/slices';
import { planRender } from '../../core/scene/plan';
import { preflight, refuseErrors } from '../../core/scene/findings/preflight';
import { examineScene } from '../../core/scene/project/examine';
import { formatLocation, parseLocation, type Storage, StorageError } from '../../core/storage/storage';
import { prepareBlender } from './blender/prepare';
import { pullSeconds, stoppedError, type WorkerContext } from './context';
import { isFrameInPlace } from './frames/delivery';
import { diskFull, type SliceFindings, SliceReporter, SliceRun } from './slice-run';
import { EarlyPreview } from './video/showcase';

/** The work of one child of a render job or of a retry's job. */
interface ChildWork {
  /** Array index in the render's first array job; the name of the report. */
  readonly slice: number;
  /** Absent in the first pair of jobs. */
  readonly retry?: RetryPlan;
}

/** From the command and the variables that AWS Batch sets. Throws `no-such-slice`, `not-found`, `bad-retry`. */
export async function childWork(
  { retry: number, output }: RenderCommand,
  { AWS_BATCH_JOB_ARRAY_INDEX }: Readonly<Record<string, string | undefined>>,
  storage: Storage,
): Promise<ChildWork> {
  const index = Number(AWS_BATCH_JOB_ARRAY_INDEX ?? 0);
  if (number === undefined) return { slice: index };
  const retry = await Render.in(parseLocation(output, process.cwd()), storage).retry(number).require();
  const [slice] = framesAt(retry.slices, index, index);
  if (slice !== undefined) return { slice, retry };
  const message = `retry ${number} of ${output} has no slice for array index ${index}`;
  throw new SpotreelError('no-such-slice', 'usage', message);
}

/**
 * `render`: renders the frames of one slice that are not in storage yet. It checks and stores each as soon as it is saved.
 * Throws `frames-failed` and `files-missing` (scene) if frames were given up, `blender-failed` if Blender cannot open the
 * scene, `disk-full` (passing), `stopped` on request, and storage's errors.
 */
export async function renderSlice(
  command: RenderCommand,
  { slice, retry }: ChildWork,
  context: WorkerContext,
): Promise<void> {
  const { storage, environment, now } = context;
  const render = Render.in(parseLocation(command.output, process.cwd()), storage);
  const manifest = asRetried(await manifestForRender(command, render, now()), retry);
  const frames = framesOfChild(manifest, slice, retry);
  const startedAt = now().toISOString();
  const missing = await missingFrames(frames, manifest, render, context);
  // These frames are tried again, so their earlier failures no longer count.
  if (retry) for (const frame of missing) await render.failure(frame).delete();
  const reporter = await SliceReporter.begin(render, slice, {
    attempt: Number(environment.AWS_BATCH_JOB_ATTEMPT ?? 1),
    startedAt,
    kept: frames.length - missing.length,
    pullSeconds: await pullSeconds(environment),
    ...(retry?.onDemand && { onDemand: true }),
    vcpus: retry?.vcpus,
    samples: retry?.samples,
    memoryMib: retry?.memoryMib,
  });
  const preview = new EarlyPreview(manifest, render, slice, context);
  const run = new SliceRun(manifest, render, slice, reporter, context, () => {
    if (!retry) preview.begin();
  });
  try {
    if (missing.length > 0) await run.run(missing, await prepareBlender(manifest, context));
  } catch (thrown) {
    // The preview writes to scratch, which is removed with the worker.
    await preview.end();
    const error = codeOf(thrown) === 'ENOSPC' ? diskFull(context.scratch.own) : thrown;
    const end = { ...ending(now, run.figures), exitCode: exitCodeOf(error), reason: messageOf(error) };
    // Report the first error. Failing storage may be that error, and then this write fails too.
    await reporter.end(end).catch(() => undefined);
    throw error;
  }
  await preview.end();
  await reporter.end({ ...ending(now, run.figures), exitCode: EXIT.done.code });
}

function ending(now: WorkerContext['now'], { dropped, peakMemoryBytes }: SliceFindings) {
  return {
    stoppedAt: now().toISOString(),
    dropped,
    // Node gives kilobytes: https://nodejs.org/api/process.html#processresourceusage
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    blenderPeakMemoryBytes: peakMemoryBytes,
  };
}

/** The plan with the changes of a retry. */
function asRetried(manifest: Manifest, { samples }: Partial<RetryPlan> = {}): Manifest {
  return samples === undefined ? manifest : { ...manifest, options: { ...manifest.options, samples } };
}

/** The frames of a slice; in a retry, those to render again. Throws `no-such-slice` for a child beyond the last. */
function framesOfChild(manifest: Manifest, index: number, retry: RetryPlan | undefined): number[] {
  const { frames, framesPerSlice, frameCount, sliceCount, sliceOrder = 'ascending' } = manifest;
  const slice = index < sliceCount ? sliceOfChild(index, sliceCount, sliceOrder) : index;
  const { first, last } = slicePositions(slice, framesPerSlice, frameCount);
  const all = framesAt(frames, first, last);
  if (!retry) return all;
  const wanted = new Set(framesOf(retry.frames));
  return all.filter((frame) => wanted.has(frame));
}

/** The frames that are missing or damaged in storage. */
async function missingFrames(
  frames: readonly number[],
  manifest: Manifest,
  render: Render,
  { signal, say }: WorkerContext,
): Promise<number[]> {
  const missing: number[] = [];
  for (const frame of frames) {
    if (signal.aborted) throw stoppedError(signal);
    if (await isFrameInPlace(frame, { manifest, render })) say({ event: 'frame-kept', frame });
    else missing.push(frame);
  }
  return missing;
}

/**
 * The plan of a `render` command: the submitted plan, else (a job submitted by hand) one made here from the `.blend`. Throws
 * `bad-usage` if the figures of the plan and the command differ.
 */
async function manifestForRender(command: RenderCommand, render: Render, now: Date): Promise<Manifest> {
  const manifest = (await render.manifest.read()) ?? (await planByHand(command, render, now));
  checkFigure('-t', command.totalFrames, manifest.frameCount, 'frames');
  checkFigure(
    '-f',
    Math.min(command.framesPerSlice, manifest.frameCount),
    manifest.framesPerSlice,
    'frames a slice',
  );
  return manifest;
}

async function planByHand(
  { input, framesPerSlice }: RenderCommand,
  render: Render,
  now: Date,
): Promise<Manifest> {
  const { storage } = render;
  const url = parseLocation(input, process.cwd());
  const head = await storage.head(url);
  if (!head) throw new StorageError('not-found', url, `the scene ${input} does not exist; check -i`);
  const examination = await examineScene(url, head.etag, storage);
  const options = { framesPerSlice };
  const file = formatLocation(url);
  const place = url.protocol === 'file:' ? 'here' : 'farm';
  const checked = preflight(examination, {
    file,
    options,
    place,
    hasDisplay: false,
    hasOwnColors: Boolean(process.env.OCIO),
  });
  refuseErrors(checked, file);
  const manifest = planRender({
    renderId: render.renderId || 'render',
    source: { url: file, etag: head.etag, size: head.size },
    facts: examination.facts,
    options,
    parallel: 1,
    now,
    checked,
  });
  // All children make the same plan. Storage keeps the first, and the stitch job reads it.
  return render.manifest.create(manifest);
}

function checkFigure(flag: string, given: number, planned: number, unit: string): void {
  if (given === planned) return;
  throw new SpotreelError(
    'bad-usage',
    'usage',
    `${flag} is ${given} ${unit}, but the render's plan has ${planned}; pass the figure of the plan`,
  );
}
