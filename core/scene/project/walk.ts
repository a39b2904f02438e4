import { mapConcurrently } from '../../concurrency';
import { isNoFile, realPlace } from '../../storage/file-writes';
import { childUrl, filePath, fileUrl, formatLocation } from '../../storage/storage';
import type { BlendContents, Dependency } from '../contents/blend-contents';
import {
  type DependencyState,
  type FoundDependency,
  type FoundLibrary,
  type FrameSpan,
  lackingFrames,
  LibraryData,
  numbersIn,
  playedFrames,
  type ProjectFiles,
  readLibrary,
  unreadLibraries,
  WalkBudget,
  type WalkPlace,
} from './dependencies';
import { isAsset, withFileFaults } from './file-faults';
import { FileFinder, type FoundFile, type FoundFiles } from './find-files';
import {
  isBelow,
  placeOnDisk,
  type ProjectRoot,
  projectRootOf,
  type ResolvedPath,
  resolvePath,
  segmentsOf,
} from './paths';

/** Libraries that link libraries: deeper than this nobody has built. */
export const DEEPEST_LIBRARY = 16;

/** Libraries that are looked into for one scene: each costs some requests. */
export const MOST_LIBRARIES = 500;

/** Dependencies of the scene and all its libraries; real films have some thousands. */
const MOST_NAMED = 200_000;

/** Libraries that are read at a time, and files that are looked for at a time. */
const READ_AT_ONCE = 8;
const SOUGHT_AT_ONCE = 32;

interface Named {
  /** Where the file lies that names dependencies. */
  readonly url: URL;
  /** The same from the project's root, as it is written. */
  readonly segments: readonly string[];
  /** Absent for the scene. */
  readonly library?: string;
  readonly contents: BlendContents;
}

/**
 * Finds what `contents` of the scene at `scene` names, and what its libraries name, each beside the file that names it.
 * A library is read once, whoever links it, so that cycles end. Throws storage's errors.
 */
export async function walkDependencies(
  scene: URL,
  contents: BlendContents,
  place: WalkPlace,
): Promise<ProjectFiles> {
  const { budget = new WalkBudget() } = place;
  const finder = new FileFinder(place.storage, place.root);
  const onDisk = place.root.inPlace && new FileFinder(place.storage, projectRootOf(fileUrl('/')));
  const dependencies: FoundDependency[] = [];
  const libraries: FoundLibrary[] = [];
  const seen = new Set([scene.href]);
  const data = new LibraryData();
  let isCut = false;
  let level: Named[] = [{ url: scene, segments: segmentsOf(scene, place.root), contents }];
  for (let depth = 0; level.length > 0; depth += 1) {
    const found: FoundDependency[] = [];
    for (const named of level) {
      const room = MOST_NAMED - dependencies.length - found.length;
      const sought = named.contents.dependencies.slice(0, room);
      isCut ||= sought.length < named.contents.dependencies.length;
      const ofOne = await mapConcurrently(sought, SOUGHT_AT_ONCE, async (one) => {
        if (!budget.hasMore()) return undefined;
        const located = await locate(one, named, finder, place);
        const isForbidden = onDisk && (await opensOutside(located, named.url, onDisk, place.root));
        return isForbidden ? { ...located, state: 'forbidden' as const } : located;
      });
      for (const dependency of ofOne) if (dependency) found.push(dependency);
    }
    for (const dependency of found) dependencies.push(dependency);
    const unread = unreadLibraries(found, seen, data);
    const room = depth < DEEPEST_LIBRARY ? MOST_LIBRARIES - libraries.length : 0;
    isCut ||= unread.length > room;
    const tried = await mapConcurrently(unread.slice(0, room), READ_AT_ONCE, async (one) => {
      if (!budget.hasMore()) return undefined;
      const library = await readLibrary(one, place, data);
      if (library.library.contents) budget.hold(library.library.contents);
      return library;
    });
    const read = tried.filter((one) => one !== undefined);
    for (const { library } of read) libraries.push(library);
    level = read.flatMap(({ url, path, library: { location, contents: held } }) =>
      held ? [{ url, segments: path.split('/'), library: location, contents: held }] : [],
    );
  }
  const judged = await withFileFaults(dependencies, place.storage, () => budget.hasMore());
  isCut ||= budget.isSpent || finder.isCut || onDisk?.isCut === true;
  return { dependencies: judged.map((one) => judgeReach(one, data)), libraries, isCut };
}

function judgeReach(found: FoundDependency, data: LibraryData): FoundDependency {
  const { dependency, library } = found;
  if (library === undefined) return found;
  const reach = data.judge(library, dependency.reach);
  return reach === undefined || reach === dependency.reach
    ? found
    : { ...found, dependency: { ...dependency, reach } };
}

