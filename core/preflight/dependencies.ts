import type {
  BlendContents,
  Dependency,
  LinkedData,
  Reach,
  RenderedPart,
} from '../blend/contents/blend-contents';
import type { BlendFormatError } from '../blend/blend-format-error';
import type { ByteSource, Storage } from '../storage/storage';
import type { FoundFile } from './find-files';
import type { FrameSpan } from './played-frames';
import type { ProjectRoot } from './project-root';
import type { WalkBudget } from './walk-budget';

/** A file that is there and of no use. */
export interface FileFault {
  readonly location: string;
  /** `is empty`. */
  readonly why: string;
}

/** What became of a dependency's path. `found` has files; all others but `packed` have none. */
export type DependencyState =
  | 'packed'
  | 'found'
  | 'missing'
  /** There, by another spelling of capital and small letters. */
  | 'other-case'
  /** A place of one machine, and not on this one or not to be reached from here. */
  | 'absolute'
  | 'network'
  /** A folder, pipe, socket or device in place of a file. */
  | 'no-file'
  /** Out of the project. */
  | 'outside'
  /** The scene lies in no project folder, so that it may need no files. */
  | 'no-project'
  /** Out of the project of a scene that Blender opens where it lies. */
  | 'forbidden'
  /** Written without `//`. */
  | 'unanchored'
  | 'unusable';

/** A file that is never uploaded, and why. */
export interface RefusedFile {
  readonly location: string;
  readonly why: string;
}

/** A dependency of a scene, or of a library of it, and where it was looked for. */
export interface FoundDependency {
  readonly dependency: Dependency;
  readonly state: DependencyState;
  /** Where it should lie, as people write it; absent where the path leads nowhere in the project. */
  readonly location?: string | undefined;
  /** Whether its path was written as an absolute one. */
  readonly isAbsolute: boolean;
  readonly files: readonly FoundFile[];
  /** Where those of a sequence or of tiles should lie that are not there, though others are. */
  readonly absent: readonly string[];
  readonly otherCase?: string | undefined;
  /** Whether its files are on this disk by another Unicode form of its path only, and this system takes that for another name. */
  readonly isOtherForm?: boolean | undefined;
  /** Files of it that are there and are not uploaded; no part of `files`. */
  readonly refused?: readonly RefusedFile[];
  /** Frames that disk caches should hold and do not, such as `frames 2-5 of modifier "Cloth" of object "Grid"`. */
  readonly lacking?: readonly string[];
  /** Files of it that are there, and empty, damaged or pointers of Git LFS. */
  readonly faults?: readonly FileFault[];
  /** Where the library lies that names it; absent for the scene itself. */
  readonly library?: string | undefined;
}

/** A library as far as it could be read. */
export interface FoundLibrary {
  /** Where it lies, as people write it. */
  readonly location: string;
  /** Whether anything of it is used. */
  readonly isLinked: boolean;
  readonly contents?: BlendContents;
  /** Data blocks that the scene takes from it and that it does not hold. */
  readonly lacking?: readonly LinkedData[];
  /** Whether anything of it can reach a frame; absent where that is unknown. */
  readonly reach?: Reach | undefined;
  /** Why it could not be read. */
  readonly fault?: BlendFormatError;
}

/** All that a scene needs besides itself, as it lies there. */
export interface ProjectFiles {
  readonly dependencies: readonly FoundDependency[];
  readonly libraries: readonly FoundLibrary[];
  /** Whether libraries, folders or files were not looked at, because there were too many of them or too deep. */
  readonly isCut: boolean;
}

/** Reads what a library holds. */
export type ReadContents = (source: ByteSource, part?: RenderedPart) => Promise<BlendContents>;

/** Where the walk looks. */
export interface WalkPlace {
  readonly storage: Storage;
  readonly root: ProjectRoot;
  readonly readContents: ReadContents;
  /** The scene's frames: which pictures of a sequence are seen. */
  readonly frames?: FrameSpan;
  /** How much work it may take. */
  readonly budget?: WalkBudget;
}
