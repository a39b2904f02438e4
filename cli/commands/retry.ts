import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { SpotreelError } from '../../core/errors';
import type { Batch } from '../../core/jobs/batch';
import { retryRender } from '../../core/jobs/retry';
import { findRetryTargets } from '../../core/jobs/retry-targets';
import { inUse } from '../../core/local-batch/lock';
import { formatFrames } from '../../core/render/frames';
import type { Manifest } from '../../core/render/manifest';
import type { RenderJobs } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import { type AskedFrames, chooseRetry, type RetryChoice } from '../../core/render/slices';
import { plannedVideo } from '../../core/scene/plan';
import { localHolder } from '../../core/status/facts';
import type { RenderState } from '../../core/status/render-state';
import { openStorage } from '../../core/storage/open-storage';
import { parseLocation, type Storage } from '../../core/storage/storage';
import { countOf } from '../../core/text';
import {
  explain,
  renderOption,
  type Run,
  wholeNumber,
  withMachineOptions,
  withPlaceOptions,
  withRenderId,
} from '../help';
import { divideMachine, hasOwnColors } from '../local/farm';
import { describeOutcome, outcomeJson, retryLocally } from '../local/render';
import { createProgressView } from '../local/run';
import { confirm, listenForStop, print, reportFindings, say } from '../output';
import {
  findPlace,
  findRender,
  formatPlace,
  lookAtRender,
  namedFrames,
  type Place,
  type PlaceFlags,
} from '../place';

/** Throws `running` if the render has not ended, or if AWS Batch does not answer. */
function refuseRunning({ renderId, state, ended, fault }: RenderState): void {
  if (ended) return;
  const message =
    fault === undefined
      ? `${renderId} has not ended (${state}): wait for it, or stop it first (spotreel cancel ${renderId})`
      : `cannot determine whether ${renderId} has ended: ${fault}`;
  throw new SpotreelError('running', fault === undefined ? 'usage' : 'passing', message);
}

/** Throws `locked` while a process of another machine uses the render's folder. */
function refuseHeldElsewhere(render: Render): void {
  const holder = localHolder(render);
  if (holder && !holder.isHere) throw inUse(render.localBatchFolder, holder);
}

/** Throws `scene-changed` if the scene differs from the one that was planned. */
async function refuseChangedScene({ renderId, source }: Manifest, storage: Storage): Promise<void> {
  const head = await storage.head(parseLocation(source.url, process.cwd()));
  if (head?.etag === source.etag) return;
  const message = head
    ? `${source.url} has changed since ${renderId} was planned: restore that file, or render the changed scene as a new render`
    : `${source.url} is missing: restore it, or run "spotreel render" with its new path to resume ${renderId}`;
  throw new SpotreelError('scene-changed', 'usage', message);
}