async function locate(
  dependency: Dependency,
  { segments: named, library }: Named,
  finder: FileFinder,
  { root, frames }: WalkPlace,
): Promise<FoundDependency> {
  const nothing = { dependency, files: [], absent: [], isAbsolute: false, library };
  if (dependency.packed) return { ...nothing, state: 'packed' };
  const resolved = resolvePath(dependency.path, named.slice(0, -1), root.reach === 'disk');
  const isAbsolute = resolved.kind === 'absolute';
  const segments = reachable(resolved, root);
  if (!segments) return { ...nothing, isAbsolute, state: unreachable(resolved, root) };
  const { kind, extent } = dependency;
  const numbers = numbersOf(dependency, frames);
  const found = await finder.find(segments, extent, numbers, (path) => isAsset(kind, path));
  if (root.reach === 'folder' && (await leadOut(found.files, root))) {
    return { ...nothing, isAbsolute, state: 'outside' };
  }
  const place = childUrl(root.url, segments.join('/'));
  const state = found.files.length > 0 ? 'found' : await absence(found, extent, place);
  const absent = found.absent.map((path) => formatLocation(childUrl(root.url, path)));
  const location = formatLocation(place);
  const names = new Set(found.files.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
  const lacking = state === 'found' ? lackingFrames(dependency.caches ?? [], names, frames) : [];
  const isOtherForm = found.isOtherForm && (await isAnotherName(found.files, root));
  return { dependency, state, isAbsolute, location, ...found, isOtherForm, absent, lacking, library };
}

/** Whether a system that opens the files where they lie does not find them by the written path. Files of a bucket are placed by the written path. */
async function isAnotherName([file]: readonly FoundFile[], { url }: ProjectRoot): Promise<boolean> {
  if (!file || url.protocol !== 'file:') return false;
  return (await realPlace(childUrl(url, file.path))) === undefined;
}

/** Of tiles, or of pictures that are shown; `undefined` where that is unknown. */
function numbersOf({ tiles, plays, runs }: Dependency, frames?: FrameSpan): readonly number[] | undefined {
  if (plays && frames) return playedFrames(plays, frames);
  return runs ? numbersIn(runs) : tiles;
}

/** Where a path leads that can be followed: below the project, or, on a disk, anywhere by an absolute path. */
function reachable(resolved: ResolvedPath, { reach }: ProjectRoot): readonly string[] | undefined {
  if (resolved.kind === 'project') return reach === 'scene' ? undefined : resolved.segments;
  return resolved.kind === 'absolute' && reach === 'disk' ? resolved.segments : undefined;
}

function unreachable({ kind }: ResolvedPath, { reach }: ProjectRoot): DependencyState {
  if (kind === 'project') return 'no-project';
  return kind === 'outside' && reach === 'scene' ? 'no-project' : kind;
}

/** Whether any of the files lies outside the project's folder when links are followed. Buckets hold no links. */
async function leadOut(files: readonly FoundFile[], { url }: ProjectRoot): Promise<boolean> {
  if (url.protocol !== 'file:' || files.length === 0) return false;
  const root = (await realPlace(url)) ?? url;
  const real = await mapConcurrently(files, SOUGHT_AT_ONCE, (file) => realPlace(file.url));
  return real.some((place) => !place || !isBelow(place, root));
}

/** Out of the project, by its path or by a link, though the preflight does not follow it there. */
const OUT: ReadonlySet<DependencyState> = new Set([
  'absolute',
  'network',
  'outside',
  'no-project',
  'unanchored',
]);

/** Whether Blender, opening the file at `namer` where it lies, would find a file outside the project. */
async function opensOutside(
  { dependency, state }: FoundDependency,
  namer: URL,
  onDisk: FileFinder,
  root: ProjectRoot,
): Promise<boolean> {
  if (!OUT.has(state)) return false;
  const path = placeOnDisk(dependency.path, filePath(new URL('.', namer)), process.cwd());
  const segments = path.split('/').filter(Boolean);
  if (segments.length === 0) return false;
  const { files, otherCase } = await onDisk.find(segments, dependency.extent, dependency.tiles);
  if (root.reach === 'scene') return files.length > 0 || otherCase !== undefined;
  return otherCase !== undefined || (await leadOut(files, root));
}

async function absence(
  { otherCase }: FoundFiles,
  extent: Dependency['extent'],
  url: URL,
): Promise<DependencyState> {
  if (otherCase !== undefined) return 'other-case';
  return extent !== 'folder' && (await isNoFile(url)) ? 'no-file' : 'missing';
}
