import { formatFrameRanges } from '../../render/frames';
import { type ByteSource, formatLocation, type Storage } from '../../storage/storage';
import { BlendFormatError } from '../blend/header';
import type {
  BlendContents,
  CacheFrames,
  Dependency,
  LinkedData,
  Reach,
  RenderedPart,
  SequencePlay,
} from '../contents/blend-contents';
import type { FoundFile } from './find-files';
import type { ProjectRoot } from './paths';

/** Frames of a scene, both inclusive. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

/** Frames that are worked out one by one; more than that no sequence has. */
const LONGEST_SPAN = 100_000;

/**
 * The numbers of a sequence's pictures that are shown while a scene runs, ascending: pure.
 * As `BKE_image_user_frame_get` in Blender's `image.cc` and `volume_sequence_frame` in `volume.cc` have it.
 */
export function playedFrames(plays: readonly SequencePlay[], { start, end }: FrameSpan): number[] {
  if (end - start >= LONGEST_SPAN) return [];
  const pictures = new Set<number>();
  for (const play of plays) {
    for (let frame = start; frame <= end; frame += 1) {
      const position = positionAt(frame, play);
      if (position !== undefined) pictures.add(position + play.offset);
    }
  }
  return [...pictures].filter((picture) => picture >= 0).toSorted((a, b) => a - b);
}

/** All numbers of these runs, at most 100,000: pure. */
export function numbersIn(runs: readonly (readonly [first: number, last: number])[]): number[] {
  const numbers: number[] = [];
  for (const [first, last] of runs) {
    for (let number = first; number <= last && numbers.length < LONGEST_SPAN; number += 1)
      numbers.push(number);
  }
  return numbers;
}

/** From 1 on, and 0 before the start of a play `from-zero`; `undefined` where no picture is shown. */
function positionAt(frame: number, { frames, start, cyclic, mode }: SequencePlay): number | undefined {
  const position = frame - start + 1;
  if (cyclic) return wrapped(position, frames);
  switch (mode) {
    case 'clip':
      return position >= 1 && position <= frames ? position : undefined;
    case 'extend':
      return Math.min(Math.max(position, 1), frames);
    case 'ping-pong': {
      const turn = wrapped(position, Math.max(frames * 2 - 2, 1));
      return turn > frames ? frames * 2 - turn : turn;
    }
    case 'from-zero':
      return Math.min(Math.max(position, 0), frames);
    default:
      return position >= 1 ? Math.min(position, frames) : undefined;
  }
}

/** From 1 to `length`, over and over. */
function wrapped(position: number, length: number): number {
  const rest = ((position % length) + length) % length;
  return rest === 0 ? length : rest;
}

/** Seconds that the files of an upload are looked for. The Lambda that handles it has 180 for all of its work. */
export const UPLOAD_SECONDS = 60;

/** What all libraries of a scene hold together: each entry is kept in memory. */
const MOST_HELD = 200_000;

/** Bounds time and memory of a walk: a few hundred small files can name work for hours. */
export class WalkBudget {
  /** Whether something was left out. */
  isSpent = false;
  private held = 0;
  private readonly end: number;

  /** Without `seconds` only memory is bounded. `now` in milliseconds, of any clock that never goes back. */
  constructor(
    seconds = Infinity,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.end = now() + seconds * 1000;
  }

  /** To be asked before each dependency is looked for, and before each library is read. */
  hasMore(): boolean {
    this.isSpent ||= this.held > MOST_HELD || this.now() > this.end;
    return !this.isSpent;
  }

  /** To be told of what a library holds. */
  hold({ dependencies, unbaked, scripts, fileOutputs, speakers }: BlendContents): void {
    const { texts, freestyleModules, unsafeNames, scriptNodes } = scripts;
    for (const kept of [dependencies, unbaked, texts, freestyleModules, unsafeNames, scriptNodes])
      this.held += kept.length;
    this.held += fileOutputs.length + speakers.length;
  }
}

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

const ORDER: readonly Reach[] = ['unused', 'maybe', 'rendered'];

/** What is taken from each library, by all that were found to link it; `undefined` where one can't tell. */
export class LibraryData {
  readonly #wanted = new Map<string, Map<string, Reach> | undefined>();
  /** Libraries that were read before all of that was known. */
  readonly #late = new Set<string>();
  readonly #read = new Set<string>();

