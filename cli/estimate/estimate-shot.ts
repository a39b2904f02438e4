import { relative } from 'node:path';
import { findProgram } from '../../container/worker/programs';
import {
  type CostEstimate,
  estimateCost,
  estimatePlace,
  type PlaceEstimate,
  threadFactor,
} from '../../core/cost/estimate';
import { describePrices, describeSpread, type Spread, type VcpuPrices } from '../../core/cost/prices';
import { NOT_IN_COST, type RenderPrices } from '../../core/cost/receipt';
import { messageOf, SpotreelError } from '../../core/errors';
import { formatFrames } from '../../core/render/frames';
import type { Finding } from '../../core/render/manifest';
import { scriptFaults } from '../../core/render/options';
import { Render } from '../../core/render/render';
import { describeSlicing } from '../../core/render/slices';
import { preflight } from '../../core/scene/findings/preflight';
import { cacheFolder } from '../../core/storage/file-writes';
import { formatLocation, type Storage } from '../../core/storage/storage';
import {
  countOf,
  formatExactSeconds,
  formatSeconds,
  formatUsd,
  printable,
  printableName,
} from '../../core/text';
import { divideMachine, type Machine, threadsOf } from '../local/farm';
import { createProgressView } from '../local/run';
import { createMeter, describeRows } from '../output';
import { localFolder } from '../place';
import { keptDataAssumption, placeAssumption, spreadAssumption } from './assumptions';
import { type AskedFarm, type FarmSize, warmNotes } from './farm';
import {
  ESTIMATES,
  makeThumbnails,
  planShot,
  type Shot,
  type ShotTest,
  testHere,
  testOnFarm,
} from './test-shot';

/** The estimate of a shot and its basis, in seconds and US dollars. */
export interface Estimate {
  readonly file: string;
  readonly scene: string;
  readonly engine: string;
  readonly resolution: { readonly width: number; readonly height: number };
  readonly frameCount: number;
  readonly test: {
    readonly on: 'here' | 'farm';
    readonly folder: string;
    readonly atATime: number;
    readonly threads: number;
    readonly frames: ReadonlyArray<{
      readonly frame: number;
      readonly seconds: number;
      readonly thumbnail?: string;
    }>;
    readonly failures: ShotTest['results']['failures'];
  };
  /** Where the test ran; see `framePace`. */
  readonly frameSeconds: Spread;
  readonly startSeconds: number;
  readonly here: PlaceEstimate & Machine & { readonly sliceCount: number };
  readonly farm: PlaceEstimate & {
    readonly parallel: number;
    readonly renderVcpus: number;
    readonly sliceCount: number;
    /** The size of slices and why, for people. */
    readonly slices: string;
    readonly cost: CostEstimate;
    readonly prices: Pick<VcpuPrices, 'source' | 'at' | 'region'>;
    /** Why a farm would refuse the scene although it renders here. */
    readonly refusals: readonly Finding[];
  };
  /** Present if Cycles may keep data in the render and kept none in the test: the render may be cheaper. */
  readonly mayKeepData?: true;
  /** Assumptions, for people. */
  readonly assumptions: readonly string[];
}

/** Seconds until the first slice starts here: check programs, read the scene, write the plan. Measured. */
const BEGIN_SECONDS = 2;

/** Seconds until the machines of a farm run: EC2 starts them, and they pull the image. Assumed. */
const FIRST_MACHINE_SECONDS = 5 * 60;

export interface EstimateInput {
  readonly shot: Shot;
  readonly test: ShotTest;
  readonly thumbnails: ReadonlyMap<number, URL>;
  readonly machine: Machine;
  readonly farm: FarmSize;
  readonly prices: RenderPrices;
}

