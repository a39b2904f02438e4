import type { Manifest } from '../render/manifest';
import type { Machines, Tags } from '../render/options';
import type { SliceAttempt, StitchRecord } from '../render/records';
import {
  type KeptDataFigures,
  type Quartiles,
  quartilesOf,
  reportFigures,
  type SliceRecords,
  type StartFigures,
  type Stretch,
} from '../render/slice-figures';
import { type MachinePool, type Spread, tablePrices, type VcpuPrices } from './prices';

/** Machine time of slices, in seconds of one job each. */
export interface SliceUsage {
  /** Seconds on Spot machines and on On-Demand machines. */
  readonly spotSeconds: number;
  readonly onDemandSeconds: number;
  /**
   * The part of that time whose jobs had other vCPUs than the farm's slices, by their number. A retry can ask for
   * that.
   */
  readonly resized?: readonly ResizedUsage[];
}

interface ResizedUsage {
  readonly vcpus: number;
  readonly spotSeconds: number;
  readonly onDemandSeconds: number;
}

/** Machine time of a render. */
export interface MachineUsage extends SliceUsage {
  /** Seconds of the jobs that made the video. */
  readonly stitchSeconds: number;
}

/** Prices of the machines of one render. */
export interface RenderPrices {
  /** For a slice, with a GPU if the render asks for one, and for the stitch job. */
  readonly render: VcpuPrices;
  readonly stitch: VcpuPrices;
}

/** The estimated cost of a render, in US dollars; not the bill (see `NOT_IN_COST`). */
export interface RenderCost {
  readonly usd: Spread;
  readonly spot: Spread;
  readonly onDemand: Spread;
  readonly stitch: Spread;
  readonly prices: Pick<VcpuPrices, 'source' | 'at' | 'region' | 'notes'>;
}

/** Costs that the estimate excludes, for people. */
export const NOT_IN_COST =
  'not included: starts of machines, parts of machines that no job uses, machines that wait for a job (warmMinutes), disks, public addresses, storage, requests, logs, transfer, tax';

/** Machines of slices and of the stitch job. Both are empty if a render asks for GPUs and the farm has none. Pure. */
export function machinePools(machines: Machines, onGpu: boolean): Record<keyof RenderPrices, MachinePool> {
  const { renderVcpus, stitchVcpus, instanceTypes, gpuInstanceTypes = [] } = machines;
  const { renderMemoryMib, stitchMemoryMib } = machines;
  return {
    render: onGpu
      ? { instanceTypes: gpuInstanceTypes, vcpus: renderVcpus, gpu: true }
      : { instanceTypes, vcpus: renderVcpus, memoryMib: renderMemoryMib, gpu: false },
    stitch: { instanceTypes, vcpus: stitchVcpus, memoryMib: stitchMemoryMib, gpu: false },
  };
}

/** Prices of the built-in table for a render: pure. */
export function tableRenderPrices(machines: Machines, onGpu: boolean, region: string): RenderPrices {
  const { render, stitch } = machinePools(machines, onGpu);
  return { render: tablePrices(render, region), stitch: tablePrices(stitch, region) };
}

/** The cost of this machine time. The job that makes the video runs on Spot machines. Pure. */
export function renderCost(
  usage: MachineUsage,
  { renderVcpus, stitchVcpus }: Pick<Machines, 'renderVcpus' | 'stitchVcpus'>,
  prices: RenderPrices,
): RenderCost {
  const { source, at, region } = prices.render;
  const { resized = [] } = usage;
  const vcpuHours = (kind: 'spotSeconds' | 'onDemandSeconds'): number =>
    resized.reduce(
      (sum, one) => sum + hours(one[kind]) * (one.vcpus - renderVcpus),
      hours(usage[kind]) * renderVcpus,
    );
  const spot = scaled(prices.render.spot, vcpuHours('spotSeconds'));
  const onDemand = scaled(prices.render.onDemand, vcpuHours('onDemandSeconds'));
  const stitch = scaled(prices.stitch.spot, hours(usage.stitchSeconds) * stitchVcpus);
  return {
    usd: plus(plus(spot, onDemand), stitch),
    spot,
    onDemand,
    stitch,
    prices: { source, at, region, notes: [...new Set([...prices.render.notes, ...prices.stitch.notes])] },
  };
}

const hours = (seconds: number): number => seconds / 3600;

function scaled({ low, middle, high }: Spread, factor: number): Spread {
  return { low: low * factor, middle: middle * factor, high: high * factor };
}

function plus(a: Spread, b: Spread): Spread {
  return { low: a.low + b.low, middle: a.middle + b.middle, high: a.high + b.high };
}

/** A time that a machine was in use, in milliseconds since 1970. */
export type HeldTime = Pick<Stretch, 'from' | 'to' | 'onDemand' | 'vcpus'>;

/** Machine time of a render that has ended. Pure. */
export function machineUsage(stretches: readonly HeldTime[], stitch: StitchRecord | undefined): MachineUsage {
  return { ...sliceUsage(stretches), stitchSeconds: stitchSeconds(stitch) };
}

