import type { DependencyKind } from '../blend/contents/blend-contents';
import { LUT_ENDINGS } from '../contract/ocio-config';

/**
 * Blender's `imb_ext_image` (source/blender/imbuf/intern/util.cc), with `gif`, and with endings of the same formats that
 * Blender opens because it looks at the content.
 */
const IMAGES =
  'png tga bmp dib jpg jpeg jpe jfif sgi rgb rgba bw tif tiff tx jp2 j2c j2k hdr dds dpx cin exr psd pdd psb webp gif';

/** Blender's `imb_ext_movie`, without `avs`, which is a script. */
const MOVIES =
  'avi flc mov movie mp4 m4v m2v m2t m2ts mts ts mv wmv ogv ogg r3d dv mpeg mpg mpg2 vob mkv flv divx xvid mxf webm gif';

/** Blender's `imb_ext_audio`. */
const SOUNDS = 'wav ogg oga mp3 mp2 ac3 aac flac wma eac3 aif aiff m4a mka opus';

/**
 * The files that a dependency of each kind can be, by how their paths end. Where no other source is named, it is
 * `ED_path_extension_type` in Blender's source/blender/editors/space_file/filelist.cc.
 */
const ASSETS: Readonly<Record<DependencyKind, RegExp>> = {
  image: endings(IMAGES, MOVIES),
  'movie-clip': endings(IMAGES, MOVIES),
  sound: endings(SOUNDS, MOVIES),
  strip: endings(IMAGES, MOVIES, SOUNDS),
  font: endings('ttf ttc pfb otf otc woff woff2'),
  // `BLO_has_bfile_extension` in readfile.cc.
  library: endings('blend ble blend.gz'),
  volume: endings('vdb'),
  'cache-file': endings('abc usd usda usdc usdz'),
  // MOD_meshcache_mdd.cc and MOD_meshcache_pc2.cc.
  'mesh-cache': endings('mdd pc2'),
  // `BKE_ocean_bake` in ocean.cc writes OpenEXR alone.
  'ocean-cache': endings('exr'),
  // `FLUID_DOMAIN_EXTENSION_*` in DNA_fluid_types.h; up to 2.81 `bobj.gz` and `bvel.gz`.
  'fluid-cache': endings('uni vdb raw obj bobj.gz bvel.gz'),
  // `PTCACHE_EXT` in BKE_pointcache.h; smoke up to 2.81 in OpenVDB.
  'point-cache': endings('bphys vdb'),
  // bake_items_paths.cc and bake_items_serialize.cc: `meta/<frame>_<fraction>.json` and `blobs/…`.
  bake: /(?:^|\/)(?:meta\/[0-9_]+\.json|blobs\/[^/]+\.(?:blob|vdb))$/i,
  'custom-data': endings('btx'),
  // node_geo_import_*.cc.
  import: endings('stl obj ply csv txt vdb'),
  ies: endings('ies'),
  osl: endings('osl oso'),
  ocio: endings('ocio ocioz', LUT_ENDINGS, 'icc icm'),
};

/** Asset files that may be text from their first byte on. */
const MAY_BE_TEXT = endings('ies osl oso usd usda json obj hdr stl ply csv txt ocio', LUT_ENDINGS);

/** Bytes of a file that `isText` looks at. */
export const TEXT_PROBE_BYTES = 512;

/** Whether a file at `path` can be what a dependency of this kind needs, by its name: pure. */
export function isAsset(kind: DependencyKind, path: string): boolean {
  return ASSETS[kind].test(path);
}

/** Whether the first bytes of the file at `path` are text, as those of no binary asset are: pure. */
export function isTextInstead(path: string, start: Uint8Array): boolean {
  return start.length > 0 && !MAY_BE_TEXT.test(path) && isText(start);
}

// oxlint-disable-next-line no-control-regex -- control characters are the subject
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** Text without control characters in UTF-8, or in UTF-16 with its mark; the last character may be cut off. */
function isText(bytes: Uint8Array): boolean {
  const isMarked = (first: number, second: number) => bytes[0] === first && bytes[1] === second;
  const utf16 = isMarked(0xff, 0xfe) ? 'utf-16le' : isMarked(0xfe, 0xff) ? 'utf-16be' : undefined;
  try {
    return !CONTROL.test(new TextDecoder(utf16 ?? 'utf-8', { fatal: true }).decode(bytes, { stream: true }));
  } catch {
    return false;
  }
}

function endings(...lists: readonly string[]): RegExp {
  const all = lists
    .join(' ')
    .split(' ')
    .map((ending) => ending.replace('.', '\\.'));
  return new RegExp(`[^/]\\.(?:${all.join('|')})$`, 'i');
}
