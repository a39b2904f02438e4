import { mapConcurrently } from '../../concurrency';
import { codeOf, messageOf, SpotreelError } from '../../errors';
import { isBuiltInOcio, type RenderOptions } from '../../render/options';
import { isNoFile, realPlace } from '../../storage/file-writes';
import {
  childUrl,
  filePath,
  fileUrl,
  formatLocation,
  type Storage,
  StorageError,
} from '../../storage/storage';
import { printableName } from '../../text';
import { type BlendFacts, readBlendFacts } from '../blend/facts';
import type { BlendContents, Dependency } from '../contents/blend-contents';
import { readBlendContents } from '../contents/read-contents';
import { isOcioConfig, mayLeadOut, ocioDependencies, ocioFiles, ocioNeeds } from './ocio-config';
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

/** A scene and its files, as far as they can be examined without Blender. */
export interface SceneExamination {
  readonly facts: BlendFacts;
  readonly contents: BlendContents;
  readonly project: ProjectFiles;
  /** The scene's path from the project's root, joined by `/`. */
  readonly scenePath: string;
  /** The requested OpenColorIO configuration. */
  readonly colorConfig?: ColorConfig;
}

/**
 * Reads the scene at `url` and its libraries with ranged reads, and looks up their files; nothing in them ever runs. `etag`
 * selects a version, `root` another project, `budget` limits the work. `options` select a scene and an OpenColorIO
 * configuration.
 * Throws `BlendFormatError` for an invalid scene, `changed` for another version, `bad-ocio`, and storage's errors.
 */
export async function examineScene(
  url: URL,
  etag: string | undefined,
  storage: Storage,
  root: ProjectRoot = projectRootOf(url),
  budget?: WalkBudget,
  { scene, ocio }: Pick<RenderOptions, 'scene' | 'ocio'> = {},
): Promise<SceneExamination> {
  const colorConfig = ocio === undefined ? undefined : await readColorConfig(ocio, url, root, storage);
  const { facts, contents } = await readScene(url, etag, storage, scene);
  const active = facts.scenes.find(({ name }) => name === (scene ?? facts.activeScene));
  const named = colorConfig
    ? { ...contents, dependencies: [...contents.dependencies, ...colorConfig.dependencies] }
    : contents;
  const project = await walkDependencies(url, named, {
    storage,
    root,
    readContents: (source, part) => readBlendContents(source, undefined, part),
    budget,
    frames: active && { start: active.frameStart, end: active.frameEnd },
  });
  const scenePath = segmentsOf(url, root).join('/');
  return colorConfig
    ? { facts, contents, project: settleColorConfig(project, colorConfig), scenePath, colorConfig }
    : { facts, contents, project, scenePath };
}

async function readScene(url: URL, etag: string | undefined, storage: Storage, scene: string | undefined) {
  const bytes = await storage.open(url);
  try {
    if (etag !== undefined && bytes.etag !== undefined && bytes.etag !== etag) throw changed(url);
    const facts = await readBlendFacts(bytes);
    // The plan reports an unknown scene.
    const chosen = facts.scenes.find(({ name }) => name === scene)?.name;
    const part = { scene: chosen ?? facts.activeScene };
    return { facts, contents: await readBlendContents(bytes, undefined, part) };
  } finally {
    await bytes.close();
  }
}

/** Facts must match the version of the scene. */
function changed(url: URL): StorageError {
  const message = `${formatLocation(url)} changed after its render was requested; submit it again to render the new version`;
  return new StorageError('changed', url, message);
}

/** Nesting of libraries: more than any film has. */
export const DEEPEST_LIBRARY = 16;

/** Libraries that are read for one scene: each costs some requests. */
export const MOST_LIBRARIES = 500;

/** Dependencies of the scene and all its libraries; real films have some thousands. */
const MOST_NAMED = 200_000;

/** Concurrent reads of libraries, and concurrent lookups of files. */
const READ_AT_ONCE = 8;
const SOUGHT_AT_ONCE = 32;

interface Named {
  /** The file that names dependencies. */
  readonly url: URL;
  /** Its path from the project's root, as written. */
  readonly segments: readonly string[];
  /** Absent for the scene. */
  readonly library?: string;
  readonly contents: BlendContents;
}

/**
 * Finds the dependencies of the scene at `scene` and of its libraries, each relative to the file that names it. Reads each
 * library once, so cycles end. Throws storage's errors.
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

/**
 * Whether the written path fails on the system that opens the files in place. Files of a bucket are placed at the written path.
 */
async function isAnotherName([file]: readonly FoundFile[], { url }: ProjectRoot): Promise<boolean> {
  if (!file || url.protocol !== 'file:') return false;
  return (await realPlace(childUrl(url, file.path))) === undefined;
}

/** Numbers of tiles or shown pictures; `undefined` if unknown. */
function numbersOf({ tiles, plays, runs }: Dependency, frames?: FrameSpan): readonly number[] | undefined {
  if (plays && frames) return playedFrames(plays, frames);
  return runs ? numbersIn(runs) : tiles;
}

/** The place of a reachable path: below the project, or, on a disk, any absolute path. */
function reachable(resolved: ResolvedPath, { reach }: ProjectRoot): readonly string[] | undefined {
  if (resolved.kind === 'project') return reach === 'scene' ? undefined : resolved.segments;
  return resolved.kind === 'absolute' && reach === 'disk' ? resolved.segments : undefined;
}

function unreachable({ kind }: ResolvedPath, { reach }: ProjectRoot): DependencyState {
  if (kind === 'project') return 'no-project';
  return kind === 'outside' && reach === 'scene' ? 'no-project' : kind;
}