interface RetryFlags extends PlaceFlags {
  readonly frames?: string;
  readonly failed?: boolean;
  readonly samples?: number;
  readonly memory?: number;
  readonly vcpus?: number;
  readonly queue?: string;
  readonly onDemand?: boolean;
  readonly parallel?: number;
  readonly threads?: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** A render, the requested frames, and those that are missing. */
interface Retry {
  readonly render: Render;
  readonly manifest: Manifest;
  /** The newest pair of jobs before the check: the first retry that follows it renders the missing frames. */
  readonly jobs: RenderJobs | undefined;
  readonly asked: AskedFrames;
  readonly choice: RetryChoice;
  readonly flags: RetryFlags;
}

/** Seconds after which the claim of a command line that was killed while submitting expires. */
const CLAIM_STALE_AFTER_SECONDS = 120;

const EXIT_CODES = { complete: 0, partial: 3, failed: 1 } as const;

/** `spotreel retry RENDERID`: renders the missing frames of a render that has ended. Returns the exit code. */
export async function retryCommand(renderId: string, flags: RetryFlags): Promise<number> {
  const storage = openStorage();
  const place = await findPlace(flags);
  refuseFlags(flags, place);
  const { render, manifest } = await findRender(renderId, place, storage);
  const asked: AskedFrames = {
    ...(flags.frames !== undefined && { frames: namedFrames(flags.frames, manifest) }),
    ...(flags.failed && { failed: true }),
  };
  if (render.folder.protocol === 'file:') refuseHeldElsewhere(render);
  // Read before the check: a pair of jobs that appears later was not seen to end.
  const jobs = await render.jobs.readIfValid();
  const { look } = await lookAtRender(renderId, place, storage);
  const { state } = await look();
  refuseRunning(state);
  const choice = chooseRetry(manifest, await render.missingFrames(manifest), asked);
  const nothing = nothingToDo(choice, asked, manifest, state);
  if (nothing !== undefined) {
    say(`${renderId}: ${nothing}`);
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ renderId, state: 'unchanged', reason: nothing })}\n`);
    return 0;
  }
  await refuseChangedScene(manifest, storage);
  const retry = { render, manifest, jobs, asked, choice, flags };
  return place.batch ? retryOnFarm(retry, place, place.batch) : retryHere(retry);
}

/** Throws `bad-usage` for flags of the other kind of place. */
function refuseFlags(flags: RetryFlags, { batch }: Place): void {
  const { memory, vcpus, queue, onDemand, parallel, threads } = flags;
  const wrong = batch
    ? { '--parallel': parallel, '--threads': threads }
    : { '--memory': memory, '--vcpus': vcpus, '--queue': queue, '--on-demand': onDemand };
  const [given] = Object.entries(wrong).find(([, value]) => value !== undefined) ?? [];
  if (given === undefined) return;
  const where = batch
    ? 'a render of this machine; a farm has as many machines as its queue'
    : 'a farm: give --farm or -o s3://…';
  throw new SpotreelError('bad-usage', 'usage', `${given} is for ${where}`);
}

/** Why there is nothing to do; `undefined` if there is. */
function nothingToDo(
  { frames, partial }: RetryChoice,
  asked: AskedFrames,
  manifest: Manifest,
  { state, links }: RenderState,
): string | undefined {
  if (frames.length > 0) return undefined;
  if (partial) {
    const which = asked.failed
      ? 'none of the requested frames has failed'
      : 'the requested frames are complete';
    return `${which}; "spotreel retry" without --frames and --failed renders the other missing frames`;
  }
  const isMade = plannedVideo(manifest) === 'none' || links.video !== undefined;
  return state === 'complete' && isMade ? 'every frame and the video are complete: nothing to do' : undefined;
}

function describeChoice({ frames, slices }: RetryChoice): string {
  if (frames.length === 0) return 'every frame is complete; only the video is made';
  const [count, parts] = [frames.length, slices.length];
  const what = `${countOf(count, 'frame')} in ${countOf(parts, 'slice')}`;
  return `${what} (${formatFrames(frames)})`;
}

/** Asks for confirmation if the result may look different or cost more. */
async function isAgreed(doubts: readonly string[], { choice, manifest, flags }: Retry): Promise<boolean> {
  say(`${manifest.renderId}: ${describeChoice(choice)}`);
  for (const doubt of doubts) say(`warning: ${doubt}`);
  if (doubts.length === 0 || flags.yes) return true;
  if (await confirm('render these frames anyway?')) return true;
  say('nothing was submitted');
  return false;
}

function samplesDoubt({ samples }: RetryFlags): string[] {
  return samples === undefined
    ? []
    : [`with ${samples} samples these frames will look different from the others`];
}

/** The variable OCIO would change the colours of a render that was planned without it. */
function colorsDoubt({ options }: Manifest): string[] {
  return options.ocio === undefined && hasOwnColors(process.env)
    ? [
        'the variable OCIO is set, and the render was planned without an OCIO configuration: these frames may look different from the others',
      ]
    : [];
}

async function retryOnFarm(retry: Retry, { farm }: Place, batch: Batch): Promise<number> {
  const { render: known, manifest, jobs: newest, choice, flags } = retry;
  const found = await findRetryTargets(flags, { manifest, farm, batch, jobs: newest });
  const { targets, jobQueue, onDemand, otherBlender } = found;
  const agreed = await isAgreed(
    [
      ...samplesDoubt(flags),
      ...(otherBlender === undefined
        ? []
        : [
            `the farm no longer has Blender ${manifest.renderBlenderVersion}: these frames come from ${otherBlender}`,
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
    after: newest,
  } as const;
  const claim = { owner: randomUUID(), staleAfterSeconds: CLAIM_STALE_AFTER_SECONDS };
  const services = { batch, now: () => new Date(), targets, claim };
  const submitted = await retryRender(known, manifest, wish, services);
  const { renderId } = manifest;
  if (submitted.resumed)
    say('resumed an earlier retry that was interrupted while submitting, instead of starting this one');
  say(
    `submitted as retry ${submitted.plan.number}; "spotreel watch ${renderId}${formatPlace(flags)}" shows its progress`,
  );
  const { render, stitch, retry: noted } = submitted.jobs;
  const jobs = noted?.kind === 'video' ? [stitch] : [render, stitch];
  const result = flags.json ? { renderId, state: 'submitted', retry: submitted.plan.number, jobs } : jobs;
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return 0;
}

async function retryHere(retry: Retry): Promise<number> {
  const { render, manifest, asked, flags } = retry;
  if (!(await isAgreed([...samplesDoubt(flags), ...colorsDoubt(manifest)], retry))) return 1;
  const startedAt = performance.now();
  const stopping = listenForStop();
  try {
    const outcome = await retryLocally({
      render,
      manifest,
      asked,
      samples: flags.samples,
      machine: divideMachine(flags.parallel, flags.threads),
      report: reportFindings,
      view: createProgressView(process.stderr, Date.now),
      signal: stopping.signal,
    });
    const seconds = (performance.now() - startedAt) / 1000;
    print(describeOutcome(outcome, seconds), process.stderr);
    if (flags.json) process.stdout.write(`${JSON.stringify(outcomeJson(outcome, seconds))}\n`);
    return outcome.state === 'interrupted' ? stopping.exitCode() : EXIT_CODES[outcome.state];
  } finally {
    stopping.release();
  }
}

export function addRetry(command: Command, run: Run): void {
  withRenderId(command)
    .addOption(renderOption('frames', 'render only these missing frames, such as 1-10,20,30-50x2'))
    .option('--failed', 'render only frames that failed')
    .addOption(
      renderOption(
        'samples',
        'samples per pixel, for frames that ran out of memory or time; these frames will look different',
      ),
    )
    .option('--memory <mib>', 'memory of a slice in MiB (farm only)', wholeNumber)
    .option('--vcpus <n>', 'vCPUs of a slice (farm only)', wholeNumber)
    .option('--queue <name>', "job queue (farm only; default: the farm's)")
    .option('--on-demand', "use the farm's On-Demand machines at full price (farm only)")
    .option('-y, --yes', 'do not ask for confirmation')
    .option('--json', 'print the result as one JSON object')
    .action((renderId: string, flags: RetryFlags) => run(async () => retryCommand(renderId, flags)));
  withMachineOptions(command).addOption(renderOption('threads'));
  explain(withPlaceOptions(command), {
    notes:
      'Complete frames are never rendered again. If only the video is missing, retry makes the video. ' +
      'If frames are still missing at the end, the video has gaps. ' +
      'On a farm, retry prints one line of JSON with the answers of AWS Batch. ' +
      'On a farm, retry refuses --memory and --vcpus that fit no machine of the queue. ' +
      '--samples and --on-demand ask for confirmation. ' +
      '--parallel and --threads are for renders of this machine only.',
    exitCodes: [
      [0, 'submitted to the farm, complete on this machine, or nothing to do'],
      [1, 'failed, or not confirmed'],
      [2, 'wrong usage, or the render still runs'],
      [
        3,
        'this machine: frames or sound are missing; output.partial.mp4 repeats neighbouring frames instead',
      ],
      [130, 'this machine: interrupted'],
    ],
    examples: [
      'spotreel retry shot-1a2b3c4d',
      'spotreel retry shot-1a2b3c4d --failed --memory 30000 --vcpus 8   frames that ran out of memory',
      'spotreel retry shot-1a2b3c4d --frames 1-10,20 --on-demand --yes',
    ],
  });
}
