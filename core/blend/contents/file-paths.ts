import type { DependencyExtent, DependencyKind, SequencePlay } from './blend-contents';
import { modifierLabel, type ContentsPart, type Place } from './contents-part';
import type { Fields } from './fields';
import type { Findings } from './findings';

/** A struct that names a file. */
interface PathRule {
  readonly kind: DependencyKind;
  /** Members, by all the names that they have had. */
  readonly path: readonly string[];
  /** Pointers, of which any but null means that the content is in the `.blend`. */
  readonly packed?: readonly string[];
  /** `file` where there is none. */
  readonly extent?: (fields: Fields) => DependencyExtent;
  /** How a sequence is played, where its own struct says so. */
  readonly play?: (fields: Fields) => SequencePlay | undefined;
  /** Where it holds, the path means nothing. */
  readonly unused?: (fields: Fields) => boolean;
  /** Whether it is a modifier, and goes by the name of that; else it goes by the name of its data block. */
  readonly modifier?: boolean;
}

/** `Image.source` in Blender's `DNA_image_types.h`. Up to 2.41 there was none, and all were files. */
const IMAGE_SEQUENCE = 2;
const IMAGE_GENERATED = 4;
const IMAGE_VIEWER = 5;
const IMAGE_TILED = 6;

/** A hundred rows of ten, which no picture has. */
const MOST_TILES = 1000;

/** Pictures of one image for the eyes of stereo films, or for more cameras. */
const MOST_VIEWS = 64;

/** `MovieClip.source` in `DNA_movieclip_types.h`. */
const CLIP_SEQUENCE = 1;

/** `NodeShaderTexIES.mode` and `NodeShaderScript.mode` in `DNA_node_types.h`: 0 is a text of the file's own. */
const NODE_EXTERNAL = 1;

/** `FluidsimSettings.type` in `DNA_object_fluidsim_types.h`. */
const FLUIDSIM_DOMAIN = 2;

/**
 * Struct names and members as files have them; each was looked up in Blender's `DNA_*_types.h`, where some now go by
 * other names (`Image.filepath`), which no file has yet.
 */
const RULES: Readonly<Record<string, PathRule>> = {
  Image: {
    kind: 'image',
    path: ['name', 'filepath'],
    packed: ['packedfile', 'packedfiles.first'],
    extent: imageExtent,
    unused: (fields) => [IMAGE_GENERATED, IMAGE_VIEWER].includes(fields.number('source')),
  },
  VFont: {
    kind: 'font',
    path: ['name', 'filepath'],
    packed: ['packedfile'],
    unused: (fields) => fields.text('name', 'filepath') === '<builtin>',
  },
  bSound: { kind: 'sound', path: ['name', 'filepath'], packed: ['packedfile'] },
  MovieClip: {
    kind: 'movie-clip',
    path: ['name', 'filepath'],
    extent: (fields) => (fields.number('source') === CLIP_SEQUENCE ? 'sequence' : 'file'),
  },
  Volume: {
    kind: 'volume',
    path: ['filepath'],
    packed: ['packedfile'],
    extent: sequenceIfSo,
    play: volumePlay,
  },
  CacheFile: { kind: 'cache-file', path: ['filepath'], extent: sequenceIfSo },
  // Its only flag is that it is hidden.
  CacheFileLayer: {
    kind: 'cache-file',
    path: ['filepath'],
    unused: (fields) => (fields.number('flag') & 1) !== 0,
  },
  MeshCacheModifierData: { kind: 'mesh-cache', path: ['filepath'], modifier: true },
  OceanModifierData: {
    kind: 'ocean-cache',
    path: ['cachepath'],
    extent: () => 'folder',
    unused: (fields) => fields.number('cached') === 0,
    modifier: true,
  },
  // Up to 2.81; newer Blenders do not read these.
  FluidsimSettings: {
    kind: 'fluid-cache',
    path: ['surfdataPath'],
    extent: () => 'folder',
    unused: (fields) => fields.number('type') !== FLUIDSIM_DOMAIN,
  },
  CustomDataExternal: { kind: 'custom-data', path: ['filename', 'filepath'] },
  NodeShaderTexIES: {
    kind: 'ies',
    path: ['filepath'],
    unused: (fields) => fields.number('mode') !== NODE_EXTERNAL,
  },
  NodeShaderScript: {
    kind: 'osl',
    path: ['filepath'],
    unused: (fields) => fields.number('mode') !== NODE_EXTERNAL,
  },
};

