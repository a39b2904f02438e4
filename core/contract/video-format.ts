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
