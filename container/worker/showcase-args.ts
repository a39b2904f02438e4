import type { Display } from '../../core/render/display';
import type { PixelAspect } from '../../core/render/pixel-aspect';
import { colourTags, EXACT, inColours } from './video-colours';

/** Of pictures to look at, in pixels; a smaller source is not blown up. */
const POSTER_WIDTH = 1280;
const THUMBNAIL_WIDTH = 480;
const PREVIEW_WIDTH = 640;
const TILE_WIDTH = 320;
const TILES_ACROSS = 4;

/** Of the contact sheet; 4 rows of 4 at most. */
export const MOST_TILES = 16;

/** What a plan says of how its frames are to be shown. */
export interface FrameLook {
  readonly pixelAspect?: PixelAspect | undefined;
  readonly display?: Display | undefined;
}

/** A frame's file on this machine. */
export interface FrameFile {
  readonly frame: number;
  readonly path: string;
}

const COMMON = ['-hide_banner', '-loglevel', 'error', '-nostdin', '-y'];

/**
 * A PNG file as input. ffmpeg takes it for nothing else and reads no other protocol: a playlist under this name would make it open
 * other files.
 */
const pngInput = (path: string): string[] => [
  ...['-protocol_whitelist', 'file', '-f', 'image2', '-pattern_type', 'none', '-c:v', 'png', '-i', path],
];

/**
 * In square pixels of the same shape; both sides even, as JPEG's and H.264's halved colours ask for. Black where a frame is
 * transparent.
 */
function scaled(width: number, { pixelAspect }: FrameLook, options: string): string {
  const { numerator = 1, denominator = 1 } = pixelAspect ?? {};
  const wide = `iw*${Math.max(numerator, denominator)}/${denominator}`;
  const height = pixelAspect ? `'max(2,round(ow*ih*${denominator}/(iw*${numerator})/2)*2)'` : '-2';
  return `scale='max(2,trunc(min(${width},${wide})/2)*2)':${height}:${options},setsar=1`;
}

/** As JPEG has it: without `accurate_rnd` greys of 16 bits get a tint, and fewer steps than 256 would be off by one. */
const jpegScaled = (width: number, look: FrameLook): string =>
  `${scaled(width, look, `out_color_matrix=bt601:out_range=pc:flags=lanczos+${EXACT}`)},format=yuvj420p`;

/** As a small H.264 has it, in the film's own colours. */
const videoScaled = (look: FrameLook, how: string): string =>
  [scaled(PREVIEW_WIDTH, look, `flags=${how}+${EXACT}`), ...inColours('yuv420p', look.display)].join(',');

/** One frame as a JPEG. */
export function posterArgs(frame: string, output: string, look: FrameLook, width = POSTER_WIDTH): string[] {
  return [
    ...COMMON,
    ...pngInput(frame),
    '-vf',
    jpegScaled(width, look),
    '-frames:v',
    '1',
    '-q:v',
    '3',
    output,
  ];
}

/** The same, small. */
export function thumbnailArgs(frame: string, output: string, look: FrameLook): string[] {
  return posterArgs(frame, output, look, THUMBNAIL_WIDTH);
}

/**
 * Single frames as a film of `seconds`, each shown for as long as the others: what a shot will look like, before it is
 * rendered.
 */
export function coarsePreviewArgs(
  frames: readonly string[],
  seconds: number,
  look: FrameLook,
  output: string,
): string[] {
  const rate = (frames.length / seconds).toFixed(6);
  const inputs = frames.flatMap((path) => ['-framerate', rate, ...pngInput(path)]);
  const scaledAll = frames.map((_, i) => `[${i}:v]${videoScaled(look, 'lanczos')}[f${i}]`).join(';');
  const joined = frames.map((_, i) => `[f${i}]`).join('');
  const filter = [
    '-filter_complex',
    `${scaledAll};${joined}concat=n=${frames.length}:v=1:a=0,setpts=N/${rate}/TB`,
  ];
  return [...COMMON, ...inputs, ...filter, '-r', rate, ...PREVIEW_CODEC, ...colourTags(look.display), output];
}

/** Of the small film, in ffmpeg's folder and in storage. */
export const PREVIEW_NAME = 'preview.mp4';

export const PREVIEW_ENCODER = 'libx264';

export const PREVIEW_CODEC: readonly string[] = [
  ...['-c:v', PREVIEW_ENCODER, '-preset', 'veryfast', '-crf', '28', '-movflags', '+faststart'],
];

/** Pictures in a preview at most, give or take one: of a long film only every so manyth. */
const MOST_PREVIEW_FRAMES = 600;

/** What makes a film of so many frames small enough to be sent by mail or to stand in a page. */
export function previewFilter(frameCount: number, look: FrameLook): string {
  const every = Math.ceil(frameCount / MOST_PREVIEW_FRAMES);
  return [...(every > 1 ? [`framestep=${every}`] : []), videoScaled(look, 'bilinear')].join(',');
}

/** Frames side by side in rows, each with its number in a corner unless `numbers` is false (not every ffmpeg can write). */
export function contactSheetArgs(
  frames: readonly FrameFile[],
  output: string,
  look: FrameLook,
  numbers: boolean,
): string[] {
  const inputs = frames.flatMap(({ path }) => pngInput(path));
  const tiles = frames.map(({ frame }, i) => {
    const number = `,drawtext=text='${frame}':x=8:y=6:fontsize=22:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=4`;
    return `[${i}:v]${jpegScaled(TILE_WIDTH, look)}${numbers ? number : ''}[t${i}]`;
  });
  const joined = frames.map((_, i) => `[t${i}]`).join('');
  const [across, down] = gridOf(frames.length);
  const sheet = `${joined}concat=n=${frames.length}:v=1:a=0,tile=${across}x${down}:margin=4:padding=4:color=black`;
  const filter = ['-filter_complex', `${tiles.join(';')};${sheet}`];
  return [...COMMON, ...inputs, ...filter, '-frames:v', '1', '-q:v', '4', output];
}

function gridOf(tiles: number): [number, number] {
  const across = Math.min(TILES_ACROSS, tiles);
  return [across, Math.ceil(tiles / across)];
}
