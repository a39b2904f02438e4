import { mapConcurrently } from '../concurrency';
import { framesOf } from './frames';
import type { Manifest } from './manifest';
import type { FrameFailure, SliceAttempt, SliceReport } from './records';
import type { Render } from './render';

/** What a report is made from: what the render left in its folder. */
export interface SliceRecords {
  readonly manifest: Manifest;
  /** Ascending by slice; slices that never began are absent. */
  readonly slices: readonly SliceReport[];
  /** Frames that are not there, ascending, each with its record where one was left. */
  readonly missing: ReadonlyArray<{ readonly frame: number; readonly failure?: FrameFailure }>;
  /** Folders of `outputs/`: a File Output node each. */
  readonly outputs?: readonly string[];
}

/** What Blender took for one frame. */
export interface FrameSeconds {
  readonly frame: number;
  readonly seconds: number;
}

/** One attempt of a slice as a stretch of time, in milliseconds since 1970. */
export interface Stretch {
  readonly slice: number;
  readonly attempt: number;
  readonly from: number;
  readonly to: number;
  /** How it ended: `lost` is one of which nobody knows, its machine gone. */
  readonly end: 'done' | 'stopped' | 'failed' | 'lost';
  readonly frames: number;
  /** Blender's work on these. */
  readonly frameSeconds: number;
  /** Its machine was an On-Demand one. */
  readonly onDemand?: true;
  /** Those of its job, where they are not the farm's usual ones. */
  readonly vcpus?: number;
  readonly reason?: string;
}

/** The figures that a report tells, all of them counted, none guessed. */
export interface ReportFigures {
  readonly frames: readonly FrameSeconds[];
  readonly stretches: readonly Stretch[];
  /** From the first attempt's start to the last one's end; 0 where nothing ran. */
  readonly wallSeconds: number;
  /** Of all attempts added up: what machines were held for. */
  readonly slotSeconds: number;
  /** Blender's work on frames that are kept. */
  readonly renderSeconds: number;
  /** Blender's work that was lost to interruptions, as far as somebody was left to write it down. */
  readonly droppedSeconds: number;
  readonly interruptions: number;
  /** Bytes of the largest Blender; absent where the system did not tell. */
  readonly blenderPeakMemoryBytes?: number;
}

/** The worker's exit codes for an attempt that was stopped, not at fault. */
const STOPPED = 143;

/** Adds up what the slices report. Pure. */
export function reportFigures({ slices }: Pick<SliceRecords, 'slices'>): ReportFigures {
  const attempts = slices.flatMap(({ attempts: all }) => all);
  const stretches = slices.flatMap(({ slice, attempts: all }) =>
    all.map((one, i) => stretchOf(slice, one, all[i + 1])),
  );
  const peaks = attempts.flatMap(({ blenderPeakMemoryBytes: bytes }) => (bytes === undefined ? [] : [bytes]));
  const [from, to] = [least(stretches.map((one) => one.from)), most(stretches.map((one) => one.to))];
  return {
    frames: latestFrames(attempts),
    stretches,
    wallSeconds: stretches.length === 0 ? 0 : (to - from) / 1000,
    slotSeconds: sum(stretches.map((one) => (one.to - one.from) / 1000)),
    renderSeconds: sum(attempts.flatMap(({ frames }) => frames.map(({ seconds }) => seconds))),
    droppedSeconds: sum(attempts.map(({ dropped }) => dropped?.seconds ?? 0)),
    interruptions: stretches.filter(({ end }) => end === 'stopped' || end === 'lost').length,
    ...(peaks.length > 0 && { blenderPeakMemoryBytes: most(peaks) }),
  };
}

/** Ascending. A frame that had to be rendered again counts as it was rendered last. */
function latestFrames(attempts: readonly SliceAttempt[]): FrameSeconds[] {
  const seconds = new Map<number, number>();
  for (const { frames } of attempts) for (const one of frames) seconds.set(one.frame, one.seconds);
  return [...seconds]
    .map(([frame, value]) => ({ frame, seconds: value }))
    .toSorted((a, b) => a.frame - b.frame);
}