/** Machine time of these attempts. Pure. */
export function sliceUsage(times: readonly HeldTime[]): SliceUsage {
  return addUsage(
    times.map(({ from, to, onDemand, vcpus }) => {
      const seconds = (to - from) / 1000;
      const usage = { spotSeconds: onDemand ? 0 : seconds, onDemandSeconds: onDemand ? seconds : 0 };
      return vcpus === undefined ? usage : { ...usage, resized: [{ vcpus, ...usage }] };
    }),
  );
}

export function addUsage(all: readonly SliceUsage[]): SliceUsage {
  let [spotSeconds, onDemandSeconds] = [0, 0];
  const resized = new Map<number, ResizedUsage>();
  for (const one of all) {
    spotSeconds += one.spotSeconds;
    onDemandSeconds += one.onDemandSeconds;
    for (const { vcpus, ...seconds } of one.resized ?? []) {
      const before = resized.get(vcpus);
      resized.set(vcpus, {
        vcpus,
        spotSeconds: seconds.spotSeconds + (before?.spotSeconds ?? 0),
        onDemandSeconds: seconds.onDemandSeconds + (before?.onDemandSeconds ?? 0),
      });
    }
  }
  return {
    spotSeconds,
    onDemandSeconds,
    ...(resized.size > 0 && { resized: [...resized.values()] }),
  };
}

/** The record as if a running attempt had just ended. Pure. */
export function untilNow({ version, attempts }: StitchRecord, now: Date): StitchRecord {
  const ended = attempts.map((attempt, i) =>
    i === attempts.length - 1 ? { stoppedAt: now.toISOString(), ...attempt } : attempt,
  );
  return { version, attempts: ended };
}

