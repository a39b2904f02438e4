/** How the files end that Blender saves for one frame each, and their content types. Pure data. */

const PICTURE_TYPES = {
  png: 'image/png',
  exr: 'image/x-exr',
  jpg: 'image/jpeg',
  tif: 'image/tiff',
  webp: 'image/webp',
  dpx: 'image/x-dpx',
  hdr: 'image/vnd.radiance',
  avif: 'image/avif',
  jp2: 'image/jp2',
  j2c: 'image/j2c',
  cin: 'image/x-cineon',
  tga: 'image/x-tga',
  bmp: 'image/bmp',
  rgb: 'image/x-sgi',
} as const;

/** A picture that Blender writes and that Spotreel can check. */
export type PictureEnding = keyof typeof PICTURE_TYPES;

/** A frame in the scene's own format, kept beside the PNG. */
export type MasterEnding = Exclude<PictureEnding, 'png'>;

const isPictureEnding = (text: string): text is PictureEnding => Object.hasOwn(PICTURE_TYPES, text);

export const MASTER_ENDINGS: readonly MasterEnding[] = Object.keys(PICTURE_TYPES).filter(
  (ending): ending is MasterEnding => isPictureEnding(ending) && ending !== 'png',
);

export const contentTypeOf = (ending: PictureEnding): string => PICTURE_TYPES[ending];

/** The ending of a file's name; `undefined` for a file that Spotreel cannot check. */
export function pictureEndingOf(name: string): PictureEnding | undefined {
  const ending = /\.([a-z0-9]{1,4})$/.exec(name)?.[1];
  return ending !== undefined && isPictureEnding(ending) ? ending : undefined;
}