/** Computes the estimate of a shot from its test. Pure. */
function estimateShot({ shot, test, thumbnails, machine, farm, prices }: EstimateInput): Estimate {
  const { on, pace, threads, results } = test;
  const { renderVcpus, stitchVcpus } = farm.machines;
  const threadsThere = shot.options.threads ?? renderVcpus;
  const onGpu = shot.options.device === 'GPU';
  const factorTo = (there: number): number => (onGpu ? 1 : threadFactor(threads, there));
  const planHere = planShot(shot, machine.parallel);
  const factorThere = on === 'farm' ? 1 : factorTo(threadsThere);
  const planThere = planShot(shot, farm.parallel, {
    frameSeconds: pace.frameSeconds.middle * factorThere,
    startSeconds: pace.startSeconds,
    from: 'estimate',
  });
  const threadsHere = shot.options.threads ?? threadsOf(machine, planHere.sliceCount);
  const here = estimatePlace(pace, planHere, {
    parallel: machine.parallel,
    factor: factorTo(threadsHere),
    videoThreads: machine.parallel * machine.threads,
    leadSeconds: BEGIN_SECONDS,
  });
  const there = estimatePlace(pace, planThere, {
    parallel: farm.parallel,
    factor: factorThere,
    videoThreads: stitchVcpus,
    leadSeconds: FIRST_MACHINE_SECONDS,
  });
  const keptData = keptDataAssumption(results.frames.length, test.atATime, planHere);
  const { source, at, region, notes } = prices.render;
  const file = formatLocation(shot.source.url);
  return {
    file,
    scene: planHere.scene,
    engine: planHere.engine,
    resolution: planHere.resolution,
    frameCount: planHere.frameCount,
    test: {
      on,
      folder: test.render.location,
      atATime: test.atATime,
      threads,
      frames: results.frames.map(({ frame, seconds }) => {
        const thumbnail = thumbnails.get(frame);
        return { frame, seconds, ...(thumbnail && { thumbnail: formatLocation(thumbnail) }) };
      }),
      failures: results.failures,
    },
    frameSeconds: pace.frameSeconds,
    startSeconds: pace.startSeconds,
    here: { ...here, ...machine, threads: threadsHere, sliceCount: planHere.sliceCount },
    farm: {
      ...there,
      parallel: farm.parallel,
      renderVcpus,
      sliceCount: planThere.sliceCount,
      slices: describeSlicing(planThere),
      cost: estimateCost(there, farm.machines, prices),
      prices: { source, at, region },
      refusals: refusalsOnFarm(shot, file, farm),
    },
    ...(keptData.length > 0 && { mayKeepData: true }),
    assumptions: [
      spreadAssumption(results.frames.length),
      ...placeAssumption(test, threadsHere, threadsThere, onGpu),
      ...keptData,
      ...(shot.checked.needsOneSlice
        ? [
            'a simulation is not baked: the start includes simulating up to the last test frame; every further start, such as after a Spot interruption, simulates again',
          ]
        : []),
      `machines of a farm start within ${FIRST_MACHINE_SECONDS / 60} minutes`,
      ...farm.notes,
      ...notes,
      ...warmNotes(farm, Math.min(farm.parallel, planThere.sliceCount), prices),
      NOT_IN_COST,
    ],
  };
}

/** Faults that matter on a farm only, such as absolute paths. */
function refusalsOnFarm({ examination, options, checked }: Shot, file: string, farm: FarmSize): Finding[] {
  const placeFaults = scriptFaults(options, farm);
  const { findings } = preflight(examination, {
    file,
    options,
    place: 'farm',
    hasDisplay: false,
    hasOwnColors: farm.hasOcio,
    placeFaults,
  });
  const known = new Set(checked.findings.map(({ message }) => message));
  return findings.filter(({ severity, message }) => severity === 'error' && !known.has(message));
}

