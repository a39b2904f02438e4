import { countOf } from '../../core/count-words';
import { relative } from 'node:path';
import type { Spread } from '../../core/cost/prices';
import { describePrices, describeSpread } from '../../core/cost/describe-cost';
import { formatExactSeconds, formatSeconds } from '../../core/format-seconds';
import { printable, printableName } from '../../core/printable';
import { formatFrames } from '../../core/render/frame-range';
import type { Estimate } from './estimate-shot';

/** An estimate for a person: short, the figures first and what they rest on below them. */
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
      `${ofSpread(farm.wallSeconds, formatSeconds)}, ${atOnce} slices at a time of ${farm.renderVcpus} vCPUs`,
    ],
    ['machine hours', ofSpread(farm.machineSeconds, formatHours)],
    ['Spot', describeSpread(farm.cost.spot)],
    ['On-Demand', describeSpread(farm.cost.onDemand)],
    ['prices', describePrices(farm.prices)],
    ...farm.refusals.map(({ message }) => ['not on a farm', message] as const),
    ...test.failures.map(({ frame, reason }) => [`frame ${frame}`, `failed: ${reason}`] as const),
    ...picturesRow(test),
    ...estimate.assumptions.map((text, i) => [i === 0 ? 'taken so' : '', text] as const),
  ];
  const head = `${printableName(file)}: ${countOf(frameCount, 'frame')} of ${width}×${height}, ${engine}`;
  const lines = rows.map(([name, text]) => `  ${name.padEnd(15)}${text.replaceAll('\n', ' ')}`);
  return printable([head, ...lines].join('\n'));
}

/** All cameras together, one after the other here. */
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

/** As seen from here, where it lies below. */
function shorter(path: string): string {
  const seen = relative(process.cwd(), path);
  return seen.startsWith('..') ? path : seen;
}

/** They have frames' numbers as their names. */
function picturesRow({ frames }: Estimate['test']): Array<readonly [string, string]> {
  const paths = frames.flatMap(({ thumbnail }) => (thumbnail === undefined ? [] : [thumbnail]));
  return paths.map((path, i) => [i === 0 ? 'pictures' : '', shorter(path)] as const);
}
