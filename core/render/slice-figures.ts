import { mapConcurrently } from '../concurrency';
import { countOf, formatSeconds, printableName } from '../text';
import { framesOf } from './frames';
import type { Manifest } from './manifest';
import type { FrameFailure, SliceAttempt, SliceReport } from './records';
import type { Render } from './render';

/** The records in a render's folder that its report needs. */
export interface SliceRecords {
  readonly manifest: Manifest;
  /** Ascending by slice; slices that never began are absent. */
  readonly slices: readonly SliceReport[];
  /** Missing frames, ascending, with their failures if noted. */
  readonly missing: ReadonlyArray<{ readonly frame: number; readonly failure?: FrameFailure }>;
  /** Folders of `outputs/`, one per File Output node. */
  readonly outputs?: readonly string[];
}

/** Blender's time for one frame. */
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
  /** How it ended: `lost` with its machine, without a known end. */
  readonly end: 'done' | 'stopped' | 'failed' | 'lost';
  readonly frames: number;
  /** Blender's time for these frames. */
  readonly frameSeconds: number;
  /** Present for an On-Demand machine. */
  readonly onDemand?: true;
  /** The job's vCPUs, if they differ from the farm's usual ones. */
  readonly vcpus?: number;
  /** The job's memory in MiB, if it differs from the farm's usual one. */
  readonly memoryMib?: number;
  readonly reason?: string;
}

/** The figures of a report, all measured. */
export interface ReportFigures {
  readonly frames: readonly FrameSeconds[];
  readonly stretches: readonly Stretch[];
  /** From the start of the first attempt to the end of the last; 0 if nothing ran. */
  readonly wallSeconds: number;
  /** Machine time of all attempts. */
  readonly slotSeconds: number;
  /** Blender's time for stored frames. */
  readonly renderSeconds: number;
  /** Blender's time lost to interruptions, as far as workers could report it. */
  readonly droppedSeconds: number;
  readonly interruptions: number;
  /** Memory of the largest Blender, in bytes; absent if the system does not report it. */
  readonly blenderPeakMemoryBytes?: number;
  /** Absent if no attempt reported its starts. */
  readonly starts?: StartFigures;
  /** Absent if no slice kept data between frames, or tried to. */
  readonly keptData?: KeptDataFigures;
}

/** Time before Blender could begin a frame, of all attempts that reported it. */
export interface StartFigures {
  /** Seconds of fetching the scene and of Blender's starts. */
  readonly seconds: number;
  /** Their share of the machine time of these attempts, 0 to 1. */
  readonly share: number;
  /** Seconds in which machines pulled the image, which is before the machine time; absent outside of ECS. */
  readonly pullSeconds?: number;
}

/** What data saved that Cycles kept between frames. */
export interface KeptDataFigures {
  /** Blender's seconds; below 0 if checks cost more than was saved. */
  readonly savedSeconds: number;
  /** Why the latest attempts of slices did not keep data to the end, and how many slices. */
  readonly off: ReadonlyArray<{ readonly why: string; readonly slices: number }>;
}

/** The worker's exit code for an attempt that was stopped without a fault. */
const STOPPED = 143;

/** Adds up what the slices report. Pure. */
export function reportFigures({ slices }: Pick<SliceRecords, 'slices'>): ReportFigures {
  const attempts = slices.flatMap(({ attempts: all }) => all);
  const stretches = slices.flatMap(({ slice, attempts: all }) =>
    all.map((one, i) => stretchOf(slice, one, all[i + 1])),
  );
  const peaks = attempts.flatMap(({ blenderPeakMemoryBytes: bytes }) => (bytes === undefined ? [] : [bytes]));
  const keptData = keptDataOf(slices);
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
    ...startsOf(attempts, stretches),
    ...(keptData && { keptData }),
  };
}

