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
import { isOcioConfig, mayLeadOut, ocioDependencies, ocioFiles, ocioNeeds } from '../ocio-config';
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

/** Bytes of a configuration; the largest that are published have half a megabyte. */
const MOST_BYTES = 8 << 20;

/** Paths at which the files of a configuration are looked for. */
const MOST_PATHS = 10_000;

/** The OpenColorIO configuration that a render asks for. */
export interface ColorConfig {
  /** As people write it. */
  readonly location: string;
  /** Absent for archives and for those that OpenColorIO has built in. */
  readonly text?: string;
  /** The configuration first, and then what it names, wherever OpenColorIO would look for that. */
  readonly dependencies: readonly Dependency[];
  /** For each file that it names, the paths among `dependencies` where it may be. */
  readonly files: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads the configuration that the option `ocio` names for the scene at `scene`. Throws `bad-ocio` (usage) for one that is missing
 * or is none, `outside-upload` for one in a watch folder that may name files of other projects, and storage's errors.
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
    if (bytes.subarray(0, 2).toString('latin1') !== 'PK') throw bad(`${location} is no OCIO archive`);
    return { location, dependencies: ocioDependencies(ocio, NOTHING), files: new Map() };
  }
  const text = bytes.toString('utf8');
  if (!isOcioConfig(text)) throw bad(`${location} is no OCIO configuration: it has no ocio_profile_version`);
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

/** The first bytes of an archive, all of a text. */
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
  const message = `OCIO configuration ${fault}; give another one with --ocio (metadata ocio, or the variable OCIO)`;
  return new SpotreelError('bad-ocio', 'usage', message);
}

function leadsOut(location: string): SpotreelError {
  const message = `OCIO configuration ${location} may name files outside its folder, and a scene in a watch folder may read only the files of its project's folder: make its paths relative, without ".." and variables, or bring a .ocioz archive`;
  return new SpotreelError('outside-upload', 'scene', message);
}

/**
 * Of the paths at which the files of the configuration may be, keeps those where they are: pure. A file that is at none of them is
 * missing at the first.
 */
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

/** All that can be known of a scene without Blender, and of the files that it needs. */
export interface SceneExamination {
  readonly facts: BlendFacts;
  readonly contents: BlendContents;
  readonly project: ProjectFiles;
  /** Where the scene lies, from the project's root, joined by `/`. */
  readonly scenePath: string;
  /** The OpenColorIO configuration that was asked for. */
  readonly colorConfig?: ColorConfig;
}

/**
 * Reads the scene at `url` and its libraries by ranged reads, and looks for what they need; nothing in them is ever run.
 * `etag` asks for that version, `root` for another project than the usual one, `budget` limits the work, `options` name
 * another scene than the active one, for what can reach its frames, and an OpenColorIO configuration. Throws `BlendFormatError` for a
 * scene that is none, `changed` for another version, `bad-ocio`, and storage's errors.
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
    ...(budget && { budget }),
    ...(active && { frames: { start: active.frameStart, end: active.frameEnd } }),
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
    // What is wrong with a scene that is not there is found elsewhere.
    const chosen = facts.scenes.find(({ name }) => name === scene)?.name;
    const part = { scene: chosen ?? facts.activeScene };
    return { facts, contents: await readBlendContents(bytes, undefined, part) };
  } finally {
    await bytes.close();
  }
}

/** The facts of one version must not be put down as those of another. */
function changed(url: URL): StorageError {
  const message = `${formatLocation(url)} was changed since its render was asked for: submit it again to render it as it is now`;
  return new StorageError('changed', url, message);
}

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
