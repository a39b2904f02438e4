/** Video formats; `none`: no video, only frames. */
export const VIDEO_FORMATS = ['h264', 'hevc', 'av1', 'prores', 'vp9', 'gif', 'none'] as const;

export type VideoFormat = (typeof VIDEO_FORMATS)[number];

/** A format with a file. */
export type VideoFileFormat = Exclude<VideoFormat, 'none'>;

export const DEFAULT_VIDEO: VideoFormat = 'h264';

/** Ending and content type of each format's file. */
export const VIDEO_FILES: Readonly<
  Record<VideoFileFormat, { readonly ending: string; readonly contentType: string }>
> = {
  h264: { ending: 'mp4', contentType: 'video/mp4' },
  hevc: { ending: 'mp4', contentType: 'video/mp4' },
  av1: { ending: 'mp4', contentType: 'video/mp4' },
  prores: { ending: 'mov', contentType: 'video/quicktime' },
  vp9: { ending: 'webm', contentType: 'video/webm' },
  gif: { ending: 'gif', contentType: 'image/gif' },
};

/** Frames per second as a fraction in lowest terms: 24000/1001 is not 23.976. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** Largest part of a frame rate: more than users type, and below the 31 bits of ffmpeg's fractions. */
const LARGEST_PART = 10_000_000;

/**
 * The frame rate of a scene: `fps / fpsBase`. Blender stores `fps_base` as a 32-bit float, so 1.001 reads as
 * 1.00100004…; this gives the simplest fraction that rounds to the same float. `undefined` for values that are zero,
 * negative or not finite.
 */
export function frameRateOf(fps: number, fpsBase: number): FrameRate | undefined {
  if (!Number.isInteger(fps) || fps < 1 || !Number.isFinite(fpsBase) || fpsBase <= 0) return undefined;
  const base = simplestFraction(fpsBase);
  if (!base) return undefined;
  const numerator = fps * base.denominator;
  const divisor = gcd(numerator, base.numerator);
  return { numerator: numerator / divisor, denominator: base.numerator / divisor };
}

/**
 * The first convergent of the continued fraction that equals `value` as a 32-bit float, else the closest fraction with
 * limited parts; `undefined` if that is 0.
 */
