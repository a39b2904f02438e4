import { NOT_IN_COST, type RenderPrices } from '../../core/cost/render-cost';
import type { Spread, VcpuPrices } from '../../core/cost/prices';
import type { Finding } from '../../core/contract/finding';
import { estimateCost, type CostEstimate } from '../../core/estimate/estimate-cost';
import { estimatePlace, threadFactor, type PlaceEstimate } from '../../core/estimate/estimate-place';
import { preflight } from '../../core/preflight/preflight';
import { formatLocation } from '../../core/storage/location';
import { scriptFaults } from '../../core/contract/options';
import type { Machine } from '../local/machine';
import type { FarmSize } from './asked-farm';
import { planShot, type Shot } from './shot';
import type { ShotTest } from './test-shot';

/** What a shot would take and cost, and how it was found out. Seconds and US dollars. */
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
  /** Where it was tested; see `framePace`. */
  readonly frameSeconds: Spread;
  readonly startSeconds: number;
  readonly here: PlaceEstimate & Machine & { readonly sliceCount: number };
  readonly farm: PlaceEstimate & {
    readonly parallel: number;
    readonly renderVcpus: number;
    readonly sliceCount: number;
    readonly cost: CostEstimate;
    readonly prices: Pick<VcpuPrices, 'source' | 'at' | 'region'>;
    /** For what it would be refused there, though it can be rendered here. */
    readonly refusals: readonly Finding[];
  };
  /** What all this takes for granted, for people. */
  readonly assumptions: readonly string[];
}

/** Here the first slice begins after so many seconds: programs are looked at, the scene is read, the plan is written. Measured. */
const BEGIN_SECONDS = 2;

/** A farm's machines are there after so many seconds: EC2 starts them, and they pull the image. Assumed, and not measured. */
const FIRST_MACHINE_SECONDS = 5 * 60;

export interface EstimateInput {
  readonly shot: Shot;
  readonly test: ShotTest;
  readonly thumbnails: ReadonlyMap<number, URL>;
  readonly machine: Machine;
  readonly farm: FarmSize;
  readonly prices: RenderPrices;
}

/** From a test to all of the shot, here and on a farm: pure. */
export function estimateShot({ shot, test, thumbnails, machine, farm, prices }: EstimateInput): Estimate {
  const { on, pace, threads, results } = test;
  const { renderVcpus, stitchVcpus } = farm.machines;
  const onGpu = shot.options.device === 'GPU';
  const factorTo = (there: number): number => (onGpu ? 1 : threadFactor(threads, there));
  const planHere = planShot(shot, machine.parallel);
  const planThere = planShot(shot, farm.parallel);
  const here = estimatePlace(pace, planHere, {
    parallel: machine.parallel,
    factor: on === 'here' ? 1 : factorTo(machine.threads),
    videoThreads: machine.parallel * machine.threads,
    leadSeconds: BEGIN_SECONDS,
  });
  const there = estimatePlace(pace, planThere, {
    parallel: farm.parallel,
    factor: on === 'farm' ? 1 : factorTo(renderVcpus),
    videoThreads: stitchVcpus,
    leadSeconds: FIRST_MACHINE_SECONDS,
  });
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
      folder: formatLocation(test.folder),
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
    here: { ...here, ...machine, sliceCount: planHere.sliceCount },
    farm: {
      ...there,
      parallel: farm.parallel,
      renderVcpus,
      sliceCount: planThere.sliceCount,
      cost: estimateCost(there, farm.machines, prices),
      prices: { source, at, region },
      refusals: refusalsOnFarm(shot, file, farm),
    },
    assumptions: [
      spreadAssumption(results.frames.length),
      ...placeAssumption(test, machine, renderVcpus, onGpu),
      ...(shot.checked.needsOneSlice
        ? [
            'a simulation is not baked: the test stepped through it up to its last frame, and that time counts as part of the start; another start, such as after a Spot interruption, steps again',
          ]
        : []),
      `machines of a farm have started after ${FIRST_MACHINE_SECONDS / 60} minutes`,
      ...farm.notes,
      ...notes,
      NOT_IN_COST,
    ],
  };
}

function spreadAssumption(count: number): string {
  if (count === 1)
    return 'one frame tells nothing of how far others are from it: low and high are a tenth off, as much as the same work may differ';
  return `low and high: all frames like the quickest and like the slowest of the ${count} that were tested, and a tenth off, as much as the same work may differ; one that is unlike all of them was not seen`;
}

function placeAssumption(
  { on, threads }: ShotTest,
  machine: Machine,
  vcpus: number,
  onGpu: boolean,
): string[] {
  if (onGpu) return ['a GPU of the farm is as quick as the one that tested'];
  const there = on === 'here' ? vcpus : machine.threads;
  const where = on === 'here' ? 'on a farm' : 'here';
  const more = on === 'here' ? '; --on-farm measures it' : '';
  return [
    `a frame takes ${(threads / there).toFixed(2)} times as long ${where}: ${threads} of its threads against ${there}, a vCPU being one${more}`,
  ];
}

/** What keeps a scene from a farm alone, such as absolute paths. */
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
