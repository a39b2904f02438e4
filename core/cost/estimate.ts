import { type FrameRanges, framesOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import type { Machines } from '../render/options';
import type { FrameSeconds } from '../render/slice-figures';
import { chosenVideo } from '../scene/plan';
import type { Spread } from './prices';
import { renderCost, type RenderPrices } from './receipt';

function mapSpread({ low, middle, high }: Spread, change: (value: number) => number): Spread {
  return { low: change(low), middle: change(middle), high: change(high) };
}

/** The share by which the time of the same work varies, for example when a machine does other work, too. */
const UNSTEADY = 0.1;

/** The range, wider by `UNSTEADY` at both ends. */
function widened({ low, middle, high }: Spread): Spread {
  return { low: low * (1 - UNSTEADY), middle, high: high * (1 + UNSTEADY) };
}

/** Results of a test render. */
export interface TestedPace {
  /** Seconds of one frame on the machine of the test. */
  readonly frameSeconds: Spread;
  /** Seconds of each Blender besides its frames: start, opening the scene, warm-up, storing the last frame. */
  readonly startSeconds: number;
}

/** A place that could render a shot. */
export interface EstimatePlace {
  /** Slices at a time. */
  readonly parallel: number;
  /** Frame time here divided by frame time in the test; see `threadFactor`. */
  readonly factor: number;
  /** Threads that make the video. */
  readonly videoThreads: number;
  /** Seconds until the first slice begins. */
  readonly leadSeconds: number;
}

/** The time of a shot in one place. */
export interface PlaceEstimate {
  /** Machine time of all slices. */
  readonly machineSeconds: Spread;
  /** Seconds to make the video after the last frame; 0 without a video. */
  readonly videoSeconds: number;
  /** From the start to the finished video. */
  readonly wallSeconds: Spread;
}

/**
 * Seconds of the stitch job, measured with two threads (docs/benchmarks.md, "The stitch job": films of 240 and of
 * 5,000 frames of 1920×1080 as H.264). Other formats take more or less time.
 */
const VIDEO_THREAD_SECONDS_PER_MEGAPIXEL = 0.07;
/** Seconds for the start of Node and ffmpeg, the poster, the contact sheet and the report. */
const VIDEO_START_SECONDS = 4;

/** Estimates the time of `plan`, the plan of the whole shot for this place. Pure. */
export function estimatePlace(
  { frameSeconds, startSeconds }: TestedPace,
  plan: Pick<Manifest, 'frameCount' | 'sliceCount' | 'resolution' | 'options'>,
  { parallel, factor, videoThreads, leadSeconds }: EstimatePlace,
): PlaceEstimate {
  const { frameCount, sliceCount } = plan;
  const machineSeconds = widened(
    mapSpread(frameSeconds, (seconds) => seconds * factor * frameCount + startSeconds * sliceCount),
  );
  const videoSeconds = videoSecondsOf(plan, videoThreads);
  // A last round takes the same time with one slice as with many.
  const rounds = Math.ceil(sliceCount / parallel);
  const wallSeconds = mapSpread(
    machineSeconds,
    (seconds) => leadSeconds + (rounds * seconds) / sliceCount + videoSeconds,
  );
  return { machineSeconds, videoSeconds, wallSeconds };
}

function videoSecondsOf(
  { frameCount, resolution, options }: Pick<Manifest, 'frameCount' | 'resolution' | 'options'>,
  threads: number,
): number {
  if (chosenVideo(options, frameCount) === 'none') return 0;
  const megapixels = (resolution.width * resolution.height) / 1e6;
  return VIDEO_START_SECONDS + (frameCount * megapixels * VIDEO_THREAD_SECONDS_PER_MEGAPIXEL) / threads;
}

/**
 * Frame time with `there` threads divided by frame time with `here` threads: a rough assumption. A vCPU is a
 * hyper-thread of a server (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-optimize-cpu.html). Its speed
 * compared with a thread of this machine is unknown.
 */
export const threadFactor = (here: number, there: number): number => here / there;

/** The estimated cost of a shot on a farm, in US dollars. See `NOT_IN_COST` for what it excludes. */
export interface CostEstimate {
  readonly spot: Spread;
  /** If all slices run on On-Demand machines. */
  readonly onDemand: Spread;
}

/** From the fastest frames at the lowest prices to the slowest frames at the highest prices. Pure. */
export function estimateCost(
  { machineSeconds, videoSeconds: stitchSeconds }: PlaceEstimate,
  machines: Pick<Machines, 'renderVcpus' | 'stitchVcpus'>,
  prices: RenderPrices,
): CostEstimate {
  const costOf = (end: keyof Spread, kind: 'spotSeconds' | 'onDemandSeconds'): number => {
    const usage = { spotSeconds: 0, onDemandSeconds: 0, stitchSeconds, [kind]: machineSeconds[end] };
    return renderCost(usage, machines, prices).usd[end];
  };
  const spreadOf = (kind: 'spotSeconds' | 'onDemandSeconds'): Spread => ({
    low: costOf('low', kind),
    middle: costOf('middle', kind),
    high: costOf('high', kind),
  });
  return { spot: spreadOf('spotSeconds'), onDemand: spreadOf('onDemandSeconds') };
}

/**
 * Seconds per frame, estimated from the tested frames: ascending, at least one. `middle` is the mean of all frames,
 * with straight lines between the tested ones. `low` and `high` are the fastest and slowest tested frames: one much
 * heavier frame between them stays unseen. Pure.
 */
export function framePace(tested: readonly FrameSeconds[], frames: FrameRanges): Spread {
  const seconds = tested.map((one) => one.seconds);
  return {
    low: seconds.reduce((least, one) => Math.min(least, one)),
    middle: meanOf(placesOf(tested, frames)),
    high: seconds.reduce((most, one) => Math.max(most, one)),
  };
}

/** Seconds of the frame at a position, from 0. */
interface Placed {
  readonly points: ReadonlyArray<{ readonly position: number; readonly seconds: number }>;
  readonly count: number;
}

function placesOf(tested: readonly FrameSeconds[], frames: FrameRanges): Placed {
  const secondsOf = new Map(tested.map(({ frame, seconds }) => [frame, seconds]));
  const points: Array<Placed['points'][number]> = [];
  let count = 0;
  for (const frame of framesOf(frames)) {
    const seconds = secondsOf.get(frame);
    if (seconds !== undefined) points.push({ position: count, seconds });
    count += 1;
  }
  return { points, count };
}

function meanOf({ points, count }: Placed): number {
  const [first, last] = [points[0]!, points.at(-1)!];
  // Frames before the first and after the last tested frame take as long as that frame.
  let sum = first.seconds * (first.position + 0.5) + last.seconds * (count - last.position - 0.5);
  for (const [i, to] of points.entries()) {
    const from = points[i - 1];
    if (from) sum += ((from.seconds + to.seconds) / 2) * (to.position - from.position);
  }
  return sum / count;
}
