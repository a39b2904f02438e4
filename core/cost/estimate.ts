import { type FrameRanges, framesOf } from '../render/frames';
import type { Manifest } from '../render/manifest';
import type { Machines } from '../render/options';
import type { FrameSeconds } from '../render/slice-figures';
import { chosenVideo } from '../scene/plan';
import type { Spread } from './prices';
import { renderCost, type RenderPrices } from './receipt';

/** Each of the three by itself: pure. */
function mapSpread({ low, middle, high }: Spread, change: (value: number) => number): Spread {
  return { low: change(low), middle: change(middle), high: change(high) };
}

/** How far the same work may differ from one time to the next: as a machine does other things, too. */
const UNSTEADY = 0.1;

/** With so much more at both ends: pure. */
function widened({ low, middle, high }: Spread): Spread {
  return { low: low * (1 - UNSTEADY), middle, high: high * (1 + UNSTEADY) };
}

/** What a test told of a shot. */
export interface TestedPace {
  /** Of one frame, where it was tested. */
  readonly frameSeconds: Spread;
  /** What each Blender takes besides its frames: starting, opening the scene, warming up, storing the last one. */
  readonly startSeconds: number;
}

/** Where a shot could be rendered. */
export interface EstimatePlace {
  /** Slices at a time. */
  readonly parallel: number;
  /** How many times as long as where it was tested a frame takes here; see `threadFactor`. */
  readonly factor: number;
  /** Threads that make the video. */
  readonly videoThreads: number;
  /** Seconds until the first slice begins. */
  readonly leadSeconds: number;
}

/** How long a shot takes in a place. */
export interface PlaceEstimate {
  /** What machines are held for by slices, all of them added up. */
  readonly machineSeconds: Spread;
  /** What the video takes once the frames are there; 0 for none. */
  readonly videoSeconds: number;
  /** From the beginning to the video. */
  readonly wallSeconds: Spread;
}

/**
 * What the stitch job takes, as measured by two threads (docs/benchmarks.md, "The stitch job": films of 240 and of 5,000 frames of
 * 1920×1080 as H.264): of most films little beside their frames. Other formats take more or less.
 */
const VIDEO_THREAD_SECONDS_PER_MEGAPIXEL = 0.07;
/** Node's and ffmpeg's starts, poster, contact sheet and report. */
const VIDEO_START_SECONDS = 4;

/** Pure. `plan` is how the whole shot would be rendered in this place. */
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
  // The last round takes as long with one slice in it as with all.
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
 * How many times as long a frame takes with `there` threads as with `here`: an assumption, and a rough one. A vCPU is a
 * hyper-thread of a server, as a thread here is one of this machine
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-optimize-cpu.html); which of them is the faster one is not known,
 * nor does a frame gain as much by the second of two threads as by the first.
 */
export const threadFactor = (here: number, there: number): number => here / there;

/** What a shot would cost on a farm, in US dollars: as `renderCost` reckons it, see there what is not in it. */
export interface CostEstimate {
  readonly spot: Spread;
  /** Were all slices to run on On-Demand machines. */
  readonly onDemand: Spread;
}

/** The quickest frames at the lowest prices to the slowest ones at the highest: pure. */
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
 * Seconds that a frame of the shot takes, as some of its frames tell. `middle` is the mean of all frames, were those between two
 * tested ones on a straight line between them: a first and a last frame that are faded to black count for what is near them, no
 * more. `low` and `high` are the quickest and the slowest that were tested, which is what they are and nothing else: of three
 * frames picked by chance, they have the median of all frames between them three times in four, and a frame unlike all of them
 * (one explosion) is not seen at all. `tested` is ascending and not empty. Pure.
 */
export function framePace(tested: readonly FrameSeconds[], frames: FrameRanges): Spread {
  const seconds = tested.map((one) => one.seconds);
  return {
    low: seconds.reduce((least, one) => Math.min(least, one)),
    middle: meanOf(placesOf(tested, frames)),
    high: seconds.reduce((most, one) => Math.max(most, one)),
  };
}

/** Seconds at positions (0-based) among `count` frames. */
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
  // Before the first tested frame and after the last one: as they are.
  let sum = first.seconds * (first.position + 0.5) + last.seconds * (count - last.position - 0.5);
  for (const [i, to] of points.entries()) {
    const from = points[i - 1];
    if (from) sum += ((from.seconds + to.seconds) / 2) * (to.position - from.position);
  }
  return sum / count;
}
