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

/** Frames that are computed one by one: more than any sequence has. */
const LONGEST_SPAN = 100_000;

/**
 * The numbers of a sequence's pictures that a scene shows, ascending (`BKE_image_user_frame_get` in Blender's `image.cc`,
 * `volume_sequence_frame` in `volume.cc`). Pure.
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

/** All numbers of these runs, at most 100,000. Pure. */
export function numbersIn(runs: readonly (readonly [first: number, last: number])[]): number[] {
  const numbers: number[] = [];
  for (const [first, last] of runs) {
    for (let number = first; number <= last && numbers.length < LONGEST_SPAN; number += 1)
      numbers.push(number);
  }
  return numbers;
}

/** Starts at 1; 0 before the start of a play `from-zero`; `undefined` if no picture is shown. */
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

/** Repeats 1 to `length`. */
function wrapped(position: number, length: number): number {
  const rest = ((position % length) + length) % length;
  return rest === 0 ? length : rest;
}

/** Seconds for looking up the files of an upload. Its Lambda has 180 for all of its work. */
export const UPLOAD_SECONDS = 60;

/** Entries of all libraries of a scene; each is kept in memory. */
const MOST_HELD = 200_000;

/** Bounds time and memory of a walk: a few hundred small files can cause hours of work. */
export class WalkBudget {
  /** Whether something was left out. */
  isSpent = false;
  private held = 0;
  private readonly end: number;

  /** Without `seconds` only memory is bounded. `now`: milliseconds of a monotonic clock. */
  constructor(
    seconds = Infinity,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.end = now() + seconds * 1000;
  }

  /** Call it before looking up a dependency and before reading a library. */
  hasMore(): boolean {
    this.isSpent ||= this.held > MOST_HELD || this.now() > this.end;
    return !this.isSpent;
  }

  /** Counts the contents of a library. */
  hold({ dependencies, unbaked, scripts, fileOutputs, speakers }: BlendContents): void {
    const { texts, freestyleModules, unsafeNames, scriptNodes } = scripts;
    for (const kept of [dependencies, unbaked, texts, freestyleModules, unsafeNames, scriptNodes])
      this.held += kept.length;
    this.held += fileOutputs.length + speakers.length;
  }
}

/** A file that exists but is unusable. */
export interface FileFault {
  readonly location: string;
  /** `is empty`. */
  readonly why: string;
}

/** The result for a dependency's path. Only `found` and `packed` have files. */
export type DependencyState =
  | 'packed'
  | 'found'
  | 'missing'
  /** Exists with other capital and small letters. */
  | 'other-case'
  /** Exists on one machine only: another one, or out of reach. */
  | 'absolute'
  | 'network'
  /** A folder, pipe, socket or device instead of a file. */
  | 'no-file'
  /** Outside the project. */
  | 'outside'
  /** The scene is in no project folder, so it may need no files. */
  | 'no-project'
  /** Outside the project of a scene that Blender opens in place. */
  | 'forbidden'
  /** Written without `//`. */
  | 'unanchored'
  | 'unusable';

/** A file that is never uploaded, and why. */
export interface RefusedFile {
  readonly location: string;
  readonly why: string;
}

/** A dependency of a scene or of its library, with the lookup result. */
export interface FoundDependency {
  readonly dependency: Dependency;
  readonly state: DependencyState;
  /** Its expected place, as users write it; absent if the path leads outside the project. */
  readonly location?: string;
  /** Whether the scene has an absolute path for it. */
  readonly isAbsolute: boolean;
  readonly files: readonly FoundFile[];
  /** Expected places of missing files of a sequence or of tiles, if others exist. */
  readonly absent: readonly string[];
  readonly otherCase?: string;
  /** Whether the files exist only in another Unicode form of the path, which this system treats as another name. */
  readonly isOtherForm?: boolean;
  /** Existing files that are not uploaded; not part of `files`. */
  readonly refused?: readonly RefusedFile[];
  /** Frames missing from disk caches, such as `frames 2-5 of modifier "Cloth" of object "Grid"`. */
  readonly lacking?: readonly string[];
  /** Existing files that are empty, damaged or Git LFS pointers. */
  readonly faults?: readonly FileFault[];
  /** The place of the library that names it; absent for the scene itself. */
  readonly library?: string;
}

/** A library, as far as it could be read. */
export interface FoundLibrary {
  /** Its place, as users write it. */
  readonly location: string;
  /** Whether anything is linked from it. */
  readonly isLinked: boolean;
  readonly contents?: BlendContents;
  /** Data blocks that the scene links from it, but it lacks. */
  readonly lacking?: readonly LinkedData[];
  /** Whether anything from it can reach a frame; absent if unknown. */
  readonly reach?: Reach;
  /** Why it could not be read. */
  readonly fault?: BlendFormatError;
}

/** All files that a scene needs. */
export interface ProjectFiles {
  readonly dependencies: readonly FoundDependency[];
  readonly libraries: readonly FoundLibrary[];
  /** Whether libraries, folders or files were skipped, because there were too many or too deep ones. */
  readonly isCut: boolean;
}

/** Reads the contents of a library. */
export type ReadContents = (source: ByteSource, part?: RenderedPart) => Promise<BlendContents>;

/** Where a walk looks for files. */
export interface WalkPlace {
  readonly storage: Storage;
  readonly root: ProjectRoot;
  readonly readContents: ReadContents;
  /** The scene's frames, which decide the shown pictures of sequences. */
  readonly frames?: FrameSpan;
  /** Limits the work. */
  readonly budget?: WalkBudget;
}

const ORDER: readonly Reach[] = ['unused', 'maybe', 'rendered'];

/** The data linked from each library, by all files that link it; `undefined` if unknown. */
export class LibraryData {
  readonly #wanted = new Map<string, Map<string, Reach> | undefined>();
  /** Libraries that were read before all of their linked data was known. */
  readonly #late = new Set<string>();
  readonly #read = new Set<string>();

  /** Adds the data that a file links from the library at `place`. */
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

  /** The data to read the library for; later additions come too late. */
  take(place: string): RenderedPart | undefined {
    this.#read.add(place);
    const data = this.#wanted.get(place);
    return data && { data };
  }

  /** Corrects the reach of a library's file: `unused` may be wrong if more was linked later. */
  judge(place: string, reach: Reach | undefined): Reach | undefined {
    return reach === 'unused' && this.#late.has(place) ? 'maybe' : reach;
  }
}

/** An existing library, not yet read. */
interface UnreadLibrary {
  readonly file: FoundFile;
  readonly isLinked: boolean;
  readonly reach: Reach | undefined;
}

/** Existing libraries that are new to `seen`; adds them to it. */
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

/** Reads a library; a damaged one gets a `fault`. Throws storage's errors. */
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

/** Frames of one cache that are looked up. */
const LONGEST_CACHE = 100_000;

/**
 * Frames missing from a simulation's disk cache, such as `frames 2-5 of modifier "Cloth"`; `names` are the files of its folder.
 * Outside the cache's range Blender uses its first or last frame. Pure.
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
    // Blender interpolates between two frames of the cache.
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

/** Runs of frames with equal steps. */
function runsOf(frames: readonly number[], step: number): { start: number; end: number; step: number }[] {
  const runs: { start: number; end: number; step: number }[] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last && frame === last.end + step) last.end = frame;
    else runs.push({ start: frame, end: frame, step });
  }
  return runs;
}