/** `stretches` are those of `attempts`, in the same order. */
function startsOf(
  attempts: readonly SliceAttempt[],
  stretches: readonly Stretch[],
): Pick<ReportFigures, 'starts'> {
  const reported = attempts.flatMap(({ startSeconds, pullSeconds }, i) => {
    const { from, to } = stretches[i]!;
    return startSeconds === undefined ? [] : [{ startSeconds, pullSeconds, seconds: (to - from) / 1000 }];
  });
  if (reported.length === 0) return {};
  const seconds = sum(reported.map(({ startSeconds }) => startSeconds));
  const all = Math.max(seconds, sum(reported.map((one) => one.seconds)));
  const pulls = reported.flatMap(({ pullSeconds }) => (pullSeconds === undefined ? [] : [pullSeconds]));
  const share = all === 0 ? 0 : seconds / all;
  return { starts: { seconds, share, ...(pulls.length > 0 && { pullSeconds: sum(pulls) }) } };
}

/** For people, such as `1 min 3 s, 4 % of the machine time`. */
export function describeStarts({ seconds, share, pullSeconds }: StartFigures): string {
  const pulled =
    pullSeconds === undefined ? '' : `; before it, ${formatSeconds(pullSeconds)} to pull the image`;
  return `${formatSeconds(seconds)}, ${Math.round(share * 100)} % of the machine time${pulled}`;
}

/** Adds up what slices report; `undefined` for nothing. Pure. */
export function addKeptData(all: readonly KeptDataFigures[]): KeptDataFigures | undefined {
  if (all.length === 0) return undefined;
  const counts = new Map<string, number>();
  for (const { why, slices } of all.flatMap(({ off }) => off)) {
    const key = counts.has(why) || counts.size < MOST_WHYS ? why : 'other reasons';
    counts.set(key, (counts.get(key) ?? 0) + slices);
  }
  const savedSeconds = sum(all.map((one) => one.savedSeconds));
  return { savedSeconds, off: [...counts].map(([why, slices]) => ({ why, slices })) };
}

/** Most reasons that are kept apart. */
const MOST_WHYS = 10;

function keptDataOf(slices: readonly SliceReport[]): KeptDataFigures | undefined {
  const figures = slices.flatMap(({ attempts }) =>
    attempts.flatMap(({ persistentData }, i) => {
      if (!persistentData) return [];
      const { savedSeconds, reason, frame, difference } = persistentData;
      const isLatest = i === attempts.length - 1;
      const why = reason !== undefined && isLatest ? describeReason(reason, frame, difference) : undefined;
      return [{ savedSeconds, off: why === undefined ? [] : [{ why, slices: 1 }] }];
    }),
  );
  return addKeptData(figures);
}

const REASON_WORDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    scenes: 'several scenes or the sequencer make its frames',
    layers: 'it renders several view layers',
    simulations: 'it has a simulation without a bake',
    scripts: 'its scripts are allowed',
    outputs: 'it has File Output nodes',
    'little-gain': 'little would be saved',
    unreadable: 'frames could not be compared',
    memory: 'memory could run out',
  }),
);

/** Why data are not kept, in words. Reasons of later versions are shown as they are. Pure. */
export function describeReason(reason: string, frame?: number, difference = 0): string {
  if (reason === 'difference')
    return `frame ${frame ?? ''} differed by up to ${difference.toPrecision(2)}, where 1 is white`;
  return REASON_WORDS.get(reason) ?? printableName(reason);
}

/** `saved about 12 min; off in 2 slices: little would be saved`. Pure. */
export function describeKeptData({ savedSeconds, off }: KeptDataFigures): string {
  const saved = savedSeconds >= 1 ? [`saved about ${formatSeconds(savedSeconds)}`] : [];
  const parts = [...saved, ...off.map(({ why, slices }) => `off in ${countOf(slices, 'slice')}: ${why}`)];
  return parts.length > 0 ? parts.join('; ') : 'saved nothing';
}

type PersistentData = NonNullable<SliceAttempt['persistentData']>;

/** What a slice knows about kept data. */
export interface KeptData {
  readonly record?: PersistentData | undefined;
  /** Seconds of a frame from nothing, by the Blender that runs. */
  readonly freshSeconds?: number;
}

/** A report of Blender about one frame. */
interface FrameReport {
  readonly reason?: string | undefined;
  readonly difference?: number | undefined;
  readonly freshSeconds?: number | undefined;
  readonly kept?: true | undefined;
}