/** The estimate for a person: figures first, then assumptions. */
export function describeEstimate(estimate: Estimate): string {
  const { file, frameCount, resolution, engine, test, frameSeconds, startSeconds, here, farm } = estimate;
  const { width, height } = resolution;
  const atOnce = Math.min(farm.parallel, farm.sliceCount);
  const rows: Array<readonly [string, string]> = [
    ['tested', describeTest(test)],
    [
      'a frame',
      `${ofSpread(frameSeconds, formatExactSeconds)}, and ${formatExactSeconds(startSeconds)} for each start of Blender`,
    ],
    ['here', `${ofSpread(here.wallSeconds, formatSeconds)}, ${describeBlenders(here)}`],
    [
      'on a farm',
      `${ofSpread(farm.wallSeconds, formatSeconds)}, ${countOf(atOnce, 'slice')} at a time of ${farm.renderVcpus} vCPUs`,
    ],
    ['slices there', farm.slices],
    ['machine hours', ofSpread(farm.machineSeconds, formatHours)],
    ['Spot', describeSpread(farm.cost.spot)],
    ['On-Demand', describeSpread(farm.cost.onDemand)],
    ['prices', describePrices(farm.prices)],
    ...farm.refusals.map(({ message }) => ['not on a farm', message] as const),
    ...test.failures.map(({ frame, reason }) => [`frame ${frame}`, `failed: ${reason}`] as const),
    ...picturesRow(test),
    ...estimate.assumptions.map((text, i) => [i === 0 ? 'assumptions' : '', text] as const),
  ];
  const head = `${printableName(file)}: ${countOf(frameCount, 'frame')} of ${width}×${height}, ${engine}`;
  const lines = describeRows(rows, 15);
  return printable([head, ...lines].join('\n'));
}

/** The sum over all cameras, which render one after the other here. */
export function describeSum(estimates: readonly Estimate[]): string {
  const sum = (of: (estimate: Estimate) => Spread): Spread => ({
    low: estimates.reduce((total, one) => total + of(one).low, 0),
    middle: estimates.reduce((total, one) => total + of(one).middle, 0),
    high: estimates.reduce((total, one) => total + of(one).high, 0),
  });
  const frames = estimates.reduce((total, { frameCount }) => total + frameCount, 0);
  const here = ofSpread(
    sum(({ here: { wallSeconds } }) => wallSeconds),
    formatSeconds,
  );
  const spot = describeSpread(sum(({ farm }) => farm.cost.spot));
  return `${estimates.length} cameras: ${frames} frames, here ${here}, on Spot machines ${spot}`;
}

function describeTest({ on, atATime, frames }: Estimate['test']): string {
  const numbers = formatFrames(frames.map(({ frame }) => frame));
  const seconds = frames.map((one) => formatExactSeconds(one.seconds)).join(', ');
  const where = on === 'here' ? 'here' : 'on the farm';
  return `frames ${numbers} ${where}, ${atATime} at a time: ${seconds}`;
}

function describeBlenders({ parallel, threads, sliceCount }: Estimate['here']): string {
  const blenders = Math.min(parallel, sliceCount);
  const each = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return blenders === 1 ? `one Blender with ${each}` : `${blenders} Blenders at a time with ${each} each`;
}

/** `about 28 min 0 s (25 min 10 s to 34 min 2 s)`. */
function ofSpread({ low, middle, high }: Spread, format: (value: number) => string): string {
  const [from, about, to] = [low, middle, high].map(format);
  return from === to ? `about ${about!}` : `about ${about!} (${from!} to ${to!})`;
}

const formatHours = (seconds: number): string => (seconds / 3600).toFixed(seconds < 36_000 ? 2 : 0);

/** The path relative to the current folder if it is below it. */
function shorter(path: string): string {
  const seen = relative(process.cwd(), path);
  return seen.startsWith('..') ? path : seen;
}

/** Thumbnails are named by their frames. */
function picturesRow({ frames }: Estimate['test']): Array<readonly [string, string]> {
  const paths = frames.flatMap(({ thumbnail }) => (thumbnail === undefined ? [] : [thumbnail]));
  return paths.map((path, i) => [i === 0 ? 'pictures' : '', shorter(path)] as const);
}

