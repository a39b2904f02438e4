import { mapConcurrently } from '../../concurrency';
import { type ByteSource, formatLocation, type Storage } from '../../storage/storage';
import type { DependencyKind } from '../contents/blend-contents';
import { LUT_ENDINGS } from './ocio-config';
import type { FoundDependency } from './dependencies';
import type { FoundFile } from './find-files';

/** Files that are checked concurrently. */
const LOOKED_AT_ONCE = 16;

/** Files that are checked: on this machine, and in a bucket, where each is a request. */
const MOST_LOCAL = 20_000;
const MOST_STORED = 100;

/** A Git LFS pointer has three short lines: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
const MAX_POINTER_BYTES = 1024;
const POINTER = 'version https://git-lfs.github.com/spec/v1';

const HEAD_BYTES = 64;

/** Some programs append data of their own to a picture. */
const TAIL_BYTES = 64 << 10;

/** Pictures that Blender recognizes by their first bytes. TGA has none. */
const PICTURE =
  /\.(?:png|jpe?g|jpe|jfif|bmp|sgi|rgba?|bw|tiff?|tx|jp2|j2c|j2k|hdr|dds|dpx|cin|exr|psd|webp|gif)$/i;

/** The first bytes of pictures, as Latin-1: the `is_a` functions in Blender's source/blender/imbuf/intern. */
const STARTS: readonly string[] = [
  '\x89PNG',
  '\xff\xd8',
  'BM',
  '\x01\xda',
  'II\x2a\0',
  'MM\0\x2a',
  'II\x2b\0',
  'MM\0\x2b',
  '\0\0\0\x0cjP  ',
  '\xff\x4f\xff\x51',
  '#?',
  'DDS ',
  'SDPX',
  'XPDS',
  '\x80\x2a\x5f\xd7',
  '\xd7\x5f\x2a\x80',
  '\x76\x2f\x31\x01',
  '8BPS',
  'GIF8',
];

/** WebP, and containers of films and of HEIF. */
const isContainer = (head: string): boolean => /^(?:RIFF[^]{4}WEBP|[^]{4}ftyp)/.test(head);

/**
 * Adds the faults of files to each dependency: empty files, Git LFS pointers, and, on this machine, damaged pictures. Reads at
 * most head and tail of each file. Libraries are read elsewhere.
 */
export async function withFileFaults(
  dependencies: readonly FoundDependency[],
  storage: Storage,
  hasMore: () => boolean,
): Promise<FoundDependency[]> {
  const judged = dependencies.filter(({ dependency }) => {
    return dependency.kind !== 'library' && dependency.extent !== 'folder';
  });
  const files = new Map(judged.flatMap((found) => found.files.map((file) => [file.url.href, file])));
  const left = { local: MOST_LOCAL, stored: MOST_STORED };
  const looked = await mapConcurrently([...files.values()], LOOKED_AT_ONCE, async (file) => {
    return [file.url.href, await faultOf(file, storage, left, hasMore)] as const;
  });
  const why = new Map(looked);
  const areJudged = new Set(judged);
  return dependencies.map((found) => {
    const faults = areJudged.has(found)
      ? found.files.flatMap(({ url }) => {
          const reason = why.get(url.href);
          return reason === undefined ? [] : [{ location: formatLocation(url), why: reason }];
        })
      : [];
    return faults.length === 0 ? found : { ...found, faults };
  });
}

async function faultOf(
  { url, size, path }: FoundFile,
  storage: Storage,
  left: { local: number; stored: number },
  hasMore: () => boolean,
): Promise<string | undefined> {
  if (size === 0) return 'is empty';
  const isLocal = url.protocol === 'file:';
  const mayBePointer = size <= MAX_POINTER_BYTES;
  if (!mayBePointer && !(isLocal && PICTURE.test(path))) return undefined;
  left[isLocal ? 'local' : 'stored'] -= 1;
  if (Math.min(left.local, left.stored) < 0 || !hasMore()) return undefined;
  const source = await storage.open(url).catch(() => undefined);
  // It disappeared or is unreadable: Blender reports that.
  if (!source) return undefined;
  try {
    return await faultIn(source, isLocal && PICTURE.test(path));
  } catch {
    return undefined;
  } finally {
    await source.close();
  }
}

