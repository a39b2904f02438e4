import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What ffprobe says of the one video stream in a file, its frames counted by decoding them. */
export interface VideoFacts {
  readonly codec_name: string;
  readonly width: number;
  readonly height: number;
  readonly pix_fmt: string;
  readonly r_frame_rate: string;
  readonly avg_frame_rate: string;
  readonly nb_read_frames: string;
  /** Of the pixels, such as `64:45`. */
  readonly sample_aspect_ratio?: string;
  readonly profile?: string;
  readonly color_range?: string;
  readonly color_space?: string;
  readonly color_primaries?: string;
  readonly color_transfer?: string;
  /** Seconds; absent where the container alone knows. */
  readonly duration?: string;
  readonly format: { readonly duration: string };
}

export async function probeVideo(path: string): Promise<VideoFacts> {
  const args = [
    '-v',
    'error',
    '-count_frames',
    '-select_streams',
    'v',
    '-show_streams',
    '-show_format',
    '-of',
    'json',
    path,
  ];
  const { stdout } = await run('ffprobe', args);
  const { streams, format } = JSON.parse(stdout);
  return { ...streams[0], format };
}

/** A filter to RGB bytes without shortcuts. */
const toRgb = (matrix: string): string =>
  `scale=in_color_matrix=${matrix}:flags=accurate_rnd+full_chroma_int,format=rgb24`;

/** The pixels of frame `index` (0-based) of a video or picture, as RGB bytes. */
export function decodeFrame(path: string, index = 0, matrix = 'bt709'): Promise<Buffer> {
  return decode(path, `select=eq(n\\,${index}),${toRgb(matrix)}`, ['-frames:v', '1']);
}

/** The pixels of each frame of a BT.709 video of this size, as RGB bytes. */
export async function decodeFrames(
  path: string,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<Buffer[]> {
  const bytes = await decode(path, toRgb('bt709'), ['-fps_mode', 'passthrough']);
  const size = width * height * 3;
  return Array.from({ length: bytes.length / size }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** One row of pixels of the first frame of a video or picture, read by its own tags. */
export function decodeRow(path: string, y: number, pixels = 'rgb24'): Promise<Buffer> {
  const filter = `scale=flags=accurate_rnd+full_chroma_int,format=${pixels},crop=iw:1:0:${y}`;
  return decode(path, filter, ['-frames:v', '1']);
}

/** The grey, 0 to 255, in the middle of each frame of a video. */
export async function decodeGreys(path: string): Promise<number[]> {
  const filter = 'scale=in_color_matrix=bt709:out_range=pc,format=gray,crop=1:1';
  return [...(await decode(path, filter, ['-fps_mode', 'passthrough']))];
}

/** Red, green, blue and alpha of the first pixel of a video, as this decoder of ffmpeg's reads it. */
export async function decodePixel(path: string, decoder: string): Promise<number[]> {
  const filter = 'scale=in_color_matrix=bt709,format=rgba,crop=1:1';
  return [...(await decode(path, filter, ['-frames:v', '1'], ['-c:v', decoder]))];
}

/** A video decoded by ffmpeg to raw pixels. */
async function decode(
  path: string,
  filter: string,
  output: readonly string[],
  input: readonly string[] = [],
): Promise<Buffer> {
  const args = ['-v', 'error', ...input, '-i', path, '-vf', filter, ...output, '-f', 'rawvideo', 'pipe:1'];
  const { stdout } = await run('ffmpeg', args, { encoding: 'buffer', maxBuffer: 256 * 1024 * 1024 });
  return stdout;
}