/** An image whose tiles and views come behind it. */
interface OpenImage {
  readonly file: Parameters<Findings['addDependency']>[0];
  readonly tiles: number[] | undefined;
  readonly views: string[];
  hasViews: boolean;
}

/** Files that one struct alone tells of: images, fonts, sounds, clips, volumes, caches of geometry, IES and OSL. */
export function filePaths(findings: Findings): ContentsPart {
  let image: OpenImage | undefined;
  const reader = (rule: PathRule) => (fields: Fields, place: Place) => {
    if (rule.unused?.(fields)) return;
    const extent = rule.extent?.(fields) ?? 'file';
    const play = extent === 'sequence' ? rule.play?.(fields) : undefined;
    const file = {
      kind: rule.kind,
      extent,
      path: fields.text(...rule.path),
      packed: (rule.packed ?? []).some((pointer) => fields.pointer(pointer) !== 0n),
      usedBy: rule.modifier ? modifierLabel(fields, place.owner) : place.owner.label,
      ...(play && { plays: [play] }),
    };
    if (rule.kind !== 'image') return findings.addDependency(file);
    endImage();
    image = { file, tiles: extent === 'tiles' ? [] : undefined, views: [], hasViews: false };
  };
  const addTile = (fields: Fields): void => {
    if (image?.tiles && image.tiles.length < MOST_TILES) image.tiles.push(fields.number('tile_number'));
  };
  // `BKE_image_is_multiview` and `BKE_image_user_file_path` in Blender's image.cc: the views' own paths count, if they have any.
  const addView = (fields: Fields): void => {
    if (!image || image.views.length >= MOST_VIEWS) return;
    const path = fields.text('filepath') || image.file.path;
    if (!findings.mayKeepForOwner(path)) return;
    image.hasViews ||= image.views.length > 0 || fields.text('name') !== '';
    image.views.push(path);
  };
  const endImage = (): void => {
    if (!image) return;
    const { file, tiles, views, hasViews } = image;
    image = undefined;
    const [first = file.path, ...others] = hasViews ? views : [];
    findings.addDependency({ ...file, path: first, ...(tiles && { tiles }) });
    // A render of one view shows the first.
    for (const path of new Set(others))
      if (path !== first) findings.addDependency({ ...file, path, isSpare: true, ...(tiles && { tiles }) });
  };
  const structs = Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, reader(rule)]));
  return { structs: { ...structs, ImageTile: addTile, ImageView: addView }, ownerEnds: endImage };
}

/** Up to 3.0 a tiled image's path was that of its first tile: one of a sequence, as far as names go. */
function imageExtent(fields: Fields): DependencyExtent {
  switch (fields.number('source')) {
    case IMAGE_SEQUENCE:
      return 'sequence';
    case IMAGE_TILED:
      return /<(UDIM|UVTILE)>/.test(fields.text('name', 'filepath')) ? 'tiles' : 'sequence';
    default:
      return 'file';
  }
}

/** `VolumeSequenceMode` in `DNA_volume_types.h`. */
const VOLUME_MODES = ['clip', 'extend', 'repeat', 'ping-pong'] as const;

function volumePlay(fields: Fields): SequencePlay | undefined {
  const frames = fields.number('frame_duration') | 0;
  const mode = VOLUME_MODES[fields.number('sequence_mode')] ?? 'clip';
  if (frames < 1) return undefined;
  return {
    frames,
    start: fields.number('frame_start') | 0,
    offset: fields.number('frame_offset') | 0,
    cyclic: mode === 'repeat',
    ...(mode !== 'repeat' && { mode }),
  };
}

function sequenceIfSo(fields: Fields): DependencyExtent {
  return fields.number('is_sequence') === 0 ? 'file' : 'sequence';
}
