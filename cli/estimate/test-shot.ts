import { randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeScratch } from '../../container/worker/context';
import { type FrameLook, Shower, thumbnailArgs } from '../../container/worker/video/showcase';
import { framePace, type TestedPace } from '../../core/cost/estimate';
import { chooseTestFrames, readTest, testOptions, type TestResults } from '../../core/cost/test-frames';
import { codeOf, SpotreelError } from '../../core/errors';
import { farmTargets } from '../../core/jobs/farm';
import { submitRender } from '../../core/jobs/submit';
import { renderIdOf } from '../../core/render/keys';
import type { Manifest } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import type { Render } from '../../core/render/render';
import type { Pace } from '../../core/render/slices';
import { planRender } from '../../core/scene/plan';
import { digestOfFiles, type Preflight } from '../../core/scene/findings/preflight';
import type { SceneExamination } from '../../core/scene/project/examine';
import type { RenderState } from '../../core/status/render-state';
import { removeFolder } from '../../core/storage/file-storage';
import { childUrl, formatLocation, keyUrl, type ObjectHead, type Storage } from '../../core/storage/storage';
import { FIRST_WAIT_SECONDS, nextWaitSeconds } from '../commands/watch';
import { renderReading } from '../status/describe-state';
import { hasDisplay, type Machine, threadsOf } from '../local/farm';
import { LocalRender } from '../local/render';
import type { ProgressView } from '../local/run';
import type { Meter } from '../output';
import { lookAtRender } from '../place';
import { uploadProject } from '../upload/upload';
import type { UploadView } from '../upload/upload-files';
import type { AskedFarm } from './farm';

/** Default folder of test frames, outside the renders that `status` and `list` show. */
export const ESTIMATES = 'estimates';

/** Default number of test frames. */
export const TEST_FRAMES = 3;

/** A scene, its options, and what the checks found. */
export interface Shot {
  readonly source: ObjectHead;
  readonly options: RenderOptions;
  readonly examination: SceneExamination;
  readonly checked: Preflight;
}

/** Plans the whole shot for so many slices at a time; on a farm, by its pace there. Pure. */
export function planShot(
  { source, options, examination, checked }: Shot,
  parallel: number,
  pace?: Pace,
): Manifest {
  const { url, etag, size } = source;
  return planRender({
    renderId: 'estimate',
    source: { url: formatLocation(url), etag, size },
    facts: examination.facts,
    options,
    parallel,
    pace,
    now: new Date(0),
    checked,
  });
}

/** The name of a test; it changes with everything that affects its seconds, `how` included. Pure. */
function testName({ source, checked }: Shot, options: RenderOptions, how: string): string {
  const etag = [source.etag, digestOfFiles(checked.files) ?? '', how].join('+');
  return `${renderIdOf({ source: source.url, etag, options })}-estimate`;
}

/** Rendered test frames of a shot. */
export interface ShotTest {
  readonly on: 'here' | 'farm';
  /** The render that holds the test frames. */
  readonly render: Render;
  /** Frames rendered at a time, as in a render of the whole shot. */
  readonly atATime: number;
  /** Threads per frame here, or vCPUs on the farm. */
  readonly threads: number;
  readonly results: TestResults;
  readonly pace: TestedPace;
}

/** Reads the results of a test. Throws `no-test-frame` with the first reason if all frames failed. */
async function conclude(
  test: Omit<ShotTest, 'results' | 'pace'>,
  { source }: Shot,
  plan: Manifest,
  manifest: Manifest,
  why: string | undefined,
): Promise<ShotTest> {
  const results = await readTest(test.render, manifest);
  const { frames, startSeconds, failures } = results;
  if (frames.length > 0)
    return { ...test, results, pace: { frameSeconds: framePace(frames, plan.frames), startSeconds } };
  const [first] = failures;
  const reason = why ?? (first ? `frame ${first.frame}: ${first.reason}` : 'unknown reason');
  const message = `all test frames of ${formatLocation(source.url)} failed: ${reason}`;
  throw new SpotreelError('no-test-frame', 'scene', message);
}

export interface TestHereOptions {
  /** Least number of test frames. */
  readonly testFrames: number;
  readonly machine: Machine;
  /** Folder of this machine for the folder of the test. */
  readonly output: URL;
  readonly storage: Storage;
  readonly view: ProgressView;
  readonly signal: AbortSignal;
}

/**
 * Renders test frames on this machine, with the Blenders and threads that `render` would use. The test is a render of
 * its own, so repeating it is instant. `undefined` if the user asked to stop. Throws faults of the scene, and
 * `no-test-frame`.
 */
