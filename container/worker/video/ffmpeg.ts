import {
  type Display,
  formatFrameRate,
  type FrameRate,
  type PixelAspect,
  type VideoFileFormat,
} from '../../../core/render/video';
import type { WorkerContext } from '../context';
import { findProgram, programEnvironment, sandboxed } from '../programs';

/** Colour tags of a video, by ffmpeg's names. */
interface Colours {
  readonly primaries: string;
  readonly transfer: string;
  readonly matrix: string;
  /** The matrix by the name of the scale filter. */
  readonly scaleMatrix: string;
}

const BT709: Colours = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', scaleMatrix: 'bt709' };
const BT2020: Colours = { primaries: 'bt2020', transfer: 'bt709', matrix: 'bt2020nc', scaleMatrix: 'bt2020' };

/** The tags that Blender 5.2 writes (tested); it also gives Display P3 the transfer of BT.709. */
const BY_DISPLAY: Readonly<Record<Display, Colours>> = {
  'rec2100-pq': { ...BT2020, transfer: 'smpte2084' },
  'rec2100-hlg': { ...BT2020, transfer: 'arib-std-b67' },
  'display-p3': { ...BT709, primaries: 'smpte432' },
  rec2020: BT2020,
};

const coloursOf = (display: Display | undefined): Colours => (display ? BY_DISPLAY[display] : BT709);

/** Arguments that tag the colours of an output, so that players do not guess them from the picture's size. */
export function colourTags(display: Display | undefined): string[] {
  const { primaries, transfer, matrix } = coloursOf(display);
  return [
    ...['-colorspace', matrix, '-color_primaries', primaries, '-color_trc', transfer],
    ...['-color_range', 'tv'],
  ];
}

/** Options of the scale filter for these colours; without `accurate_rnd` greys of 16 bits get a tint. */
export const scaleOptions = (display: Display | undefined): string =>
  `out_color_matrix=${coloursOf(display).scaleMatrix}:out_range=tv:flags=${EXACT}`;

/** Flags of every scale filter. */
export const EXACT = 'accurate_rnd+full_chroma_int';

/** Filters that make RGB pictures of these pixels, such as `yuv420p`. */
export function inColours(pixels: string, display: Display | undefined): string[] {
  const { primaries, transfer, matrix } = coloursOf(display);
  return [
    `scale=${scaleOptions(display)}`,
    `format=${pixels}`,
    // The ProRes encoder takes the tags of its frames.
    `setparams=range=tv:color_primaries=${primaries}:color_trc=${transfer}:colorspace=${matrix}`,
  ];
}

/** The picture over a colour `rrggbb`. The colour is made from the picture, so both have the same size and timing. */
function overColour(background: string): string {
  const [r, g, b] = channelsOf(background);
  const colour = `lutrgb=r=${r}:g=${g}:b=${b}:a=255,format=gbrp`;
  return `format=gbrap,split[front][back];[back]${colour}[colour];[colour][front]overlay=format=gbrp`;
}

/** Like `overColour`, in 16 bits, which the overlay filter does not support. */
function overDeepColour(background: string): string {
  const [r, g, b] = channelsOf(background).map((value) => value * 257);
  return [
    'format=gbrap16,split=3[front][back][alpha]',
    `[back]lutrgb=r=${r}:g=${g}:b=${b},format=gbrp16[colour]`,
    '[front]format=gbrp16[opaque]',
    '[alpha]shuffleplanes=3:3:3:3,format=gbrp16[mask]',
    '[colour][opaque][mask]maskedmerge',
  ].join(';');
}

function channelsOf(background: string): number[] {
  return [0, 2, 4].map((at) => Number.parseInt(background.slice(at, at + 2), 16));
}

/** How to make a video. */
export interface VideoOptions {
  readonly format: VideoFileFormat;
  readonly frameRate: FrameRate;
  /** Whether the pictures have alpha. */
  readonly alpha: boolean;
  /** Absent for square pixels. Overrides what the pictures say. */
  readonly pixelAspect?: PixelAspect;
  /** The display of the pictures' colours; absent for BT.709. */
  readonly display?: Display;
  /** Background colour `rrggbb` in formats without alpha. */
  readonly background: string;
  /** A sound file as long as the video, if there is sound; ignored by formats without sound. */
  readonly sound?: string;
  /** Where the video is written. */
  readonly path: string;
  /** A small version, made from the same pictures; absent if not wanted. */
  readonly preview?: { readonly filter: string; readonly codec: readonly string[]; readonly path: string };
}