function stretchOf(slice: number, attempt: SliceAttempt, next: SliceAttempt | undefined): Stretch {
  const { startedAt, stoppedAt, exitCode, frames, reason, onDemand, vcpus } = attempt;
  const from = Date.parse(startedAt);
  // Of an attempt that vanished, the last that is known is its last frame, and that another one came after it.
  const lastSeen = [stoppedAt, frames.at(-1)?.storedAt].flatMap((at) =>
    at === undefined ? [] : [Date.parse(at)],
  );
  const to = Math.max(from, ...lastSeen);
  return {
    slice,
    attempt: attempt.attempt,
    from,
    to: next ? Math.min(to, Math.max(from, Date.parse(next.startedAt))) : to,
    end: endOf(exitCode),
    frames: frames.length,
    frameSeconds: sum(frames.map(({ seconds }) => seconds)),
    ...(onDemand && { onDemand }),
    ...(vcpus !== undefined && { vcpus }),
    ...(reason !== undefined && { reason }),
  };
}

function endOf(exitCode: number | undefined): Stretch['end'] {
  if (exitCode === undefined) return 'lost';
  if (exitCode === 0) return 'done';
  return exitCode === STOPPED ? 'stopped' : 'failed';
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
// Not Math.min(...values): 10,000 slices with some attempts each are more arguments than a call takes.
const least = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value), Infinity);
const most = (values: readonly number[]): number =>
  values.reduce((high, value) => Math.max(high, value), -Infinity);

/** Failures that are read at a time. */
const AT_ONCE = 16;

/** Missing frames whose reasons are read. The report page names no more. */
const MOST_REASONS = 500;

/**
 * What a render left in its folder, for its report. `whole` are the frames that are not missing. Unreadable records are left out,
 * so that there is a report of the rest.
 */
export async function readSliceRecords(
  render: Render,
  manifest: Manifest,
  whole: ReadonlySet<number>,
): Promise<SliceRecords> {
  const absent = [...framesOf(manifest.frames)].filter((frame) => !whole.has(frame));
  const failures = await mapConcurrently(absent.slice(0, MOST_REASONS), AT_ONCE, (frame) =>
    render.failure(frame).readIfValid(),
  );
  const missing = absent.map((frame, i) => ({ frame, ...(failures[i] && { failure: failures[i] }) }));
  const outputs = await render.outputNodes();
  return { manifest, slices: await render.slices(), missing, ...(outputs.length > 0 && { outputs }) };
}

export interface Quartiles {
  readonly quarter: number;
  readonly median: number;
  readonly threeQuarters: number;
}

/** `undefined` without values. */
export function quartilesOf(ascending: ArrayLike<number>): Quartiles | undefined {
  if (ascending.length === 0) return undefined;
  const part = (share: number) => quantileOf(ascending, share);
  return { quarter: part(0.25), median: part(0.5), threeQuarters: part(0.75) };
}

/**
 * The value below which this share (0 to 1) of at least one value lies, interpolated between neighbours: the median of 2 and 9 is
 * 5.5. Definition 7 of Hyndman and Fan (1996), as in NumPy and spreadsheets.
 */
export function quantileOf(ascending: ArrayLike<number>, share: number): number {
  const position = (ascending.length - 1) * share;
  const [low, high] = [ascending[Math.floor(position)]!, ascending[Math.ceil(position)]!];
  return low + (high - low) * (position % 1);
}

/** What slices have told so far, added up; seconds of Blender's own work on frames that are kept. */
export interface SliceFigures {
  readonly attempts: number;
  /** Attempts that were stopped or vanished with their machine. */
  readonly interruptions: number;
  /** What machines were held for. */
  readonly machineSeconds: number;
  /** A quarter of the frames took less, half of them, three quarters; absent before the first frame. */
  readonly frameSeconds?: Quartiles;
  /** When the latest attempt is known to have run, in milliseconds since 1970. */
  readonly lastSeen?: number;
}
