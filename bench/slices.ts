import { tableRenderPrices } from '../core/cost/receipt';
import { usualFarm } from '../cli/estimate/farm';
import { automaticFramesPerSlice, paceFramesPerSlice, sliceFrames } from '../core/render/slices';
import { randomOf } from '../test/support/random';
import {
  ATTEMPTS,
  BOOT_SECONDS,
  FETCH_SECONDS,
  frameCosts,
  MACHINES_A_MINUTE,
  type Outcome,
  PULL_SECONDS,
  REPLACE_SECONDS,
  type Scenario,
  simulate,
  SLOTS,
  PLACE_SECONDS,
} from './simulate-farm';

const FRAMES = [250, 2_000, 100_000] as const;
const FRAME_SECONDS = [5, 120] as const;
const PARALLEL = [8, 64, 512] as const;
const SEEDS = [1, 2, 3] as const;

/** Reclaims per machine and hour. */
const RATES: ReadonlyArray<readonly [name: string, perHour: number]> = [
  ['none', 0],
  ['20 % a month', 0.2 / 720],
  ['5 % an hour', 0.05],
  ['one an hour', 1],
];
const USUAL_RATE = 0.05;

/** Seconds of a usual start. */
const START_SECONDS = 10;

/** Seconds to open a heavy scene, or that the first frames of a slice take longer. */
const SLOW_START_SECONDS = 120;

/** Test frames of `estimate` on a machine with two Blenders. */
const TEST_FRAMES = 4;

const WANTED = 0.95;

type Case = Omit<Scenario, 'seed'>;

/** Positions of the first frames of all slices. */
type Way = (scenario: Scenario, costs: Float64Array) => number[];

const fixed: Way = ({ frames, parallel }) => equalCounts(frames, automaticFramesPerSlice(frames, parallel));
const single: Way = ({ frames }) => equalCounts(frames, 1);
const planned: Way = (scenario) => equalCounts(scenario.frames, plannedSize(scenario));
/** The same number of slices, with equal sums of all frames' seconds: the best that any measurement could give. */
const knownSums: Way = (scenario, costs) =>
  equalSums(costs, sliceFrames(scenario.frames, plannedSize(scenario)).sliceCount);
/** The same with straight lines between the test frames. */
const testedSums: Way = (scenario, costs) =>
  equalSums(interpolated(costs), sliceFrames(scenario.frames, plannedSize(scenario)).sliceCount);

const plannedSize = ({ frames, parallel, frameSeconds, startSeconds }: Case): number =>
  paceFramesPerSlice(frames, parallel, { frameSeconds, startSeconds });

function equalCounts(frames: number, size: number): number[] {
  const { framesPerSlice, sliceCount } = sliceFrames(frames, size);
  return Array.from({ length: sliceCount }, (_, slice) => slice * framesPerSlice);
}

function equalSums(costs: Float64Array, count: number): number[] {
  const total = costs.reduce((sum, seconds) => sum + seconds, 0);
  const starts = [0];
  let sum = 0;
  for (const [position, seconds] of costs.entries()) {
    sum += seconds;
    if (position + 1 < costs.length && sum >= (total * starts.length) / count) starts.push(position + 1);
  }
  return starts;
}

function interpolated(costs: Float64Array): Float64Array {
  const step = (costs.length - 1) / (TEST_FRAMES - 1);
  return costs.map((_, position) => {
    const segment = Math.min(Math.floor(position / step), TEST_FRAMES - 2);
    const [from, to] = [Math.round(segment * step), Math.round((segment + 1) * step)];
    return costs[from]! + ((costs[to]! - costs[from]!) * (position - from)) / (to - from);
  });
}

