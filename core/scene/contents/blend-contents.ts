import type { FileVersion } from '../blend/header';

/** What a dependency is to Blender. */
export type DependencyKind =
  | 'image'
  | 'library'
  | 'font'
  | 'sound'
  | 'movie-clip'
  | 'volume'
  /** Alembic or USD. */
  | 'cache-file'
  | 'mesh-cache'
  | 'ocean-cache'
  | 'fluid-cache'
  | 'point-cache'
  /** Of geometry nodes. */
  | 'bake'
  /** Of the video sequencer: a picture, a sequence of them, a movie, a sound. */
  | 'strip'
  | 'custom-data'
  /** Of an Import node of geometry nodes. */
  | 'import'
  | 'ies'
  | 'osl'
  /** Of OpenColorIO: the user's configuration, or a file that it names. No `.blend` names it. */
  | 'ocio';

/** What one path stands for. */
export type DependencyExtent =
  | 'file'
  /** Files whose names differ in the frame's number, of which the path is one. */
  | 'sequence'
  /** Files whose names hold a tile's number in place of `<UDIM>` or `<UVTILE>`. */
  | 'tiles'
  /** Everything below a folder. */
  | 'folder';

/** How a sequence of pictures or volumes is played, in Blender's own numbers. */
export interface SequencePlay {
  /** Pictures in all, at least 1. */
  readonly frames: number;
  /** The scene's frame at which the first of them is shown. */
  readonly start: number;
  /** Of the first picture's number from 1. */
  readonly offset: number;
  /** Whether it repeats. */
  readonly cyclic: boolean;
  /**
   * What is shown outside of the play. `clip`: nothing. `extend`: the first and the last picture. `ping-pong`: it turns at
   * its ends. `from-zero`: before its start the picture before the first, after its end the last. Without a mode:
   * nothing before its start, after its end the last.
   */
  readonly mode?: 'clip' | 'extend' | 'ping-pong' | 'from-zero';
}

/** Whether a file can reach a rendered frame: surely, perhaps, or not at all. */
export type Reach = 'rendered' | 'maybe' | 'unused';

/** A data block that is taken from a library. */
export interface LinkedData {
  /** With its code in front, such as `OBTree`. */
  readonly name: string;
  readonly reach: Reach;
}

/** The files of one simulation's cache on a disk: `head`, the frame in six digits, `tail`. */
export interface CacheFrames {
  readonly usedBy: string;
  readonly head: string;
  readonly tail: string;
  /** First and last frame, inclusive. */
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** A file, or several, that a `.blend` needs besides itself. */
export interface Dependency {
  readonly kind: DependencyKind;
  readonly extent: DependencyExtent;
  /** As written in the file, whatever its separators; U+FFFD for bytes that are no UTF-8. Never to be trusted. */
  readonly path: string;
  /** Whether its content lies within the `.blend`, for all who use it. */
  readonly packed: boolean;
  /**
   * What names it: `image "Wood"`, `sequencer strip "Shot 3"`, `modifier "Ocean" of object "Sea"`. In the order of the file,
   * none twice, at most 8. For what has no name of its own, its data block: `material "Lamp"`.
   */
  readonly usedBy: readonly string[];
  /** Of a library: the data blocks that are taken from it, such as `OBTree`, at most 8 of them. */
  readonly linked?: readonly string[];
  /** Of the scene, or of the data of a library, that is rendered; absent where that was not asked for, which is as `maybe`. */
  readonly reach?: Reach;
  /** Of a library: all that is taken from it. Absent where that is too much, or was not asked for. */
  readonly linkedData?: readonly LinkedData[];
  /** Of a folder of point caches: those whose frames are known, at most 1,000. */
  readonly caches?: readonly CacheFrames[];
  /** Of an image in tiles: their numbers, 1001 + u + 10 v, at most 1,000 of them. */
  readonly tiles?: readonly number[];
  /** Of a strip's sequence: numbers of its pictures, as first and last of each run; at most 1,000 runs. */
  readonly runs?: readonly (readonly [first: number, last: number])[];
  /** Of a sequence whose users are known: how it is played, at most 8 ways. */
  readonly plays?: readonly SequencePlay[];
}

/**
 * A simulation whose result at a frame depends on the frames before, that is switched on for rendering, and that was not
 * baked. Frames that are left in a cache from playing the animation do not count: which ones, the file does not tell.
 * Left out are particles and node groups whose settings are linked, which would have to be looked up in their library.
 */
export interface UnbakedSimulation {
  /** `cloth`, `soft-body`, `particles`, `rigid-body`, `dynamic-paint`, `smoke`, `fluid`, `geometry-nodes`. */
  readonly kind: string;
  /** Where it is: `modifier "Cloth" of object "Sheet"`. */
  readonly what: string;
}

/** The camera objects of a scene. */
export interface SceneCameras {
  readonly scene: string;
  /** Ascending, none twice. */
  readonly names: readonly string[];
  /** Whether these are all: a library may hold more, or the file may be too large. */
  readonly isWhole: boolean;
}

/** What is rendered of a file: a scene of it, or, of a library, the data blocks that are taken from it. */
export type RenderedPart =
  | { readonly scene: string }
  /** By names with their codes in front, such as `OBTree`. */
  | { readonly data: ReadonlyMap<string, Reach> };

/** All that a `.blend` holds besides its scenes' own settings that matters for rendering it elsewhere. */
export interface BlendContents {
  /** In the order of the file; one entry for each kind, path and extent. */
  readonly dependencies: readonly Dependency[];
  readonly unbaked: readonly UnbakedSimulation[];
  /** What runs where scripts are allowed; Spotreel renders without it unless the render has `allowScripts`. */
  readonly scripts: {
    /** Names of texts marked "Register". */
    readonly texts: readonly string[];
    /** How many drivers have an expression that Blender refuses to work out where scripts may not run. */
    readonly driverExpressions: number;
    /** Names of the texts that are Freestyle's style modules, in scenes that use these. */
    readonly freestyleModules: readonly string[];
    /** Names of Freestyle's line sets and view layers that some Blenders run as Python (see `scripts_off.py`). */
    readonly unsafeNames: readonly string[];
    /** Data blocks with a shader in Open Shading Language, of a Script node or a camera: `material "Wood"`. */
    readonly scriptNodes: readonly string[];
  };
  /** File Output nodes that are in use, which write besides the frames: their folder as written, none twice. */
  readonly fileOutputs: readonly { readonly path: string }[];
  /** The cameras of each scene, in the order of the file. */
  readonly cameras: readonly SceneCameras[];
  /** Types of node trees that belong to add-ons, such as `an_AnimationNodeTree`. */
  readonly addonTrees: readonly string[];
  /** Data blocks with a compositor node that denoises and is not muted: `scene "Shot"`. */
  readonly denoiseNodes: readonly string[];
  /** Scenes that do not render themselves, and the scenes that their compositor renders. */
  readonly composites?: readonly { readonly scene: string; readonly from: readonly string[] }[];
  /** Names of speakers that have a sound and are not muted. */
  readonly speakers: readonly string[];
  /** Of the Blender that saved the file, where what is rendered of it was asked for. */
  readonly blenderVersion?: FileVersion;
  /** Names of the data that was asked for and that the file does not hold; none where it was not read to its end. */
  readonly lacking?: readonly string[];
  /** Whether the file was too large or too fragmented to be looked through whole; what stands here is true all the same. */
  readonly incomplete: boolean;
  /** The limit that was reached where it is incomplete, such as `1280 requests to storage`. */
  readonly limit?: string;
}
