import type { DependencyExtent, DependencyKind, SequencePlay } from './blend-contents';
import { type ContentsPart, type ContentsCollector, modifierLabel, type StructPlace } from './collector';
import type { Fields } from './frugal-reader';

/**
 * `R_DOCOMP` of `Scene.r.scemode` and `NODE_MUTED` of `bNode.flag`, in Blender's `DNA_scene_types.h` and `DNA_node_types.h`.
 */
const COMPOSITES = 1 << 6;
const MUTED = 1 << 9;

/** File Output nodes that are not muted, in scenes that use their nodes. Nodes in any group count. */
export function fileOutputs(collector: ContentsCollector): ContentsPart {
  let isUnused = false;
  let mutedSettings = 0n;
  return {
    structs: {
      Scene(fields) {
        const usesNodes = !fields.has('use_nodes') || fields.number('use_nodes') !== 0;
        isUnused = !usesNodes || (fields.number('r.scemode') & COMPOSITES) === 0;
      },
      // The settings of a node follow it, before the next node.
      bNode(fields) {
        mutedSettings = (fields.number('flag') & MUTED) !== 0 ? fields.pointer('storage') : 0n;
      },
      NodeImageMultiFile(fields, { address }) {
        if (isUnused || address === mutedSettings) return;
        collector.addFileOutput(fields.text('base_path', 'directory'));
      },
    },
    ownerEnds() {
      isUnused = false;
      mutedSettings = 0n;
    },
  };
}

/** A struct that names a file. */
interface PathRule {
  readonly kind: DependencyKind;
  /** Members, by all names that they have had. */
  readonly path: readonly string[];
  /** Pointers; any non-null one means that the `.blend` holds the content. */
  readonly packed?: readonly string[];
  /** Defaults to `file`. */
  readonly extent?: (fields: Fields) => DependencyExtent;
  /** How a sequence plays, if its own struct says so. */
  readonly play?: (fields: Fields) => SequencePlay | undefined;
  /** If true, the path has no effect. */
  readonly unused?: (fields: Fields) => boolean;
  /** Whether it is a modifier, which names the user; otherwise its data block does. */
  readonly modifier?: boolean;
}

/** `Image.source` in Blender's `DNA_image_types.h`. Up to 2.41 all images are files. */
const IMAGE_SEQUENCE = 2;
const IMAGE_GENERATED = 4;
const IMAGE_VIEWER = 5;
const IMAGE_TILED = 6;

/** A hundred rows of ten: more than any picture has. */
const MOST_TILES = 1000;

/** Pictures of one image: for the eyes of stereo films, or more cameras. */
const MOST_VIEWS = 64;

/** `MovieClip.source` in `DNA_movieclip_types.h`. */
const CLIP_SEQUENCE = 1;

/** `NodeShaderTexIES.mode` and `NodeShaderScript.mode` in `DNA_node_types.h`; 0 is a text in the file. */
const NODE_EXTERNAL = 1;

/** `FluidsimSettings.type` in `DNA_object_fluidsim_types.h`. */
const FLUIDSIM_DOMAIN = 2;

/**
 * Struct names and members as files have them. Each comes from Blender's `DNA_*_types.h`, where some have newer names
 * (`Image.filepath`) that no file has yet.
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
  // The only flag hides it.
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

/** An image; its tiles and views follow it. */
interface OpenImage {
  readonly file: Parameters<ContentsCollector['addDependency']>[0];
  readonly tiles: number[] | undefined;
  readonly views: string[];
  hasViews: boolean;
}

/** Files that a single struct names: images, fonts, sounds, clips, volumes, geometry caches, IES and OSL. */
export function filePaths(collector: ContentsCollector): ContentsPart {
  let image: OpenImage | undefined;
  const reader = (rule: PathRule) => (fields: Fields, place: StructPlace) => {
    if (rule.unused?.(fields)) return;
    const extent = rule.extent?.(fields) ?? 'file';
    const play = extent === 'sequence' ? rule.play?.(fields) : undefined;
    const file = {
      kind: rule.kind,
      extent,
      path: fields.text(...rule.path),
      packed: (rule.packed ?? []).some((pointer) => fields.pointer(pointer) !== 0n),
      usedBy: rule.modifier ? modifierLabel(fields, place.owner) : place.owner.label,
      plays: play && [play],
    };
    if (rule.kind !== 'image') return collector.addDependency(file);
    endImage();
    image = { file, tiles: extent === 'tiles' ? [] : undefined, views: [], hasViews: false };
  };
  const addTile = (fields: Fields): void => {
    if (image?.tiles && image.tiles.length < MOST_TILES) image.tiles.push(fields.number('tile_number'));
  };
  // `BKE_image_is_multiview` and `BKE_image_user_file_path` in Blender's image.cc: the paths of views win, if
  // there are any.
  const addView = (fields: Fields): void => {
    if (!image || image.views.length >= MOST_VIEWS) return;
    const path = fields.text('filepath') || image.file.path;
    if (!collector.mayKeepForOwner(path)) return;
    image.hasViews ||= image.views.length > 0 || fields.text('name') !== '';
    image.views.push(path);
  };
  const endImage = (): void => {
    if (!image) return;
    const { file, tiles, views, hasViews } = image;
    image = undefined;
    const [first = file.path, ...others] = hasViews ? views : [];
    collector.addDependency({ ...file, path: first, tiles });
    // A render of one view shows the first.
    for (const path of new Set(others))
      if (path !== first) collector.addDependency({ ...file, path, isSpare: true, tiles });
  };
  const structs = Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, reader(rule)]));
  return { structs: { ...structs, ImageTile: addTile, ImageView: addView }, ownerEnds: endImage };
}

