/**
 * Names of `Scene.r.im_format.imtype`, as Blender's Python interface spells them (`image_settings.file_format`); the
 * numbers are `R_IMF_IMTYPE_*` in Blender's `DNA_scene_types.h`.
 */
const OUTPUT_FORMATS: ReadonlyMap<number, string> = new Map([
  [0, 'TARGA'],
  [1, 'IRIS'],
  [4, 'JPEG'],
  [7, 'IRIZ'],
  [14, 'TARGA_RAW'],
  [15, 'AVI_RAW'],
  [16, 'AVI_JPEG'],
  [17, 'PNG'],
  [20, 'BMP'],
  [21, 'HDR'],
  [22, 'TIFF'],
  [23, 'OPEN_EXR'],
  [24, 'FFMPEG'],
  [26, 'CINEON'],
  [27, 'DPX'],
  [28, 'OPEN_EXR_MULTILAYER'],
  [29, 'DDS'],
  [30, 'JPEG2000'],
  [31, 'H264'],
  [32, 'XVID'],
  [33, 'THEORA'],
  [34, 'PSD'],
  [35, 'WEBP'],
  [36, 'AV1'],
  [37, 'AVIF'],
]);

/** `PNG`, `OPEN_EXR`, `FFMPEG`, …; `UNKNOWN(99)` for a number that no Blender up to 5.0 has. */
export function outputFormatName(imageType: number): string {
  return OUTPUT_FORMATS.get(imageType) ?? `UNKNOWN(${imageType})`;
}