/** Whether links lead any file outside the project's folder. Buckets have no links. */
async function leadOut(files: readonly FoundFile[], { url }: ProjectRoot): Promise<boolean> {
  if (url.protocol !== 'file:' || files.length === 0) return false;
  const root = (await realPlace(url)) ?? url;
  const real = await mapConcurrently(files, SOUGHT_AT_ONCE, (file) => realPlace(file.url));
  return real.some((place) => !place || !isBelow(place, root));
}

/** States outside the project, by path or by link, which the preflight does not follow. */
const OUT: ReadonlySet<DependencyState> = new Set([
  'absolute',
  'network',
  'outside',
  'no-project',
  'unanchored',
]);

/** Whether Blender would find a file outside the project when it opens `namer` in place. */
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

/** Bytes of a configuration; the largest published ones have half a megabyte. */
const MOST_BYTES = 8 << 20;

/** Paths where files of a configuration are looked up. */
const MOST_PATHS = 10_000;

/** The OpenColorIO configuration that a render requests. */
export interface ColorConfig {
  /** As users write it. */
  readonly location: string;
  /** Absent for archives and built-in configurations. */
  readonly text?: string;
  /** The configuration first, then every path where OpenColorIO looks for its files. */
  readonly dependencies: readonly Dependency[];
  /** For each file in it, its possible paths among `dependencies`. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the configuration in the option `ocio` for the scene at `scene`. Throws `bad-ocio` (usage) if it is missing or invalid,
 * `outside-upload` for one in a watch folder that may name files of other projects, and storage's errors.
 */
export async function readColorConfig(
  ocio: string,
  scene: URL,
  root: ProjectRoot,
  storage: Storage,
): Promise<ColorConfig> {
  if (isBuiltInOcio(ocio)) return { location: ocio, dependencies: [], files: new Map() };
  const url = await placeOf(ocio, scene, root);
  const location = printableName(formatLocation(url));
  const bytes = await readWhole(url, location, storage);
  if (/z$/i.test(ocio)) {
    if (bytes.subarray(0, 2).toString('latin1') !== 'PK') throw bad(`${location} is not an OCIO archive`);
    return { location, dependencies: ocioDependencies(ocio, NOTHING), files: new Map() };
  }
  const text = bytes.toString('utf8');
  if (!isOcioConfig(text))
    throw bad(`${location} is not an OCIO configuration: it has no ocio_profile_version`);
  if (root.inPlace && mayLeadOut(text)) throw leadsOut(location);
  const needs = ocioNeeds(ocio, ocioFiles(text));
  const dependencies = ocioDependencies(ocio, needs);
  if (dependencies.length > MOST_PATHS)
    throw bad(`${location} names files at more than ${MOST_PATHS} paths: shorten its search_path`);
  return { location, text, dependencies, files: needs.files };
}

const NOTHING = { folders: [], files: new Map<string, string[]>() };

async function placeOf(ocio: string, scene: URL, root: ProjectRoot): Promise<URL> {
  const resolved = resolvePath(ocio, segmentsOf(scene, root).slice(0, -1), root.reach === 'disk');
  if (root.reach === 'scene')
    throw bad(`${printableName(ocio)} needs a project: put scene and configuration into uploads/<project>/`);
  if (resolved.kind !== 'project') throw bad(`${printableName(ocio)} leads out of the project's folder`);
  const url = childUrl(root.url, resolved.segments.join('/'));
  if (root.reach === 'folder' && url.protocol === 'file:') {
    const [real, folder] = [await realPlace(url), await realPlace(root.url)];
    if (real && folder && !isBelow(real, folder)) throw leadsOut(printableName(formatLocation(url)));
  }
  return url;
}

/** Reads a text whole, and the first bytes of an archive. */
async function readWhole(url: URL, location: string, storage: Storage): Promise<Buffer> {
  const source = await storage.open(url).catch((error: unknown) => {
    if (codeOf(error) === 'not-found') throw bad(`${location} is missing`);
    if (error instanceof SpotreelError && error.kind === 'passing') throw error;
    throw bad(`${location} cannot be read: ${messageOf(error)}`);
  });
  try {
    const isArchive = /z$/i.test(url.pathname);
    if (!isArchive && source.size > MOST_BYTES)
      throw bad(`${location} has more than ${MOST_BYTES >> 20} MiB`);
    return Buffer.from(await source.read(0, isArchive ? 4 : source.size));
  } finally {
    await source.close();
  }
}

function bad(fault: string): SpotreelError {
  const message = `OCIO configuration ${fault}; choose another with --ocio (metadata ocio, or the variable OCIO)`;
  return new SpotreelError('bad-ocio', 'usage', message);
}

function leadsOut(location: string): SpotreelError {
  const message = `OCIO configuration ${location} may name files outside its folder, but a scene in a watch folder may read only the files of its project's folder: make its paths relative, without ".." and variables, or use a .ocioz archive`;
  return new SpotreelError('outside-upload', 'scene', message);
}

/** Keeps the paths where files of the configuration exist; a file without any is missing at its first path. Pure. */
export function settleColorConfig(project: ProjectFiles, config: ColorConfig): ProjectFiles {
  const [own] = config.dependencies;
  const states = new Map<string, FoundDependency['state']>();
  for (const { dependency, state } of project.dependencies)
    if (dependency.kind === 'ocio') states.set(dependency.path, state);
  const missing = [...config.files.values()]
    .filter((paths) => !paths.some((path) => states.get(path) === 'found'))
    .map(([first]) => first);
  const kept = new Set([own?.path, ...missing]);
  const dependencies = project.dependencies.filter(
    ({ dependency: { kind, path }, state }) => kind !== 'ocio' || state === 'found' || kept.has(path),
  );
  return { ...project, dependencies };
}