export interface EstimateRequest {
  readonly shot: Shot;
  /** Farm to test on; absent to test on this machine. */
  readonly testOn?: AskedFarm;
  readonly testFrames: number;
  /** Folder of this machine for the folder of the test. */
  readonly output: URL;
  readonly machine: Machine;
  /** Called when the test is done. */
  readonly farm: Promise<FarmSize>;
  readonly pricesOf: (farm: FarmSize) => Promise<RenderPrices>;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/**
 * Tests a shot and computes its estimate; shows progress on standard error. `undefined` if the user asked to stop.
 */
export async function makeEstimate(request: EstimateRequest): Promise<Estimate | undefined> {
  const { shot, testOn, testFrames, output, machine, storage, signal, say } = request;
  const { stderr } = process;
  const common = { testFrames, storage, signal };
  const meter = createMeter(stderr, Date.now);
  const test = testOn
    ? await testOnFarm(shot, {
        ...common,
        farm: testOn,
        meter,
        upload: { say, meter, now: Date.now, cache: cacheFolder() },
      })
    : await testHere(shot, { ...common, machine, output, view: createProgressView(stderr, Date.now) });
  if (!test) return undefined;
  const into = testOn ? Render.at(output, test.render.renderId, storage) : test.render;
  const frames = test.results.frames.map(({ frame }) => frame);
  const thumbnails = await makeThumbnails(frames, test.render, into, planShot(shot, 1), signal);
  const farm = await request.farm;
  return estimateShot({ shot, test, thumbnails, machine, farm, prices: await request.pricesOf(farm) });
}

export interface CostCheck {
  /** The cap in US dollars. */
  readonly maxUsd: number;
  /** Least number of test frames; 0 for no check. */
  readonly testFrames: number;
  readonly farm: FarmSize;
  readonly prices: RenderPrices;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/**
 * Estimates the Spot cost of a shot from test frames on this machine. Throws `over-cap` if even the low value is
 * above the cap. Says so if no estimate is possible. `stopped` if the user asked to stop.
 */
export async function refuseAbove(shot: Shot, check: CostCheck): Promise<'checked' | 'stopped'> {
  const { maxUsd, testFrames, say } = check;
  if (testFrames === 0) return 'checked';
  const why = whyNoTest();
  if (why !== undefined) return unknownBeforehand(why, say);
  let estimate: Estimate | undefined;
  try {
    estimate = await makeEstimate({
      shot,
      testFrames,
      output: localFolder(ESTIMATES),
      machine: divideMachine(undefined, shot.options.threads),
      farm: Promise.resolve(check.farm),
      pricesOf: () => Promise.resolve(check.prices),
      storage: check.storage,
      signal: check.signal,
      say,
    });
  } catch (error) {
    // The farm may still render it, for example if only this Blender is too old.
    if (!(error instanceof SpotreelError) || error.code === 'no-test-frame') throw error;
    return unknownBeforehand(`the test frames could not be rendered here: ${messageOf(error)}`, say);
  }
  if (!estimate) return 'stopped';
  judge(estimate, maxUsd, formatLocation(shot.source.url), say);
  return 'checked';
}

function judge({ farm, mayKeepData }: Estimate, maxUsd: number, file: string, say: CostCheck['say']): void {
  const { spot } = farm.cost;
  if (spot.low > maxUsd) {
    const unless = mayKeepData
      ? ', unless Cycles keeps data between frames, which so few test frames do not show'
      : '';
    const message = `${file} would cost at least ${formatUsd(spot.low)} USD on Spot machines (${describeSpread(spot)})${unless}, and --max-cost is ${maxUsd}: raise it, render less (--samples, --resolution-percent, --frames), or skip this check with --test-frames 0`;
    throw new SpotreelError('over-cap', 'scene', message);
  }
  say(`estimated at ${describeSpread(spot)} on Spot machines`);
  if (spot.high > maxUsd)
    say(
      `warning: the render may reach its cap of ${formatUsd(maxUsd)} USD; the farm then stops it and keeps its frames`,
    );
}

function whyNoTest(): string | undefined {
  try {
    for (const program of ['blender', 'ffmpeg'] as const) findProgram(program, process.env);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function unknownBeforehand(why: string, say: CostCheck['say']): 'checked' {
  say(`the cost cannot be estimated beforehand (${why}); the farm enforces the cap while it renders`);
  return 'checked';
}