/** Up to 3.0 the path of a tiled image is that of its first tile, which looks like one of a sequence. */
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

/** Ways to play one sequence that are kept. */
const MOST_PLAYS = 8;

const NO_NODE = { image: 0n, settings: 0n };

/**
 * How nodes and textures play image sequences: which frame shows which picture. Auto Refresh makes no difference in renders of
 * Blender 3.4. Before its start a texture node shows the picture before the first, a compositor node none. Unused sequences are
 * left out.
 */
export function imageUsers(collector: ContentsCollector): ContentsPart {
  const paths = new Map<bigint, string>();
  const plays = new Map<bigint, SequencePlay[]>();
  let node = NO_NODE;
  const add = (image: bigint, play: SequencePlay | undefined): void => {
    const known = plays.get(image) ?? [];
    if (image === 0n || !play || known.length >= MOST_PLAYS || !collector.mayKeep()) return;
    plays.set(image, [...known, play]);
  };
  // The settings of a node follow it, before the next node.
  const userAt =
    (prefix: string, mode?: SequencePlay['mode']) =>
    (fields: Fields, { address }: StructPlace): void => {
      if (address === node.settings) add(node.image, playOf(fields, prefix, mode));
    };
  return {
    structs: {
      Image(fields, { address }) {
        const path = fields.text('name', 'filepath');
        if (fields.number('source') === IMAGE_SEQUENCE && collector.mayKeep(path)) paths.set(address, path);
      },
      bNode(fields) {
        node = { image: fields.pointer('id'), settings: fields.pointer('storage') };
      },
      NodeTexImage: userAt('iuser.', 'from-zero'),
      NodeTexEnvironment: userAt('iuser.', 'from-zero'),
      // Textures of modifiers, particles and brushes.
      Tex: (fields) => add(fields.pointer('ima'), playOf(fields, 'iuser.')),
      // Nodes of the compositor.
      ImageUser: userAt(''),
    },
    ownerEnds() {
      node = NO_NODE;
    },
    fileEnds() {
      for (const [image, ways] of plays) collector.addPlays(paths.get(image), ways);
    },
  };
}

function playOf(fields: Fields, prefix: string, mode?: SequencePlay['mode']): SequencePlay | undefined {
  const frames = fields.number(`${prefix}frames`) | 0;
  if (frames < 1) return undefined;
  return {
    frames,
    start: fields.number(`${prefix}sfra`) | 0,
    offset: fields.number(`${prefix}offset`) | 0,
    cyclic: fields.number(`${prefix}cycl`) !== 0,
    mode,
  };
}

/** `LIBRARY_FLAG_IS_ARCHIVE` in Blender's `DNA_ID.h`, from 5.1 on: the library is packed into this file. */
const IS_ARCHIVE = 1;

const MAX_LINKED = 8;

interface Library {
  readonly path: string;
  readonly packed: boolean;
  readonly label: string;
  /** At most `MAX_LINKED` names. */
  readonly linked: string[];
}

/**
 * Linked libraries. Linked data has a block with its name and the library's address; a library without such data is not needed.
 * Libraries of libraries belong to those.
 */
export function libraries(collector: ContentsCollector): ContentsPart {
  const known = new Map<bigint, Library>();
  return {
    structs: {
      Library(fields, { owner }) {
        if (fields.number('flag') & IS_ARCHIVE) return;
        const path = fields.text('name', 'filepath');
        const packed = fields.pointer('packedfile') !== 0n;
        if (collector.mayKeep(path))
          known.set(owner.address, { path, packed, label: owner.label, linked: [] });
      },
      ID(fields) {
        const library = known.get(fields.pointer('lib'));
        if (library === undefined || library.linked.length >= MAX_LINKED) return;
        const name = fields.text('name');
        if (collector.mayKeepName(name)) library.linked.push(name);
      },
    },
    fileEnds(complete) {
      for (const [library, { path, packed, label, linked }] of known) {
        if (linked.length === 0 && complete) continue;
        collector.addDependency({
          kind: 'library',
          extent: 'file',
          path,
          packed,
          usedBy: label,
          linked,
          library,
        });
      }
    },
  };
}
