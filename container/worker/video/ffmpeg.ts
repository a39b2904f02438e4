import {
  type Display,
  formatFrameRate,
  type FrameRate,
  type PixelAspect,
  type VideoFileFormat,
} from '../../../core/render/video';
import type { WorkerContext } from '../context';
import { findProgram, programEnvironment, sandboxed } from '../programs';

/** How a video is tagged, in ffmpeg's names. */
interface Colours {
  readonly primaries: string;
  readonly transfer: string;
  readonly matrix: string;
  /** The matrix as the scale filter calls it. */
  readonly scaleMatrix: string;
}

const BT709: Colours = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', scaleMatrix: 'bt709' };
const BT2020: Colours = { primaries: 'bt2020', transfer: 'bt709', matrix: 'bt2020nc', scaleMatrix: 'bt2020' };

/** As Blender 5.2 tags its own videos (tried); its transfer of Display P3 is that of BT.709, too. */
const BY_DISPLAY: Readonly<Record<Display, Colours>> = {
  'rec2100-pq': { ...BT2020, transfer: 'smpte2084' },
  'rec2100-hlg': { ...BT2020, transfer: 'arib-std-b67' },
  'display-p3': { ...BT709, primaries: 'smpte432' },
  rec2020: BT2020,
};

const coloursOf = (display: Display | undefined): Colours => (display ? BY_DISPLAY[display] : BT709);

/** Arguments of an output that say how its colours are meant, so that players do not guess by the picture's size. */
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
    // ProRes goes by what its frames say.
    `setparams=range=tv:color_primaries=${primaries}:color_trc=${transfer}:colorspace=${matrix}`,
  ];
}

/** The picture over a colour `rrggbb`, which is made from the picture itself, so that both have the same size, time and number. */
function overColour(background: string): string {
  const [r, g, b] = channelsOf(background);
  const colour = `lutrgb=r=${r}:g=${g}:b=${b}:a=255,format=gbrp`;
  return `format=gbrap,split[front][back];[back]${colour}[colour];[colour][front]overlay=format=gbrp`;
}

/** The same in 16 bits, which the overlay filter does not know. */
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

/** What the video is made from. */
export interface VideoOptions {
  readonly format: VideoFileFormat;
  readonly frameRate: FrameRate;
  /** Whether the pictures can be see-through. */
  readonly alpha: boolean;
  /** Absent for square pixels; whatever the pictures themselves say. */
  readonly pixelAspect?: PixelAspect | undefined;
  /** What the pictures' colours are meant for; absent for BT.709. */
  readonly display?: Display | undefined;
  /** What is seen through them in formats that can't, as `rrggbb`. */
  readonly background: string;
  /** A file of sound that is as long as the video; absent where there is none, and left out of formats that have none. */
  readonly sound?: string | undefined;
  /** Where the video is written. */
  readonly path: string;
  /** The same film small, made from the same pictures; absent where none is wanted. */
  readonly preview?: { readonly filter: string; readonly codec: readonly string[]; readonly path: string };
}

/** How a format is made. */
interface Recipe {
  /** ffmpeg's name of it. */
  readonly encoder: string;
  readonly container: string;
  /** Whether both sides must be even, as halved colours ask for. */
  readonly even?: boolean;
  /** Absent for one that has no alpha. */
  readonly alphaPixels?: string;
  /** Absent for one that has colours of its own. */
  readonly pixels?: string;
  /** In place of those, for displays that show more than BT.709. */
  readonly widePixels?: string;
  readonly args: readonly string[];
  /** Absent for one that has no sound. */
  readonly sound?: SoundRecipe;
}

interface SoundRecipe {
  /** ffmpeg's name of it. */
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
    // Apple's players take it under no other tag.
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
    // Of a constant quality. Frames out of order would part a picture from its alpha.
    args: ['-crf', '24', '-b:v', '0', '-row-mt', '1', '-auto-alt-ref', '0'],
    sound: { encoder: 'libopus', args: ['-b:a', '160k'] },
  },
  gif: { encoder: 'gif', container: 'gif', args: [] },
};

/** The encoder without which ffmpeg can't make a format. */
export const encoderOf = (format: VideoFileFormat): string => RECIPES[format].encoder;

/** The encoder without which a format has no sound; `undefined` for one that never has any. */
export const soundEncoderOf = (format: VideoFileFormat): string | undefined => RECIPES[format].sound?.encoder;

/**
 * ffmpeg's argument list: PNG pictures on its standard input, one after another, so that no numbering of files can
 * skip or reorder a frame; an MP4 that browsers play from its first byte. Progress goes to standard output.
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

/** Of sound, Hz: what videos have. */
const SAMPLE_RATE = 48_000;

/**
 * ffmpeg's argument list: all of a mixdown, and then as long as the video to the sample. Where that fails, the video is
 * not begun yet.
 */
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
 * A FLAC file as input. ffmpeg takes it for nothing else and reads no other protocol: a playlist under this name would make it open
 * other files.
 */
const flacInput = (path: string): string[] => ['-protocol_whitelist', 'file', '-f', 'flac', '-i', path];

/** Film and preview side by side, because decoding every picture twice would cost a tenth of the whole. */
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
  const small = keepsAlpha ? `${over(background)},${preview.filter}` : preview.filter;
  return `${pictures}split[whole][small];[whole]${film}[film];[small]${small}[preview]`;
}

/** No player knows of a GIF's pixels that they are not square. */
function squarePixels(aspect: PixelAspect | undefined): string[] {
  if (!aspect) return [];
  const { numerator, denominator } = aspect;
  const wider = `w='max(1,round(iw*${numerator}/${denominator}))':h=ih`;
  const higher = `w=iw:h='max(1,round(ih*${denominator}/${numerator}))'`;
  return [`scale=${numerator > denominator ? wider : higher}:flags=lanczos+${EXACT}`];
}

/** 256 colours for each picture: one palette for all would need all pictures in memory at once. */
const PALETTE = 'split[p][q];[p]palettegen=stats_mode=single[r];[q][r]paletteuse=new=1';

/** How many frames are encoded, from a line of ffmpeg's progress; `undefined` for its other lines. */
export function parseFfmpegProgress(line: string): number | undefined {
  const match = /^frame=\s*(\d+)$/.exec(line.trim());
  return match ? Number(match[1]) : undefined;
}

/** How ffmpeg is started. */
export interface PreparedFfmpeg {
  /** Its path. */
  readonly path: string;
  /** Its path, in the sandbox: it writes into `scratch.ffmpeg` only. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** SVT-AV1 describes itself in eleven lines of the log otherwise. */
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
