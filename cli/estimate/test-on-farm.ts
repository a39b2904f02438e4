import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { farmTargets } from '../../core/batch/farm-targets';
import { submitRender } from '../../core/batch/submit-render';
import { SpotreelError } from '../../core/errors';
import { chooseTestFrames, testOptions } from '../../core/estimate/test-frames';
import type { RenderState } from '../../core/render-state/render-state';
import { childUrl, keyUrl } from '../../core/storage/location';
import type { Storage } from '../../core/storage/storage';
import type { Meter } from '../meter';
import { lookAtRender } from '../place';
import { uploadProject } from '../upload-project';
import type { UploadView } from '../upload-files';
import { FIRST_WAIT_SECONDS, nextWaitSeconds } from '../watch-waits';
import { readingOf } from '../watch-reading';
import type { AskedFarm } from './asked-farm';
import { planShot, testName, type Shot } from './shot';
import { conclude, type ShotTest } from './test-shot';

export interface TestOnFarmOptions {
  readonly testFrames: number;
  readonly farm: AskedFarm;
  readonly storage: Storage;
  readonly meter: Meter;
  readonly upload: UploadView;
  readonly signal: AbortSignal;
}

/** After so many seconds a command line that was killed while submitting no longer stands in anyone's way. */
const CLAIM_STALE_AFTER_SECONDS = 120;

/**
 * Submits test frames of a shot to the farm, a slice each, and waits for them. `undefined` when it was asked to stop: the farm goes
 * on. Throws what keeps it from being submitted, and what `conclude` throws.
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
  const { folder, manifest } = await submitRender(
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
  const { look } = await lookAtRender(manifest.renderId, place, storage);
  const state = await awaitEnd(async () => (await look()).state, meter, signal);
  meter.stop();
  if (!state) return undefined;
  const threads = farm.machines.renderVcpus;
  return conclude({ on: 'farm', folder, atATime, threads }, shot, plan, manifest, storage, state.reason);
}

/** Looks again and again. `undefined` when it was asked to stop. */
async function awaitEnd(
  look: () => Promise<RenderState>,
  meter: Meter,
  signal: AbortSignal,
): Promise<RenderState | undefined> {
  let [waitSeconds, shown] = [FIRST_WAIT_SECONDS, ''];
  while (!signal.aborted) {
    const state = await look().catch((error: unknown) => {
      // The next look may do better.
      if (error instanceof SpotreelError && error.kind === 'passing') return undefined;
      throw error;
    });
    if (state) meter.show(readingOf(state, undefined, Date.now()));
    if (state?.ended && state.fault === undefined) return state;
    const now = JSON.stringify(state);
    waitSeconds = nextWaitSeconds(waitSeconds, { changed: now !== shown, throttled: false });
    shown = now;
    await sleep(waitSeconds * 1000, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
