import { codeOf, messageOf, SpotreelError } from '../../errors';
import { isBuiltInOcio, type RenderOptions } from '../../render/options';
import { realPlace } from '../../storage/file-writes';
import { childUrl, formatLocation, type Storage, StorageError } from '../../storage/storage';
import { printableName } from '../../text';
import { type BlendFacts, readBlendFacts } from '../blend/facts';
import type { BlendContents, Dependency } from '../contents/blend-contents';
import { readBlendContents } from '../contents/read-contents';
import { isOcioConfig, mayLeadOut, ocioDependencies, ocioFiles, ocioNeeds } from '../ocio-config';
import type { FoundDependency, ProjectFiles, WalkBudget } from './dependencies';
import { isBelow, type ProjectRoot, projectRootOf, resolvePath, segmentsOf } from './paths';
import { walkDependencies } from './walk';

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
