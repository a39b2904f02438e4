import type { Manifest } from '../contract/manifest';
import type { SliceAttempt } from '../contract/slice-report';
import type { StitchRecord } from '../contract/stitch-record';
import type { Tags } from '../contract/tags';
import { quartilesOf, type Quartiles } from '../report/quartiles';
import { reportFigures, type RenderRecords, type Stretch } from '../report/report-figures';
import { machineUsage } from './machine-usage';
import type { MachineUsage, RenderCost } from './render-cost';

/**
 * `receipt.json`: what a render took, and what that comes to. Seconds are rounded to tenths; of 10,000 slices, AWS Batch's
 * most, it is some 200 KB.
 */
export interface Receipt {
  readonly version: 1;
  readonly renderId: string;
  /** When it was made out, ISO 8601. */
  readonly at: string;
  /** The scene. */
  readonly source: string;
  /** By whom and for what. */
  readonly tags: Tags;
  readonly frames: {
    readonly total: number;
    /** Whole in storage. */
    readonly stored: number;
    /** Rendered on On-Demand machines. */
    readonly onDemand: number;
  };
  readonly attempts: number;
  /** Attempts that were stopped or vanished with their machine. */
  readonly interruptions: number;
  readonly machineSeconds: {
    readonly total: number;
    /** Of that: slices, of those on On-Demand machines; the jobs that made the video. */
    readonly slices: number;
    readonly onDemand: number;
    readonly stitch: number;
    /** Of slices: attempts that were interrupted, and what of their time is in no frame that they stored. */
    readonly interrupted: number;
    readonly lost: number;
  };
  /** Blender's work on a frame; absent where there is none. */
  readonly frameSeconds?: Quartiles & {
    readonly slowest: { readonly frame: number; readonly seconds: number };
  };
  /** Column by column, an entry for each slice, ascending; 0 for one that never began. */
  readonly slices: {
    readonly machineSeconds: readonly number[];
    readonly lostSeconds: readonly number[];
    readonly attempts: readonly number[];
  };
  /** Absent where nobody is paid, or nothing is known of the machines. */
  readonly cost?: RenderCost;
}

export interface ReceiptInput extends Pick<RenderRecords, 'slices'> {
  readonly manifest: Pick<Manifest, 'renderId' | 'source' | 'tags' | 'frameCount' | 'sliceCount'>;
  /** Frames that are whole. */
  readonly stored: number;
  readonly stitch: StitchRecord | undefined;
  /** Whether no slice is at work any more: then an attempt of which no end is known was interrupted, as any but the latest was. */
  readonly ended: boolean;
  /** What so much time of machines costs; nothing where nobody is paid, or nothing is known of the machines. */
  readonly costOf: (usage: MachineUsage) => RenderCost | undefined;
  readonly at: Date;
}

/** Makes out the receipt of a render, or of what it has come to so far: pure. */
export function makeReceipt(input: ReceiptInput): Receipt {
  const { manifest, slices, stored, stitch, ended, costOf, at } = input;
  const { renderId, source, tags = {}, frameCount, sliceCount } = manifest;
  const { frames, stretches } = reportFigures({ slices });
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
    ...(quartiles && slowest && { frameSeconds: { ...quartiles, slowest } }),
    slices: columnsOf(stretches, interrupted, sliceCount),
    ...(cost && { cost }),
  };
}

function columnsOf(
  stretches: readonly Stretch[],
  interrupted: readonly Stretch[],
  sliceCount: number,
): Receipt['slices'] {
  const column = (those: readonly Stretch[], valueOf: (stretch: Stretch) => number): number[] => {
    const values = Array.from({ length: sliceCount }, () => 0);
    // A report of a slice that the plan does not have was put there by somebody else.
    for (const one of those) if (one.slice < sliceCount) values[one.slice]! += valueOf(one);
    return values.map(tenths);
  };
  return {
    machineSeconds: column(stretches, secondsOf),
    lostSeconds: column(interrupted, lostSeconds),
    attempts: column(stretches, () => 1),
  };
}

/** The latest attempt of a slice while no end of it is known, as `keyOf` names it. */
function openAttempt(slice: number, attempts: readonly SliceAttempt[]): string[] {
  const latest = attempts.at(-1);
  if (!latest || latest.exitCode !== undefined) return [];
  return [`${slice} ${Date.parse(latest.startedAt)}`];
}

/** An attempt's number may come again, when a job is submitted anew. */
const keyOf = ({ slice, from }: Stretch): string => `${slice} ${from}`;

/** A frame that was rendered again counts as it was rendered last. */
function framesOnDemand(slices: ReceiptInput['slices']): number {
  const kinds = new Map<number, boolean>();
  for (const { frames, onDemand = false } of slices.flatMap(({ attempts }) => attempts))
    for (const { frame } of frames) kinds.set(frame, onDemand);
  return [...kinds.values()].filter(Boolean).length;
}

const wasInterrupted = ({ end }: Stretch): boolean => end === 'stopped' || end === 'lost';
const secondsOf = ({ from, to }: Stretch): number => (to - from) / 1000;
/** Blender renders while frames are stored, so that its seconds may be a little more than those of the attempt. */
const lostSeconds = (stretch: Stretch): number => Math.max(0, secondsOf(stretch) - stretch.frameSeconds);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const tenths = (seconds: number): number => Math.round(seconds * 10) / 10;
