import type { FileVersion } from '../blend/header';

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
  /** A bake of geometry nodes. */
  | 'bake'
  /** A strip of the video sequencer: a picture, a sequence of them, a movie, a sound. */
  | 'strip'
  | 'custom-data'
  /** Read by an Import node of geometry nodes. */
  | 'import'
  | 'ies'
  | 'osl'
  /** OpenColorIO: the user's configuration, or a file that it names. No `.blend` names it. */
  | 'ocio';

export type DependencyExtent =
  | 'file'
  /** Files whose names differ in the frame number; the path is one of them. */
  | 'sequence'
  /** Files with a tile's number in place of `<UDIM>` or `<UVTILE>`. */
  | 'tiles'
  /** Everything below a folder. */
  | 'folder';

/** How a sequence of pictures or volumes plays, in Blender's own numbers. */
export interface SequencePlay {
  /** Number of pictures, at least 1. */
  readonly frames: number;
  /** The frame of the scene that shows the first picture. */
  readonly start: number;
  /** Offset of the first picture's number from 1. */
  readonly offset: number;
  readonly cyclic: boolean;
  /**
   * Outside the play, `clip` shows nothing and `extend` the first or last picture. `ping-pong` reverses at both ends.
   * `from-zero` shows the picture before the first, and later the last. Without a mode: nothing before the start, and the last
   * after the end.
   */
  readonly mode?: 'clip' | 'extend' | 'ping-pong' | 'from-zero';
}

/** Whether a file reaches a rendered frame: certainly, perhaps, or never. */
export type Reach = 'rendered' | 'maybe' | 'unused';

/** A data block that is linked from a library. */
export interface LinkedData {
  /** Starts with its code, such as `OBTree`. */
  readonly name: string;
  readonly reach: Reach;
}

/** The files of one simulation's disk cache: `head`, the frame in six digits, `tail`. */
export interface CacheFrames {
  readonly usedBy: string;
  readonly head: string;
  readonly tail: string;
  /** First and last frame, inclusive. */
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** One or several files that a `.blend` needs besides itself. */
export interface Dependency {
  readonly kind: DependencyKind;
  readonly extent: DependencyExtent;
  /** As written in the file, with any separators; invalid UTF-8 becomes U+FFFD. Never trust it. */
  readonly path: string;
  /** Whether every user has packed its content into the `.blend`. */
  readonly packed: boolean;
  /**
   * Its users, at most 8, in the order of the file: `image "Wood"`, `sequencer strip "Shot 3"`, `modifier "Ocean" of object
   * "Sea"`. For users without a name, their data block: `material "Lamp"`.
   */
  readonly usedBy: readonly string[];
  /** For a library: names of its linked data blocks, such as `OBTree`, at most 8. */
  readonly linked?: readonly string[];
  /** Its reach from the rendered scene or linked data; absent means `maybe`. */
  readonly reach?: Reach;
  /** For a library: all of its linked data. Absent if there is too much, or if it was not requested. */
  readonly linkedData?: readonly LinkedData[];
  /** For a folder of point caches: those with known frames, at most 1,000. */
  readonly caches?: readonly CacheFrames[];
  /** For an image in tiles: their numbers, 1001 + u + 10 v, at most 1,000. */
  readonly tiles?: readonly number[];
  /** For a strip's sequence: first and last number of each run of pictures, at most 1,000 runs. */
  readonly runs?: readonly (readonly [first: number, last: number])[];
  /** For a sequence with known users: how it plays, in at most 8 ways. */
  readonly plays?: readonly SequencePlay[];
}

/**
 * A simulation that is enabled for rendering, needs its earlier frames, and is not baked. Cached frames from playback do not
 * count: the file does not list them. Particles and node groups with linked settings are left out.
 */
export interface UnbakedSimulation {
  /** `cloth`, `soft-body`, `particles`, `rigid-body`, `dynamic-paint`, `smoke`, `fluid`, `geometry-nodes`. */
  readonly kind: string;
  /** Its place: `modifier "Cloth" of object "Sheet"`. */
  readonly what: string;
}

export interface SceneCameras {
  readonly scene: string;
  /** Ascending and unique. */
  readonly names: readonly string[];
  /** Whether the list is complete: a library may hold more, or the file may be too large. */
  readonly isWhole: boolean;
}

/** The rendered part of a file: a scene, or the data blocks that are linked from a library. */
export type RenderedPart =
  | { readonly scene: string }
  /** By name with its code, such as `OBTree`. */
  | { readonly data: ReadonlyMap<string, Reach> };

/** What a `.blend` holds, besides its scenes' settings, that matters for rendering it elsewhere. */
export interface BlendContents {
  /** In the order of the file; one entry per kind, path and extent. */
  readonly dependencies: readonly Dependency[];
  readonly unbaked: readonly UnbakedSimulation[];
  /** What would run if scripts were allowed: Spotreel renders without it unless the render has `allowScripts`. */
  readonly scripts: {
    /** Names of texts marked "Register". */
    readonly texts: readonly string[];
    /** Number of drivers whose expression Blender refuses to evaluate without scripts. */
    readonly driverExpressions: number;
    /** Names of texts that are style modules of Freestyle, in scenes that use them. */
    readonly freestyleModules: readonly string[];
    /** Names of Freestyle line sets and view layers that some Blenders run as Python (see `scripts_off.py`). */
    readonly unsafeNames: readonly string[];
    /** Data blocks with an Open Shading Language shader, in a Script node or a camera: `material "Wood"`. */
    readonly scriptNodes: readonly string[];
  };
  /** File Output nodes in use, which write files besides the frames: their folders as written, unique. */
  readonly fileOutputs: readonly { readonly path: string }[];
  /** The cameras of each scene, in the order of the file. */
  readonly cameras: readonly SceneCameras[];
  /** Types of node trees that belong to add-ons, such as `an_AnimationNodeTree`. */
  readonly addonTrees: readonly string[];
  /** Data blocks with an unmuted Denoise node of the compositor: `scene "Shot"`. */
  readonly denoiseNodes: readonly string[];
  /** Scenes that do not render themselves, with the scenes that their compositor renders. */
  readonly composites?: readonly { readonly scene: string; readonly from: readonly string[] }[];
  /** Names of speakers that have a sound and are not muted. */
  readonly speakers: readonly string[];
  /** The Blender that saved the file; given if the rendered part was requested. */
  readonly blenderVersion?: FileVersion;
  /** Requested data that the file lacks; empty if it was not read to its end. */
  readonly lacking?: readonly string[];
  /** Whether the file was too large or too fragmented to read whole; everything listed here still holds. */
  readonly incomplete: boolean;
  /** If incomplete: the limit that was reached, such as `1280 requests to storage`. */
  readonly limit?: string;
}