/** Seconds of the jobs that made the video. An attempt without an end counts 0. Pure. */
export function stitchSeconds(record: StitchRecord | undefined): number {
  return (record?.attempts ?? []).reduce((sum, { startedAt, stoppedAt = startedAt }) => {
    return sum + Math.max(0, (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000);
  }, 0);
}

/**
 * `receipt.json`: time and cost of a render. Seconds are rounded to tenths, shares to thousandths. For 10,000 slices, AWS Batch's limit, the
 * file has about 200 KB.
 */
export interface Receipt {
  readonly version: 1;
  readonly renderId: string;
  /** When the receipt was made, ISO 8601. */
  readonly at: string;
  /** The scene. */
  readonly source: string;
  /** Cost allocation tags. */
  readonly tags: Tags;
  readonly frames: {
    readonly total: number;
    /** Frames in storage. */
    readonly stored: number;
    /** Frames rendered on On-Demand machines. */
    readonly onDemand: number;
  };
  readonly attempts: number;
  /** Attempts that were stopped or lost with their machine. */
  readonly interruptions: number;
  readonly machineSeconds: {
    readonly total: number;
    /** Parts of `total`: slices, slices on On-Demand machines, and the jobs that made the video. */
    readonly slices: number;
    readonly onDemand: number;
    readonly stitch: number;
    /** Parts of `slices`: interrupted attempts, and their time that is in no stored frame. */
    readonly interrupted: number;
    readonly lost: number;
  };
  /** Slices that a retry rendered with other memory than the farm's slices have; absent without any. */
  readonly retriedMemory?: {
    readonly slices: number;
    /** The most memory of one slice. */
    readonly memoryMib: number;
    /** Part of `machineSeconds.slices`. */
    readonly machineSeconds: number;
  };
  /** Time before Blender could begin a frame; absent in receipts of earlier versions. */
  readonly starts?: StartFigures;
  /** Blender's seconds that kept data saved, and in how many slices they were off; absent if no slice kept any. */
  readonly keptData?: KeptDataFigures;
  /** Blender's time per frame; absent without frames. */
  readonly frameSeconds?: Quartiles & {
    readonly slowest: { readonly frame: number; readonly seconds: number };
  };
  /** Columns with an entry for each slice, ascending; 0 for a slice that never began. */
  readonly slices: {
    readonly machineSeconds: readonly number[];
    readonly lostSeconds: readonly number[];
    readonly attempts: readonly number[];
  };
  /** Absent without paid machines, or if the machines are unknown. */
  readonly cost?: RenderCost;
}

export interface ReceiptInput extends Pick<SliceRecords, 'slices'> {
  readonly manifest: Pick<Manifest, 'renderId' | 'source' | 'tags' | 'frameCount' | 'sliceCount'>;
  /** Frames in storage. */
  readonly stored: number;
  readonly stitch: StitchRecord | undefined;
  /** Whether no slice runs any more. An attempt without a known end was interrupted then. */
  readonly ended: boolean;
  /** The cost of machine time; `undefined` without paid machines, or if the machines are unknown. */
  readonly costOf: (usage: MachineUsage) => RenderCost | undefined;
  readonly at: Date;
}

/** The receipt of a render up to now. Pure. */
export function makeReceipt(input: ReceiptInput): Receipt {
  const { manifest, slices, stored, stitch, ended, costOf, at } = input;
  const { renderId, source, tags = {}, frameCount, sliceCount } = manifest;
  const { frames, stretches, starts, keptData } = reportFigures({ slices });
  const going = new Set(ended ? [] : slices.flatMap(({ slice, attempts }) => openAttempt(slice, attempts)));
  const interrupted = stretches.filter((one) => wasInterrupted(one) && !going.has(keyOf(one)));
  const usage = machineUsage(stretches, stitch);
  const cost = costOf(usage);
  const sliceSeconds = usage.spotSeconds + usage.onDemandSeconds;
  const slowest = frames.reduce<(typeof frames)[number] | undefined>(
    (most, one) => (most && most.seconds >= one.seconds ? most : one),
    undefined,
  );
  const quartiles = quartilesOf(frames.map(({ seconds }) => seconds).toSorted((a, b) => a - b));
  return {
    version: 1,
    renderId,
    at: at.toISOString(),
    source: source.url,
    tags,
    frames: { total: frameCount, stored, onDemand: framesOnDemand(slices) },
    attempts: stretches.length,
    interruptions: interrupted.length,
    machineSeconds: {
      total: tenths(sliceSeconds + usage.stitchSeconds),
      slices: tenths(sliceSeconds),
      onDemand: tenths(usage.onDemandSeconds),
      stitch: tenths(usage.stitchSeconds),
      interrupted: tenths(sum(interrupted.map(secondsOf))),
      lost: tenths(sum(interrupted.map(lostSeconds))),
    },
    ...memoryOf(stretches),
    ...(starts && { starts: roundedStarts(starts) }),
    ...(keptData && { keptData: { ...keptData, savedSeconds: tenths(keptData.savedSeconds) } }),
    ...(quartiles && slowest && { frameSeconds: { ...quartiles, slowest } }),
    slices: columnsOf(stretches, interrupted, sliceCount),
    ...(cost && { cost }),
  };
}

function roundedStarts({ seconds, share, pullSeconds }: StartFigures): StartFigures {
  const pulls = pullSeconds !== undefined && { pullSeconds: tenths(pullSeconds) };
  return { seconds: tenths(seconds), share: Math.round(share * 1000) / 1000, ...pulls };
}

function memoryOf(stretches: readonly Stretch[]): Pick<Receipt, 'retriedMemory'> {
  const those = stretches.filter(({ memoryMib }) => memoryMib !== undefined);
  if (those.length === 0) return {};
  const retriedMemory = {
    slices: new Set(those.map(({ slice }) => slice)).size,
    memoryMib: those.reduce((most, { memoryMib = 0 }) => Math.max(most, memoryMib), 0),
    machineSeconds: tenths(sum(those.map(secondsOf))),
  };
  return { retriedMemory };
}

function columnsOf(
  stretches: readonly Stretch[],
  interrupted: readonly Stretch[],
  sliceCount: number,
): Receipt['slices'] {
  const column = (those: readonly Stretch[], valueOf: (stretch: Stretch) => number): number[] => {
    const values = Array.from({ length: sliceCount }, () => 0);
    // A report of a slice that is not in the plan comes from elsewhere.
    for (const one of those) if (one.slice < sliceCount) values[one.slice]! += valueOf(one);
    return values.map(tenths);
  };
  return {
    machineSeconds: column(stretches, secondsOf),
    lostSeconds: column(interrupted, lostSeconds),
    attempts: column(stretches, () => 1),
  };
}

/** The latest attempt of a slice if its end is unknown, by its `keyOf`. */
function openAttempt(slice: number, attempts: readonly SliceAttempt[]): string[] {
  const latest = attempts.at(-1);
  if (!latest || latest.exitCode !== undefined) return [];
  return [`${slice} ${Date.parse(latest.startedAt)}`];
}

/** Attempt numbers repeat when a job is submitted again. */
const keyOf = ({ slice, from }: Stretch): string => `${slice} ${from}`;

/** The last rendering of a frame counts. */
function framesOnDemand(slices: ReceiptInput['slices']): number {
  const kinds = new Map<number, boolean>();
  for (const { frames, onDemand = false } of slices.flatMap(({ attempts }) => attempts))
    for (const { frame } of frames) kinds.set(frame, onDemand);
  return [...kinds.values()].filter(Boolean).length;
}

const wasInterrupted = ({ end }: Stretch): boolean => end === 'stopped' || end === 'lost';
const secondsOf = ({ from, to }: Stretch): number => (to - from) / 1000;
/** Blender renders while frames are uploaded, so its seconds can exceed those of the attempt. */
const lostSeconds = (stretch: Stretch): number => Math.max(0, secondsOf(stretch) - stretch.frameSeconds);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const tenths = (seconds: number): number => Math.round(seconds * 10) / 10;