  /** Notes what a file takes from the library at `place`. */
  add(place: string, linked: readonly LinkedData[] | undefined): void {
    const known = this.#wanted.get(place);
    if (linked === undefined || (known === undefined && this.#wanted.has(place))) {
      this.#wanted.set(place, undefined);
      this.#late.add(place);
      return;
    }
    const wanted = known ?? new Map<string, Reach>();
    this.#wanted.set(place, wanted);
    for (const { name, reach } of linked) {
      const before = wanted.get(name);
      const isMore = before === undefined || ORDER.indexOf(reach) > ORDER.indexOf(before);
      if (isMore) wanted.set(name, reach);
      if (isMore && this.#read.has(place)) this.#late.add(place);
    }
  }

  /** To read the library by; from now on what is added comes too late. */
  take(place: string): RenderedPart | undefined {
    this.#read.add(place);
    const data = this.#wanted.get(place);
    return data && { data };
  }

  /** What of the library's files is said of one: `unused` may be wrong where more of it was taken later. */
  judge(place: string, reach: Reach | undefined): Reach | undefined {
    return reach === 'unused' && this.#late.has(place) ? 'maybe' : reach;
  }
}

/** A library that is there, to be read. */
interface UnreadLibrary {
  readonly file: FoundFile;
  readonly isLinked: boolean;
  readonly reach: Reach | undefined;
}

/** Libraries that are there and were not met before; notes them as met. */
export function unreadLibraries(
  found: readonly FoundDependency[],
  seen: Set<string>,
  data: LibraryData,
): UnreadLibrary[] {
  const unread: UnreadLibrary[] = [];
  for (const { dependency, files } of found) {
    const [file] = files;
    if (dependency.kind !== 'library' || !file) continue;
    data.add(formatLocation(file.url), dependency.linkedData);
    if (seen.has(file.url.href)) continue;
    seen.add(file.url.href);
    unread.push({ file, isLinked: (dependency.linked?.length ?? 0) > 0, reach: dependency.reach });
  }
  return unread;
}

/** Reads a library; a damaged one has a `fault`. Throws storage's errors. */
export async function readLibrary(
  { file, isLinked, reach }: UnreadLibrary,
  { storage, readContents }: WalkPlace,
  data: LibraryData,
): Promise<{ url: URL; path: string; library: FoundLibrary }> {
  const { url, path } = file;
  const location = formatLocation(url);
  const source = await storage.open(url);
  try {
    const part = data.take(location);
    const contents = await readContents(source, part);
    const lacking = (contents.lacking ?? []).map((name) => ({ name, reach: reachOf(name, part) }));
    return {
      url,
      path,
      library: { location, isLinked, reach, contents, ...(lacking.length > 0 && { lacking }) },
    };
  } catch (error) {
    if (!(error instanceof BlendFormatError)) throw error;
    return { url, path, library: { location, isLinked, reach, fault: error } };
  } finally {
    await source.close();
  }
}

function reachOf(name: string, part: RenderedPart | undefined): Reach {
  return (part && 'data' in part && part.data.get(name)) || 'maybe';
}

/** Frames of one cache that are looked for. */
const LONGEST_CACHE = 100_000;

/**
 * Frames that a simulation's disk cache should hold and that have no file, such as `frames 2-5 of modifier "Cloth"`:
 * pure. `names` are the files of the cache's folder. Blender holds the first and the last frame outside the cache's range.
 */
export function lackingFrames(
  caches: readonly CacheFrames[],
  names: ReadonlySet<string>,
  scene?: FrameSpan,
): string[] {
  return caches.flatMap(({ usedBy, head, tail, start, end, step }) => {
    const within = (frame: number): number => Math.min(Math.max(frame, start), end);
    const last = within(scene?.end ?? end);
    if (last - start >= LONGEST_CACHE || step < 1) return [];
    // What is between two frames of the cache is worked out from both.
    const first = start + Math.floor((within(scene?.start ?? start) - start) / step) * step;
    const lacking: number[] = [];
    for (let frame = first; frame <= last; frame += step) {
      if (!names.has(`${head}${String(frame).padStart(6, '0')}${tail}`)) lacking.push(frame);
    }
    if (lacking.length === 0) return [];
    const ranges = formatFrameRanges(runsOf(lacking, step));
    return [`${lacking.length > 1 ? 'frames' : 'frame'} ${ranges} of ${usedBy}`];
  });
}

/** Frames that follow each other in steps. */
function runsOf(frames: readonly number[], step: number): { start: number; end: number; step: number }[] {
  const runs: { start: number; end: number; step: number }[] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last && frame === last.end + step) last.end = frame;
    else runs.push({ start: frame, end: frame, step });
  }
  return runs;
}