export async function testHere(shot: Shot, options: TestHereOptions): Promise<ShotTest | undefined> {
  const { machine, output, storage, view, signal } = options;
  const { parallel } = machine;
  const plan = planShot(shot, parallel);
  const wanted = Math.min(parallel, plan.sliceCount);
  const frames = chooseTestFrames(plan, options.testFrames, wanted);
  const testing = testOptions(shot.options, frames, wanted);
  const atATime = Math.ceil(frames.length / testing.framesPerSlice!);
  const threads = shot.options.threads ?? threadsOf(machine, atATime);
  const rendering = new LocalRender({
    source: shot.source,
    examination: shot.examination,
    filesCount: true,
    output,
    options: testing,
    name: testName(shot, testing, `${parallel}x${threads}`),
    machine,
    allowsScripts: shot.options.allowScripts === true,
    storage,
    hasDisplay: hasDisplay(process.env, process.platform),
    // The findings of the whole shot are reported already.
    report: () => undefined,
    view,
  });
  const interrupt = () => rendering.interrupt();
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  try {
    const { state, render, manifest, progress } = await rendering.run();
    if (state === 'interrupted') return undefined;
    const [why] = progress.errors;
    return await conclude({ on: 'here', render, atATime, threads }, shot, plan, manifest, why);
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

export interface TestOnFarmOptions {
  readonly testFrames: number;
  readonly farm: AskedFarm;
  readonly storage: Storage;
  readonly meter: Meter;
  readonly upload: UploadView;
  readonly signal: AbortSignal;
}

/** Seconds after which the claim of a command line that was killed while submitting expires. */
const CLAIM_STALE_AFTER_SECONDS = 120;

/**
 * Submits test frames to the farm, one slice each, and waits for them. `undefined` if the user asked to stop; the
 * farm continues. Throws faults of submitting, and `no-test-frame`.
 */
export async function testOnFarm(shot: Shot, options: TestOnFarmOptions): Promise<ShotTest | undefined> {
  const { testFrames, farm, storage, meter, upload, signal } = options;
  const { description, place } = farm;
  const plan = planShot(shot, farm.parallel);
  const frames = chooseTestFrames(plan, testFrames, 1);
  const atATime = Math.min(frames.length, plan.sliceCount);
  const testing = testOptions(shot.options, frames, atATime);
  const uploads = childUrl(keyUrl('s3:', description.bucket, ''), description.uploadPrefix);
  const uploaded =
    shot.source.url.protocol === 's3:'
      ? { source: shot.source, examination: shot.examination }
      : await uploadProject(shot.source, shot.examination, uploads, storage, upload);
  const { manifest } = await submitRender(
    {
      ...uploaded,
      output: place.output,
      options: testing,
      name: testName({ ...shot, ...uploaded }, testing, 'farm'),
      reuse: 'unfailed',
      filesCount: true,
    },
    {
      ...farmTargets(description),
      hasOwnColors: description.hasOcio,
      storage,
      batch: place.batch,
      now: () => new Date(),
      claim: { owner: randomUUID(), staleAfterSeconds: CLAIM_STALE_AFTER_SECONDS },
    },
  );
  const { render, look } = await lookAtRender(manifest.renderId, place, storage);
  const state = await awaitEnd(async () => (await look()).state, meter, signal);
  meter.stop();
  if (!state) return undefined;
  const threads = shot.options.threads ?? farm.machines.renderVcpus;
  return conclude({ on: 'farm', render, atATime, threads }, shot, plan, manifest, state.reason);
}

/** Polls until the render has ended. `undefined` if the user asked to stop. */
async function awaitEnd(
  look: () => Promise<RenderState>,
  meter: Meter,
  signal: AbortSignal,
): Promise<RenderState | undefined> {
  let [waitSeconds, shown] = [FIRST_WAIT_SECONDS, ''];
  while (!signal.aborted) {
    const state = await look().catch((error: unknown) => {
      // The fault may pass until the next look.
      if (error instanceof SpotreelError && error.kind === 'passing') return undefined;
      throw error;
    });
    if (state) meter.show(renderReading(state, undefined, Date.now()));
    if (state?.ended && state.fault === undefined) return state;
    const now = JSON.stringify(state);
    waitSeconds = nextWaitSeconds(waitSeconds, { changed: now !== shown, throttled: false });
    shown = now;
    await sleep(waitSeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/**
 * Makes thumbnails of test frames in a folder of this machine. Returns those that could be made, by frame; none
 * without ffmpeg.
 */
export async function makeThumbnails(
  frames: readonly number[],
  from: Render,
  into: Render,
  look: FrameLook,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, URL>> {
  const made = new Map<number, URL>();
  const root = await mkdtemp(join(tmpdir(), 'spotreel-'));
  const scratch = await makeScratch(root);
  const context = {
    storage: from.storage,
    environment: process.env,
    scratch,
    signal,
    say: () => undefined,
    now: () => new Date(),
  };
  try {
    const show = new Shower(scratch.own, context);
    for (const frame of frames) {
      const url = into.thumbnailUrl(frame);
      const isThere = (await into.storage.head(url)) !== undefined;
      const picture =
        isThere ||
        (await show.make(`${frame}.jpg`, url, 'image/jpeg', async (path) => {
          const [file] = await show.fetch([frame], from);
          if (file) await show.ffmpeg(thumbnailArgs(file.path, path, look));
          return file !== undefined;
        }));
      if (picture) made.set(frame, url);
    }
  } catch (error) {
    if (codeOf(error) !== 'no-program') throw error;
  } finally {
    removeFolder(root);
  }
  return made;
}