/** How to make a format. */
interface Recipe {
  /** ffmpeg's name of the encoder. */
  readonly encoder: string;
  readonly container: string;
  /** Whether width and height must be even, for halved colours. */
  readonly even?: boolean;
  /** Absent for a format without alpha. */
  readonly alphaPixels?: string;
  /** Absent for a format with a palette. */
  readonly pixels?: string;
  /** Replaces `pixels` for displays that show more than BT.709. */
  readonly widePixels?: string;
  readonly args: readonly string[];
  /** Absent for a format without sound. */
  readonly sound?: SoundRecipe;
}

interface SoundRecipe {
  /** ffmpeg's name of the encoder. */
  readonly encoder: string;
  readonly args: readonly string[];
}

const AAC: SoundRecipe = { encoder: 'aac', args: ['-b:a', '192k'] };

const RECIPES: Readonly<Record<VideoFileFormat, Recipe>> = {
  h264: {
    encoder: 'libx264',
    container: 'mp4',
    even: true,
    pixels: 'yuv420p',
    args: ['-preset', 'medium', '-crf', '18', '-movflags', '+faststart'],
    sound: AAC,
  },
  hevc: {
    encoder: 'libx265',
    container: 'mp4',
    even: true,
    pixels: 'yuv420p',
    widePixels: 'yuv420p10le',
    // Apple's players accept only this tag.
    args: [
      ...['-preset', 'medium', '-crf', '20', '-x265-params', 'log-level=error'],
      ...['-tag:v', 'hvc1', '-movflags', '+faststart'],
    ],
    sound: AAC,
  },
  av1: {
    encoder: 'libsvtav1',
    container: 'mp4',
    even: true,
    pixels: 'yuv420p10le',
    args: ['-preset', '8', '-crf', '24', '-movflags', '+faststart'],
    sound: AAC,
  },
  prores: {
    encoder: 'prores_ks',
    container: 'mov',
    pixels: 'yuv444p10le',
    alphaPixels: 'yuva444p10le',
    args: ['-profile:v', '4444', '-vendor', 'apl0', '-movflags', '+write_colr'],
    sound: { encoder: 'pcm_s24le', args: [] },
  },
  vp9: {
    encoder: 'libvpx-vp9',
    container: 'webm',
    pixels: 'yuv420p',
    alphaPixels: 'yuva420p',
    // Constant quality. Reordered frames would separate a picture from its alpha.
    args: ['-crf', '24', '-b:v', '0', '-row-mt', '1', '-auto-alt-ref', '0'],
    sound: { encoder: 'libopus', args: ['-b:a', '160k'] },
  },
  gif: { encoder: 'gif', container: 'gif', args: [] },
};

/** The encoder that ffmpeg needs for a format. */
export const encoderOf = (format: VideoFileFormat): string => RECIPES[format].encoder;

/** The encoder that a format's sound needs; `undefined` for a format without sound. */
export const soundEncoderOf = (format: VideoFileFormat): string | undefined => RECIPES[format].sound?.encoder;

/**
 * ffmpeg's argument list. PNG pictures come on standard input, so that no file numbering can skip or reorder frames.
 * Browsers can play the MP4 from its first byte. Progress is written to standard output.
 */
export function ffmpegArgs(options: VideoOptions): string[] {
  const { encoder, container, args, pixels, sound } = RECIPES[options.format];
  const { preview, display } = options;
  const heard = sound && options.sound;
  const soundBy = (by: SoundRecipe): string[] =>
    heard === undefined ? [] : ['-map', '1:a', '-c:a', by.encoder, ...by.args];
  return [
    ...['-hide_banner', '-loglevel', 'warning', '-nostats', '-progress', 'pipe:1', '-xerror', '-y'],
    ...['-protocol_whitelist', 'pipe', '-f', 'image2pipe', '-c:v', 'png'],
    ...['-framerate', formatFrameRate(options.frameRate), '-i', 'pipe:0'],
    ...(heard === undefined ? [] : flacInput(heard)),
    ...['-filter_complex', filterGraph(options)],
    ...['-map', '[film]', '-c:v', encoder, ...args, ...(pixels === undefined ? [] : colourTags(display))],
    ...(sound ? soundBy(sound) : []),
    ...['-f', container, options.path],
    ...(preview
      ? [
          '-map',
          '[preview]',
          ...preview.codec,
          ...colourTags(display),
          ...soundBy(PREVIEW_SOUND),
          '-f',
          'mp4',
          preview.path,
        ]
      : []),
  ];
}