/** Means of some seeds; the same seeds for every way. */
function outcomeOf(one: Case, way: Way): Outcome {
  const all = SEEDS.map((seed) => {
    const scenario = { ...one, seed };
    const costs = frameCosts(scenario, randomOf(seed));
    return simulate(scenario, costs, way(scenario, costs), randomOf(seed + 100));
  });
  const mean = (of: (outcome: Outcome) => number) =>
    all.reduce((sum, each) => sum + of(each), 0) / all.length;
  return {
    slices: mean(({ slices }) => slices),
    starts: mean(({ starts }) => starts),
    reclaims: mean(({ reclaims }) => reclaims),
    exhausted: mean(({ exhausted }) => exhausted),
    lostSeconds: mean(({ lostSeconds }) => lostSeconds),
    tailSeconds: mean(({ tailSeconds }) => tailSeconds),
    wallSeconds: mean(({ wallSeconds }) => wallSeconds),
    machineSeconds: mean(({ machineSeconds }) => machineSeconds),
    workSeconds: mean(({ workSeconds }) => workSeconds),
  };
}

const CASES: readonly Case[] = FRAMES.flatMap((frames) =>
  FRAME_SECONDS.flatMap((frameSeconds) =>
    PARALLEL.map((parallel) => ({
      frames,
      frameSeconds,
      parallel,
      startSeconds: START_SECONDS,
      reclaimsPerHour: USUAL_RATE,
    })),
  ),
);

/** Slices of equal frames, one frame, and planned seconds on a simulated farm. `say` gets the text at the end. */
export async function benchSlices(_: number, say: (text: string) => Promise<void>): Promise<void> {
  const rows = CASES.map((one) => compare(one));
  const slow = CASES.filter(({ parallel }) => parallel === 64).map((one) =>
    compare({ ...one, startSeconds: SLOW_START_SECONDS }),
  );
  await say(`## Slices

A simulation with fixed seeds, not a measurement. "Fixed" sizes follow from the number of frames, where nothing else is
known. "Planned" sizes follow from seconds per frame. "One frame" is one frame a slice, but at most 10,000 slices.

- A machine has 16 vCPUs and renders ${SLOTS} slices. Up to ${MACHINES_A_MINUTE} machines start in a minute. Each is paid from its launch:
  ${BOOT_SECONDS} s to boot, ${PULL_SECONDS} s to pull the image, ${FETCH_SECONDS} s to fetch the scene. These figures are assumed.
- AWS Batch and the container need ${PLACE_SECONDS} s for each slice (assumed). Blender and the scene need ${START_SECONDS} s more. Slow starts
  need ${SLOW_START_SECONDS} s more: for a heavy scene, or for data that Blender keeps for later frames.
- A frame takes 0.4 to 2.5 times the mean. This changes slowly along the shot, and by 15 % at random.
- Machines are reclaimed at random, without a notice. A slice keeps its stored frames, and loses its start and one
  frame. It waits behind all other slices. A new machine is launched after ${REPLACE_SECONDS} s. A farm gives up a slice after
  ${ATTEMPTS} attempts.
- By its documentation, the Spot instance advisor has bands from under 5 % to over 20 % of machines reclaimed in a
  month. The rates per hour are chosen to be harsh. Tables without another rate have ${100 * USUAL_RATE} % an hour.

Ratios compare with the fixed size at the same reclaims. Means of ${SEEDS.length} seeds; prices of the built-in table for Spot.

${tableOf(rows)}

${verdict(rows)}

With slow starts:

${tableOf(slow)}

${rateTable({ frames: 2_000, frameSeconds: 120, parallel: 64, startSeconds: START_SECONDS })}

${rateTable({ frames: 100_000, frameSeconds: 5, parallel: 512, startSeconds: START_SECONDS })}

The tail is the time from the start of the last waiting slice to the last frame. Lost work includes lost starts.

${boundsText()}`);
}

interface Row {
  readonly one: Case;
  readonly fixed: Outcome;
  readonly single: Outcome;
  readonly planned: Outcome;
}

function compare(one: Case): Row {
  const row = {
    one,
    fixed: outcomeOf(one, fixed),
    single: outcomeOf(one, single),
    planned: outcomeOf(one, planned),
  };
  process.stderr.write(`${one.frames} frames of ${one.frameSeconds} s, ${one.parallel} at a time\n`);
  return row;
}

const costRatio = ({ fixed: base, planned: other }: Row): number =>
  other.machineSeconds / base.machineSeconds;
