/** What a video can be. `none`: the frames alone. */
export const VIDEO_FORMATS = ['h264', 'hevc', 'av1', 'prores', 'vp9', 'gif', 'none'] as const;

export type VideoFormat = (typeof VIDEO_FORMATS)[number];

/** A format that there is a file of. */
export type VideoFileFormat = Exclude<VideoFormat, 'none'>;

export const DEFAULT_VIDEO: VideoFormat = 'h264';

/** How the file of a format ends, and what browsers are told that it is. */
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

/** Frames per second as a fraction in lowest terms: 24000/1001 is no 23.976. */
export interface FrameRate {
  readonly numerator: number;
  readonly denominator: number;
}

/** Beyond it neither part is something that a person typed, and ffmpeg's own fractions end at 31 bits. */
const LARGEST_PART = 10_000_000;

/**
 * The frame rate of a scene: `fps / fpsBase`. Blender keeps `fps_base` as a 32-bit float, so 1.001 comes as
 * 1.00100004…: the simplest fraction that rounds to the same float is what was meant. `undefined` where the two make
 * no frame rate (zero, negative, not finite).
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
 * The first convergent of the continued fraction that equals `value` as a 32-bit float, or the closest one with parts
 * of a sensible size; `undefined` where there is none above zero.
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

/** `24000/1001`, or `24` where it is whole: as ffmpeg reads a frame rate. */
export function formatFrameRate({ numerator, denominator }: FrameRate): string {
  return denominator === 1 ? String(numerator) : `${numerator}/${denominator}`;
}

/** Pixels. */
export interface Resolution {
  readonly width: number;
  readonly height: number;
}

/** What of a scene decides the size of its frames. */
interface ResolutionSettings {
  readonly width: number;
  readonly height: number;
  readonly resolutionPercent: number;
  /** The border that is cut out, in fractions of the size. */
  readonly crop?:
    | { readonly xmin: number; readonly xmax: number; readonly ymin: number; readonly ymax: number }
    | undefined;
}

/**
 * The size of the frames that Blender writes, in its own arithmetic: whole numbers, cut off, not rounded
 * (`render_init_from_main` in Blender's pipeline.cc; checked against Blender by test).
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

/** Blender multiplies a 32-bit float by a whole number and cuts. */
function edge(fraction: number, pixels: number): number {
  return Math.trunc(Math.fround(Math.fround(fraction) * pixels));
}

/** x265 takes no smaller side (tried with ffmpeg 5.1). */
const HEVC_LEAST_PIXELS = 16;

/**
 * A GIF counts in hundredths of a second, at most 65,535 of them for a picture, and browsers show none for less than two.
 * Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt, 23 (Delay Time)
 */
const GIF_MOST_FPS = 50;
const GIF_LEAST_FPS = 100 / 65_535;

/** SVT-AV1 takes no smaller side (tried with 1.4). */
const AV1_LEAST_PIXELS = 64;

/** Why a video of this format can't be what is asked for; `undefined` where it can. Pure. */
export function videoFault(
  video: VideoFormat,
  { width, height }: Resolution,
  frameRate: FrameRate,
): string | undefined {
  if (video === 'hevc' && Math.min(width, height) < HEVC_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video hevc, which has ${HEVC_LEAST_PIXELS} at least each way`;
  }
  if (video === 'av1' && Math.min(width, height) < AV1_LEAST_PIXELS - 1) {
    return `${width}×${height} pixels are too few for video av1, which has ${AV1_LEAST_PIXELS} at least each way`;
  }
  const fps = frameRate.numerator / frameRate.denominator;
  if (video === 'gif' && (fps > GIF_MOST_FPS || fps < GIF_LEAST_FPS)) {
    return `${formatFrameRate(frameRate)} frames per second are not for video gif, which has 1/655 to ${GIF_MOST_FPS}`;
  }
  return undefined;
}

/** Displays whose pictures are no BT.709, and which videos are therefore tagged for. */
export const DISPLAYS = ['rec2100-pq', 'rec2100-hlg', 'display-p3', 'rec2020'] as const;

export type Display = (typeof DISPLAYS)[number];

/** By Blender's names (5.2's `colormanagement/config.ocio`, and 4.x's for the last two). */
const BY_NAME: Readonly<Record<string, Display>> = {
  'Rec.2100-PQ': 'rec2100-pq',
  'Rec.2100-HLG': 'rec2100-hlg',
  'Display P3': 'display-p3',
  'Rec.2020': 'rec2020',
};

/** The display that the scene's frames are for; `undefined` for those of BT.709 and for unknown ones. Pure. */
export function displayOf({ display }: { readonly display?: string | undefined }): Display | undefined {
  // ACES configurations add the word.
  const name = display?.replace(/ - Display$/, '') ?? '';
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
}

/** Whether 8 bits show bands on it. Pure. */
export const isHdr = (display: Display | undefined): boolean =>
  display === 'rec2100-pq' || display === 'rec2100-hlg';

/** Width of a pixel by its height, in lowest terms: 64:45 is wider than high. */
export interface PixelAspect {
  readonly numerator: number;
  readonly denominator: number;
}

/** Of both parts: what Blender's own videos have. */
const LARGEST_ASPECT_PART = 255;

/**
 * The closest fraction to the scene's pixel aspect; `undefined` for square pixels and for values that make no aspect. Pure.
 * Blender's videos have the same one (tried with 3.4, 4.5 and 5.2).
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

/** The one with the smallest parts where several are as close. */
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
