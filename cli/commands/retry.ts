import { randomUUID } from 'node:crypto';
import type { Batch } from '../../core/batch/batch';
import { readJobs } from '../../core/batch/ensure-jobs';
import { retryRender } from '../../core/batch/retry-render';
import type { RenderJobs } from '../../core/contract/jobs';
import type { Manifest } from '../../core/contract/manifest';
import { SpotreelError } from '../../core/errors';
import { printable } from '../../core/printable';
import { countOf } from '../../core/count-words';
import { plannedVideo } from '../../core/render/chosen-video';
import { formatFrames } from '../../core/render/frame-range';
import { chooseRetry, type AskedFrames, type RetryChoice } from '../../core/render-state/choose-retry';
import { findMissingFrames } from '../../core/render-state/missing-frames';
import type { RenderState } from '../../core/render-state/render-state';
import { openStorage } from '../../core/storage/open-storage';
import type { Storage } from '../../core/storage/storage';
import { confirm } from '../confirm';
import { refuseChangedScene, refuseHeldElsewhere, refuseRunning } from '../jobs/check-retry';
import { findRetryTargets } from '../jobs/retry-targets';
import { hasOwnColors } from '../local/own-colors';
import { retryLocally } from '../local/local-retry';
import { divideMachine } from '../local/machine';
import { namedFrames } from '../named-frames';
import { findPlace, findRender, lookAtRender, type Place, type PlaceFlags } from '../place';
import { createProgressView } from '../progress-view';
import { describeOutcome } from '../render-outcome';
import { reportFindings } from '../report-findings';
import { listenForStop } from '../stop-signals';

export interface RetryFlags extends PlaceFlags {
  readonly frames?: string;
  readonly failed?: boolean;
  readonly samples?: number;
  readonly memory?: number;
  readonly vcpus?: number;
  readonly queue?: string;
  readonly onDemand?: boolean;
  readonly parallel?: number;
  readonly yes?: boolean;
}

/** The render, what of it is asked for, and what of that is missing. */
interface Retry {
  readonly folder: URL;
  readonly manifest: Manifest;
  /** The newest pair before it was looked at: whoever is first to follow it renders what is missing. */
  readonly jobs: RenderJobs | undefined;
  readonly asked: AskedFrames;
  readonly choice: RetryChoice;
  readonly flags: RetryFlags;
  readonly storage: Storage;
}

/** After so many seconds a command line that was killed while submitting no longer stands in anyone's way. */
const CLAIM_STALE_AFTER_SECONDS = 120;

const EXIT_CODES = { complete: 0, partial: 3, failed: 1 } as const;

/** `spotreel retry RENDERID`: renders what is missing of a render that has ended. Gives the exit code. */
export async function retryCommand(renderId: string, flags: RetryFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  refuseFlags(flags, place);
  const { folder, manifest } = await findRender(renderId, place, storage);
  const asked: AskedFrames = {
    ...(flags.frames !== undefined && { frames: namedFrames(flags.frames, manifest) }),
    ...(flags.failed && { failed: true }),
  };
  if (folder.protocol === 'file:') refuseHeldElsewhere(folder);
  // Before the look: a pair that comes after it is not one that was seen to have ended.
  const jobs = await readJobs(folder, storage);
  const { look } = await lookAtRender(renderId, place, storage);
  const { state } = await look();
  refuseRunning(state);
  const choice = chooseRetry(manifest, await findMissingFrames(manifest, folder, storage), asked);
  const nothing = nothingToDo(choice, asked, manifest, state);
  if (nothing !== undefined) {
    say(`${renderId}: ${nothing}`);
    return 0;
  }
  await refuseChangedScene(manifest, storage);
  const retry = { folder, manifest, jobs, asked, choice, flags, storage };
  return place.batch ? retryOnFarm(retry, place, place.batch) : retryHere(retry);
}

/** Throws `bad-usage` for what belongs to the other kind of place. */
function refuseFlags(flags: RetryFlags, { batch }: Place): void {
  const { memory, vcpus, queue, onDemand, parallel } = flags;
  const wrong = batch
    ? { '--parallel': parallel }
    : { '--memory': memory, '--vcpus': vcpus, '--queue': queue, '--on-demand': onDemand };
  const [given] = Object.entries(wrong).find(([, value]) => value !== undefined) ?? [];
  if (given === undefined) return;
  const where = batch
    ? 'a render of this machine; a farm has as many machines as its queue'
    : 'a farm: give --farm or -o s3://…';
  throw new SpotreelError('bad-usage', 'usage', `${given} is for ${where}`);
}