const PREVIEW_SOUND: SoundRecipe = { encoder: 'aac', args: ['-b:a', '96k'] };

/** Hz, as usual for videos. */
const SAMPLE_RATE = 48_000;

/** ffmpeg's argument list that makes a mixdown exactly as long as the video, before the video is begun. */
export function soundArgs(
  mixed: string,
  { frameCount, frameRate }: { readonly frameCount: number; readonly frameRate: FrameRate },
  path: string,
): string[] {
  const samples = Math.round((frameCount * SAMPLE_RATE * frameRate.denominator) / frameRate.numerator);
  const filter = `aresample=${SAMPLE_RATE},apad,atrim=end_sample=${samples}`;
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-xerror', '-y'];
  return [...quiet, ...flacInput(mixed), '-af', filter, '-c:a', 'flac', path];
}

/**
 * A FLAC file as input. ffmpeg accepts no other format and protocol, because a playlist under this name would make it open
 * other files.
 */
const flacInput = (path: string): string[] => ['-protocol_whitelist', 'file', '-f', 'flac', '-i', path];

/** Makes film and preview from one decoder: decoding every picture twice would take a tenth of the time. */
function filterGraph({ format, alpha, background, display, pixelAspect, preview }: VideoOptions): string {
  const { even, alphaPixels, ...recipe } = RECIPES[format];
  const pixels = (display && recipe.widePixels) ?? recipe.pixels;
  const keepsAlpha = alpha && alphaPixels !== undefined;
  const { numerator, denominator } = pixelAspect ?? { numerator: 1, denominator: 1 };
  const film = [
    ...(even ? ['pad=ceil(iw/2)*2:ceil(ih/2)*2'] : []),
    ...(pixels === undefined
      ? [...squarePixels(pixelAspect), PALETTE]
      : inColours(keepsAlpha ? alphaPixels : pixels, display)),
    pixels === undefined ? 'setsar=1' : `setsar=${numerator}/${denominator}:max=255`,
  ].join(',');
  const over = pixels?.includes('10') ? overDeepColour : overColour;
  const pictures = alpha && !keepsAlpha ? `[0:v]${over(background)},` : '[0:v]';
  if (!preview) return `${pictures}${film}[film]`;
  // The pixels of a small H.264, too: scaling them takes a third of the time that scaling RGB pictures takes.
  if (!keepsAlpha && pixels === 'yuv420p')
    return `${pictures}${film},split[film][small];[small]${preview.filter}[preview]`;
  const small = keepsAlpha ? `${over(background)},${preview.filter}` : preview.filter;
  return `${pictures}split[whole][small];[whole]${film}[film];[small]${small}[preview]`;
}

/** Scales to square pixels, because players ignore the pixel aspect of a GIF. */
function squarePixels(aspect: PixelAspect | undefined): string[] {
  if (!aspect) return [];
  const { numerator, denominator } = aspect;
  const wider = `w='max(1,round(iw*${numerator}/${denominator}))':h=ih`;
  const higher = `w=iw:h='max(1,round(ih*${denominator}/${numerator}))'`;
  return [`scale=${numerator > denominator ? wider : higher}:flags=lanczos+${EXACT}`];
}

/** 256 colours for each picture: a common palette would need all pictures in memory. */
const PALETTE = 'split[p][q];[p]palettegen=stats_mode=single[r];[q][r]paletteuse=new=1';

/** The number of encoded frames, from a line of ffmpeg's progress; `undefined` for other lines. */
export function parseFfmpegProgress(line: string): number | undefined {
  const match = /^frame=\s*(\d+)$/.exec(line.trim());
  return match ? Number(match[1]) : undefined;
}

/** How to start ffmpeg. */
export interface PreparedFfmpeg {
  readonly path: string;
  /** Starts it in the sandbox, where it writes to `scratch.ffmpeg` only. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** Hides the eleven lines with which SVT-AV1 starts the log. */
const QUIET = { SVT_LOG: '1' };

/** Throws `no-program`. */
export function prepareFfmpeg({
  environment,
  scratch: { ffmpeg: folder },
}: Pick<WorkerContext, 'environment' | 'scratch'>): PreparedFfmpeg {
  const path = findProgram('ffmpeg', environment);
  return {
    path,
    command: sandboxed([path], { write: [folder] }, environment),
    environment: { ...programEnvironment(environment, folder), ...QUIET },
  };
}