/**
 * Adds one frame of `seconds`. A frame with kept data saves the difference from a frame from nothing, and a frame that was
 * rendered more than once costs the rest of its seconds. Pure.
 */
export function addFrameData(
  { record, freshSeconds: before }: KeptData,
  frame: number,
  seconds: number,
  { reason, difference, freshSeconds, kept }: FrameReport,
): KeptData {
  // No part of a frame takes longer than the frame.
  const fresh = freshSeconds === undefined ? before : Math.min(freshSeconds, seconds);
  const cost = freshSeconds === undefined ? 0 : seconds - fresh!;
  const saved = kept && fresh !== undefined ? fresh - seconds : 0;
  const savedSeconds = (record?.savedSeconds ?? 0) + saved - cost;
  const why = reason === undefined ? {} : { reason, frame, ...(difference !== undefined && { difference }) };
  // A later Blender of the slice may keep data although an earlier one did not.
  const { reason: _, frame: __, difference: ___, ...rest } = record ?? {};
  const base = freshSeconds !== undefined && reason === undefined ? rest : (record ?? {});
  return { record: { ...base, ...why, savedSeconds }, ...(fresh !== undefined && { freshSeconds: fresh }) };
}

/** Seconds of frames, ascending by frame. The last rendering of a frame counts. */
function latestFrames(attempts: readonly SliceAttempt[]): FrameSeconds[] {
  const seconds = new Map<number, number>();
  for (const { frames } of attempts) for (const one of frames) seconds.set(one.frame, one.seconds);
  return [...seconds]
    .map(([frame, value]) => ({ frame, seconds: value }))
    .toSorted((a, b) => a.frame - b.frame);
}

function stretchOf(slice: number, attempt: SliceAttempt, next: SliceAttempt | undefined): Stretch {
  const { startedAt, stoppedAt, exitCode, frames, reason, onDemand, vcpus, memoryMib } = attempt;
  const from = Date.parse(startedAt);
  // A lost attempt ends with its last frame, or with the start of the next attempt if that is earlier.
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
    vcpus,
    memoryMib,
    reason,
  };
}

function endOf(exitCode: number | undefined): Stretch['end'] {
  if (exitCode === undefined) return 'lost';
  if (exitCode === 0) return 'done';
  return exitCode === STOPPED ? 'stopped' : 'failed';
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
// Not Math.min(...values), because 10,000 slices with some attempts each exceed the arguments of a call.
const least = (values: readonly number[]): number =>
  values.reduce((low, value) => Math.min(low, value), Infinity);
const most = (values: readonly number[]): number =>
  values.reduce((high, value) => Math.max(high, value), -Infinity);

/** Failures that are read at a time. */
const AT_ONCE = 16;

/** Most missing frames whose reasons are read, as many as the report page shows. */
const MOST_REASONS = 500;

/**
 * Reads the records of a render for its report. `whole` are the frames that are not missing. Unreadable records are
 * left out, so that the report has the rest.
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
 * The value below which this share (0 to 1) of at least one value is, interpolated: the median of 2 and 9 is 5.5.
 * Definition 7 of Hyndman and Fan (1996), as in NumPy and spreadsheets.
 */
export function quantileOf(ascending: ArrayLike<number>, share: number): number {
  const position = (ascending.length - 1) * share;
  const [low, high] = [ascending[Math.floor(position)]!, ascending[Math.ceil(position)]!];
  return low + (high - low) * (position % 1);
}

/** Totals of the slice reports so far; seconds are Blender's time for stored frames. */
export interface SliceFigures {
  readonly attempts: number;
  /** Attempts that were stopped or lost with their machine. */
  readonly interruptions: number;
  /** Machine time. */
  readonly machineSeconds: number;
  /** Quartiles; absent before the first frame. */
  readonly frameSeconds?: Quartiles;
  /** Absent if no slice kept data between frames, or tried to. */
  readonly keptData?: KeptDataFigures;
  /** When the latest attempt was last known to run, in milliseconds since 1970. */
  readonly lastSeen?: number;
}