/** Why nothing is done; `undefined` where something is. */
function nothingToDo(
  { frames, partial }: RetryChoice,
  asked: AskedFrames,
  manifest: Manifest,
  { state, links }: RenderState,
): string | undefined {
  if (frames.length > 0) return undefined;
  if (partial) {
    const which = asked.failed ? 'no frame of those asked for has failed' : 'the frames asked for are there';
    return `${which}; others are missing, which "spotreel retry" without them renders`;
  }
  const isMade = plannedVideo(manifest) === 'none' || links.video !== undefined;
  return state === 'complete' && isMade
    ? 'every frame and the video are there: there is nothing to do'
    : undefined;
}

function describeChoice({ frames, slices }: RetryChoice): string {
  if (frames.length === 0) return 'every frame is there, and the video is made';
  const [count, parts] = [frames.length, slices.length];
  const what = `${countOf(count, 'frame')} in ${countOf(parts, 'slice')}`;
  return `${what} (${formatFrames(frames)})`;
}

/** Asked about what cannot be seen from the result before it is paid for. */
async function isAgreed(doubts: readonly string[], { choice, manifest, flags }: Retry): Promise<boolean> {
  say(`${manifest.renderId}: ${describeChoice(choice)}`);
  for (const doubt of doubts) say(`warning: ${doubt}`);
  if (doubts.length === 0 || flags.yes) return true;
  if (await confirm('render them so?')) return true;
  say('nothing was submitted');
  return false;
}

function samplesDoubt({ samples }: RetryFlags): string[] {
  return samples === undefined
    ? []
    : [`with ${samples} samples these frames will look different from the others`];
}

/** The variable would change the colours of a render that was planned without it. */
function colorsDoubt({ options }: Manifest): string[] {
  return options.ocio === undefined && hasOwnColors(process.env)
    ? [
        'the variable OCIO is set, and the render was planned without an OCIO configuration: these frames may look different from the others',
      ]
    : [];
}

async function retryOnFarm(retry: Retry, { farm }: Place, batch: Batch): Promise<number> {
  const { folder, manifest, jobs, choice, flags, storage } = retry;
  const found = await findRetryTargets(flags, { manifest, farm, batch, jobs });
  const { targets, jobQueue, onDemand, otherBlender } = found;
  const agreed = await isAgreed(
    [
      ...samplesDoubt(flags),
      ...(otherBlender === undefined
        ? []
        : [
            `the farm has Blender ${manifest.renderBlenderVersion} no more: these frames come from ${otherBlender}`,
          ]),
      ...(onDemand ? ['On-Demand machines cost their full price'] : []),
    ],
    retry,
  );
  if (!agreed) return 1;
  const { samples, memory, vcpus } = flags;
  const wish = {
    why: 'asked',
    ...choice,
    samples,
    memoryMib: memory,
    vcpus,
    jobQueue,
    onDemand,
    after: jobs,
  } as const;
  const claim = { owner: randomUUID(), staleAfterSeconds: CLAIM_STALE_AFTER_SECONDS };
  const services = { storage, batch, now: () => new Date(), targets, claim };
  const submitted = await retryRender(manifest, folder, wish, services);
  const { renderId } = manifest;
  if (submitted.resumed) say('a retry that was cut off while it was submitted goes on, in place of this one');
  say(`submitted as retry ${submitted.plan.number}; "spotreel watch ${renderId}" tells how it does`);
  const { render, stitch, retry: noted } = submitted.jobs;
  process.stdout.write(`${JSON.stringify(noted?.slices === 0 ? [stitch] : [render, stitch])}\n`);
  return 0;
}

async function retryHere(retry: Retry): Promise<number> {
  const { folder, manifest, asked, flags, storage } = retry;
  if (!(await isAgreed([...samplesDoubt(flags), ...colorsDoubt(manifest)], retry))) return 1;
  const startedAt = performance.now();
  const stopping = listenForStop();
  try {
    const outcome = await retryLocally({
      folder,
      manifest,
      asked,
      samples: flags.samples,
      machine: divideMachine(flags.parallel),
      storage,
      report: reportFindings,
      view: createProgressView(process.stderr, Date.now),
      signal: stopping.signal,
    });
    process.stderr.write(`${describeOutcome(outcome, (performance.now() - startedAt) / 1000)}\n`);
    return outcome.state === 'interrupted' ? stopping.exitCode() : EXIT_CODES[outcome.state];
  } finally {
    stopping.release();
  }
}

function say(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}
