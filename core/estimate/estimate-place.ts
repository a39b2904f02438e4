import type { Manifest } from '../contract/manifest';
import { chosenVideo } from '../render/chosen-video';
import type { Spread } from '../cost/prices';
import { mapSpread, widened } from './spread';

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