const timeRatio = ({ fixed: base, planned: other }: Row): number => other.wallSeconds / base.wallSeconds;

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { one, fixed: base } = row;
    const ratios = (other: Outcome) =>
      `${(other.machineSeconds / base.machineSeconds).toFixed(2)} | ${(other.wallSeconds / base.wallSeconds).toFixed(2)}`;
    const each = plannedSize(one) * one.frameSeconds;
    return `| ${one.frames} × ${one.frameSeconds} s | ${one.parallel} | ${base.slices} | ${usd(base)} | ${minutes(base.wallSeconds)} | ${ratios(row.single)} | ${row.planned.slices} of ${minutes(each)} | ${ratios(row.planned)} |`;
  });
  return `| Film | Slices at a time | Fixed: slices | USD | minutes | One frame: cost | time | Planned: slices, minutes | cost | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`;
}

function verdict(rows: readonly Row[]): string {
  const good = rows.filter((row) => costRatio(row) <= WANTED);
  const others = rows.filter((row) => costRatio(row) > WANTED);
  const range = (values: readonly number[]) =>
    `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  const slower = rows.filter((row) => timeRatio(row) > 1.05);
  const later = slower.map(({ fixed: base, planned: other }) => other.wallSeconds - base.wallSeconds);
  return `Wanted: planned slices cost at most ${WANTED} of fixed ones. They do in ${good.length} of ${rows.length} rows.

- In the other ${others.length} rows they cost ${range(others.map(costRatio))} and take ${range(others.map(timeRatio))} of the time. Blender's work and the start of
  machines are most of the cost there, and slices change neither.
- In ${slower.length} rows the film takes longer, by ${minutes(Math.max(...later))} minutes at most: fewer machines start for little work.`;
}

function rateTable(one: Omit<Case, 'reclaimsPerHour'>): string {
  const lines = RATES.flatMap(([name, reclaimsPerHour]) =>
    Object.entries({ fixed, 'one frame': single, planned }).map(([way, slicesOf]) => {
      const outcome = outcomeOf({ ...one, reclaimsPerHour }, slicesOf);
      const { starts, reclaims, lostSeconds, tailSeconds, machineSeconds, exhausted } = outcome;
      const hours = (machineSeconds / 3600).toFixed(1);
      return `| ${name} | ${way} | ${whole(starts)} | ${whole(reclaims)} | ${minutes(lostSeconds)} | ${minutes(tailSeconds)} | ${hours} | ${usd(outcome)} | ${exhausted.toFixed(1)} |`;
    }),
  );
  return `${one.frames} frames of ${one.frameSeconds} s, ${one.parallel} slices at a time:

| Reclaims | Slices | Starts | Reclaimed machines | Lost work, minutes | Tail, minutes | Machine hours | USD | Slices given up |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`;
}

/** Whether slices of equal sums would pay, in place of equal numbers of frames. */
function boundsText(): string {
  const ratios = (way: Way) => {
    const pairs = CASES.map((one) => ({ base: outcomeOf(one, planned), other: outcomeOf(one, way) }));
    const cost = geometric(pairs.map(({ base, other }) => other.machineSeconds / base.machineSeconds));
    const time = geometric(pairs.map(({ base, other }) => other.wallSeconds / base.wallSeconds));
    return `${cost.toFixed(3)} | ${time.toFixed(3)}`;
  };
  return `All slices of a plan have the same number of frames, and so unequal seconds. Slices of equal seconds, compared
with these (geometric means over the first table's rows):

| Slices of equal seconds | Cost | Time |
| --- | --- | --- |
| by straight lines between ${TEST_FRAMES} test frames | ${ratios(testedSums)} |
| by the exact seconds of every frame, the most that could be known | ${ratios(knownSums)} |

Exact seconds would need a report for each slice of an earlier render. So plans keep one number of frames per slice.`;
}

const geometric = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

const { renderVcpus } = usualFarm('').machines;
const { spot } = tableRenderPrices(usualFarm('').machines, false, 'us-east-1').render;

/** By the built-in table of Spot prices. */
const usd = ({ machineSeconds }: Outcome): string =>
  ((machineSeconds / 3600) * SLOTS * renderVcpus * spot.middle).toFixed(2);
const whole = (value: number): string => value.toFixed(0);
const minutes = (seconds: number): string => (seconds / 60).toFixed(seconds < 6000 ? 1 : 0);