async function faultIn(source: ByteSource, isPicture: boolean): Promise<string | undefined> {
  const head = latin1(await source.read(0, HEAD_BYTES));
  if (head.startsWith(POINTER)) return 'is a Git LFS pointer, not the file itself: run git lfs pull';
  if (!isPicture) return undefined;
  const isKnown = STARTS.some((start) => head.startsWith(start)) || isContainer(head);
  if (!isKnown) return 'is damaged: it does not start like a picture';
  const { size } = source;
  const tail = async (): Promise<string> =>
    latin1(await source.read(Math.max(size - TAIL_BYTES, 0), TAIL_BYTES));
  return (await isCut(head, size, tail)) ? 'is damaged: its end is missing' : undefined;
}

/** Whether the end of the picture is missing, if its format shows that. Pure, except for `tail`. */
async function isCut(head: string, size: number, tail: () => Promise<string>): Promise<boolean> {
  if (head.startsWith('\x89PNG')) return !(await tail()).includes('IEND');
  if (head.startsWith('\xff\xd8')) return !(await tail()).includes('\xff\xd9');
  if (head.startsWith('RIFF')) return numberAt(head, 4) + 8 > size;
  return false;
}

/** Little-endian, 4 bytes. */
function numberAt(head: string, offset: number): number {
  return Buffer.from(head, 'latin1').readUInt32LE(offset);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/**
 * Blender's `imb_ext_image` (source/blender/imbuf/intern/util.cc), `gif`, and other endings of the same formats, which Blender
 * opens by content.
 */
const IMAGES =
  'png tga bmp dib jpg jpeg jpe jfif sgi rgb rgba bw tif tiff tx jp2 j2c j2k hdr dds dpx cin exr psd pdd psb webp gif';

/** Blender's `imb_ext_movie`, without `avs`, which is a script. */
const MOVIES =
  'avi flc mov movie mp4 m4v m2v m2t m2ts mts ts mv wmv ogv ogg r3d dv mpeg mpg mpg2 vob mkv flv divx xvid mxf webm gif';

/** Blender's `imb_ext_audio`. */
const SOUNDS = 'wav ogg oga mp3 mp2 ac3 aac flac wma eac3 aif aiff m4a mka opus';

/**
 * Files that each kind of dependency can be, by the ends of their paths. By default from `ED_path_extension_type` in Blender's
 * source/blender/editors/space_file/filelist.cc.
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
  // `BKE_ocean_bake` in ocean.cc writes only OpenEXR.
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

/** Asset files that may start with text. */
const MAY_BE_TEXT = endings('ies osl oso usd usda json obj hdr stl ply csv txt ocio', LUT_ENDINGS);

/** Bytes of a file that `isText` reads. */
export const TEXT_PROBE_BYTES = 512;

/** Whether a file at `path` can be a dependency of this kind, by its name. Pure. */
export function isAsset(kind: DependencyKind, path: string): boolean {
  return ASSETS[kind].test(path);
}

/** Whether the file at `path` starts with text, but should be binary. Pure. */
export function isTextInstead(path: string, start: Uint8Array): boolean {
  return start.length > 0 && !MAY_BE_TEXT.test(path) && isText(start);
}

// oxlint-disable-next-line no-control-regex -- control characters are the subject
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/**
 * Whether the bytes are text without control characters, in UTF-8 or in UTF-16 with its mark; the last character may be
 * incomplete.
 */
function isText(bytes: Uint8Array): boolean {
  const isMarked = (first: number, second: number) => bytes[0] === first && bytes[1] === second;
  const utf16 = isMarked(0xff, 0xfe) ? 'utf-16le' : isMarked(0xfe, 0xff) ? 'utf-16be' : undefined;
  // Quicker than a decoder that throws, and most files are binary. In UTF-8, control characters are single bytes.
  if (!utf16 && CONTROL.test(latin1(bytes))) return false;
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
