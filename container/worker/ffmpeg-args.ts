import type { FrameRate } from '../../core/render/frame-rate';
import { formatFrameRate } from '../../core/render/frame-rate';

/** What the video is made from. */
export interface VideoOptions {
  readonly frameRate: FrameRate;
  /** Where the video is written. */
  readonly path: string;
}

/**
 * ffmpeg's argument list: PNG pictures on its standard input, one after another, so that no numbering of files can
 * skip or reorder a frame; an MP4 that browsers play from its first byte. Progress goes to standard output.
 */
export function ffmpegArgs({ frameRate, path }: VideoOptions): string[] {
  return [
    ...['-hide_banner', '-loglevel', 'warning', '-nostats', '-progress', 'pipe:1', '-xerror', '-y'],
    ...['-f', 'image2pipe', '-c:v', 'png', '-framerate', formatFrameRate(frameRate), '-i', 'pipe:0'],
    ...['-vf', videoFilter()],
    ...['-c:v', 'libx264', '-preset', 'medium', '-crf', '18', '-pix_fmt', 'yuv420p'],
    // Says what the scale filter made, so that players do not guess by the picture's size.
    ...['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709', '-color_range', 'tv'],
    ...['-movflags', '+faststart', '-f', 'mp4', path],
  ];
}

function videoFilter(): string {
  // yuv420p halves the colours' resolution, so both dimensions must be even.
  const even = 'pad=ceil(iw/2)*2:ceil(ih/2)*2';
  return `${even},scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p`;
}

/** How many frames are encoded, from a line of ffmpeg's progress; `undefined` for its other lines. */
export function parseProgress(line: string): number | undefined {
  const match = /^frame=\s*(\d+)$/.exec(line.trim());
  return match ? Number(match[1]) : undefined;
}