function simplestFraction(value: number): FrameRate | undefined {
  const target = Math.fround(value);
  let [p0, q0, p1, q1] = [0, 1, 1, 0];
  let rest = value;
  while (Math.fround(p1 / q1) !== target) {
    const whole = Math.floor(rest);
    const [p2, q2] = [whole * p1 + p0, whole * q1 + q0];
    if (p2 > LARGEST_PART || q2 > LARGEST_PART) break;
    [p0, q0, p1, q1] = [p1, q1, p2, q2];
    if (rest === whole) break;
    rest = 1 / (rest - whole);
  }
  return p1 > 0 && q1 > 0 ? { numerator: p1, denominator: q1 } : undefined;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** `24000/1001`, or `24` for a whole number, as ffmpeg reads it. */
export function formatFrameRate({ numerator, denominator }: FrameRate): string {
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/** Pixels. */
export interface Resolution {
  readonly width: number;
  readonly height: number;
}

/** Settings of a scene that decide the size of its frames. */
interface ResolutionSettings {
  readonly width: number;
  readonly height: number;
  readonly resolutionPercent: number;
  /** The crop border, in fractions of the size. */
  readonly crop?:
    | { readonly xmin: number; readonly xmax: number; readonly ymin: number; readonly ymax: number }
    | undefined;
}

/**
 * The size of the frames that Blender writes. Like Blender, it cuts off fractions and does not round
 * (`render_init_from_main` in Blender's pipeline.cc; a test compares it with Blender).
 */
export function frameResolution({ width, height, resolutionPercent, crop }: ResolutionSettings): Resolution {
  const full = {
    width: Math.trunc((width * resolutionPercent) / 100),
    height: Math.trunc((height * resolutionPercent) / 100),
  };
  if (!crop) return full;
  return {
    width: edge(crop.xmax, full.width) - edge(crop.xmin, full.width),
    height: edge(crop.ymax, full.height) - edge(crop.ymin, full.height),
  };
}

/** As in Blender: a 32-bit float times a whole number, cut off. */
function edge(fraction: number, pixels: number): number {
  return Math.trunc(Math.fround(Math.fround(fraction) * pixels));
}

/** Smallest side of a video of x265 (tried with ffmpeg 5.1). */
const HEVC_LEAST_PIXELS = 16;

/**
 * Fastest GIF. A GIF counts in hundredths of a second, at most 65,535 per picture, and browsers show none for less
 * than two.
 * Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt, 23 (Delay Time)
 */
const GIF_MOST_FPS = 50;
const GIF_LEAST_FPS = 100 / 65_535;

/** Smallest side of a video of SVT-AV1 (tried with 1.4). */
const AV1_LEAST_PIXELS = 64;

/** Why a video of this format cannot have this size and frame rate; `undefined` if it can. Pure. */
export function videoFault(
  video: VideoFormat,
  { width, height }: Resolution,
  frameRate: FrameRate,
): string | undefined {
  if (video === 'hevc' && Math.min(width, height) < HEVC_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video hevc, which needs at least ${HEVC_LEAST_PIXELS} each way`;
  }
  if (video === 'av1' && Math.min(width, height) < AV1_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video av1, which needs at least ${AV1_LEAST_PIXELS} each way`;
  }
  const fps = frameRate.numerator / frameRate.denominator;
  if (video === 'gif' && (fps > GIF_MOST_FPS || fps < GIF_LEAST_FPS)) {
    return `${formatFrameRate(frameRate)} frames per second are not possible for video gif, which allows 1/655 to ${GIF_MOST_FPS}`;
  }
  return undefined;
}

/** Displays other than BT.709, for which videos are tagged. */
export const DISPLAYS = ['rec2100-pq', 'rec2100-hlg', 'display-p3', 'rec2020'] as const;

export type Display = (typeof DISPLAYS)[number];

/** Displays by Blender's names (5.2's `colormanagement/config.ocio`, and 4.x's for the last two). */
const BY_NAME: Readonly<Record<string, Display>> = {
  'Rec.2100-PQ': 'rec2100-pq',
  'Rec.2100-HLG': 'rec2100-hlg',
  'Display P3': 'display-p3',
  'Rec.2020': 'rec2020',
};

/** The display of the scene's frames; `undefined` for BT.709 and unknown displays. Pure. */
export function displayOf({ display }: { readonly display?: string }): Display | undefined {
  // ACES configurations add the word.
  const name = display?.replace(/ - Display$/, '') ?? '';
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
}

/** Whether 8 bits would show bands on the display. Pure. */
export const isHdr = (display: Display | undefined): boolean =>
  display === 'rec2100-pq' || display === 'rec2100-hlg';

/** Width of a pixel divided by its height, in lowest terms: 64:45 is wider than high. */
export interface PixelAspect {
  readonly numerator: number;
  readonly denominator: number;
}

/** Largest value of both parts, as in Blender's videos. */
const LARGEST_ASPECT_PART = 255;

/**
 * The closest fraction to the scene's pixel aspect, as in Blender's videos (tried with 3.4, 4.5 and 5.2); `undefined`
 * for square pixels and invalid values. Pure.
 */
export function pixelAspectOf(scene: {
  readonly pixelAspect?: { readonly x: number; readonly y: number };
}): PixelAspect | undefined {
  const { x, y } = scene.pixelAspect ?? { x: 1, y: 1 };
  const ratio = Math.fround(x / y);
  if (!(x > 0 && y > 0 && ratio >= 1 / LARGEST_ASPECT_PART && ratio <= LARGEST_ASPECT_PART)) return undefined;
  const { numerator, denominator } = closestFraction(ratio);
  return numerator === denominator ? undefined : { numerator, denominator };
}

/** The closest fraction; of several, the one with the smallest parts. */
function closestFraction(ratio: number): PixelAspect {
  let best = { numerator: 1, denominator: 1 };
  let smallest = Math.abs(ratio - 1);
  for (let denominator = 1; denominator <= LARGEST_ASPECT_PART; denominator += 1) {
    const numerator = Math.min(LARGEST_ASPECT_PART, Math.max(1, Math.round(ratio * denominator)));
    const error = Math.abs(ratio - numerator / denominator);
    if (error < smallest) {
      best = { numerator, denominator };
      smallest = error;
    }
  }
  return best;
}
