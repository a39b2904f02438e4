import type { Dependency } from '../blend/contents/blend-contents';
import { isBuiltInOcio } from '../contract/ocio-option';
import { codeOf, messageOf, SpotreelError } from '../errors';
import { printableName } from '../printable';
import { childUrl, formatLocation } from '../storage/location';
import { realPlace } from '../storage/real-place';
import type { Storage } from '../storage/storage';
import { isOcioConfig, mayLeadOut, ocioDependencies, ocioFiles, ocioNeeds } from '../contract/ocio-config';
import { isBelow, segmentsOf, type ProjectRoot } from './project-root';
import { resolvePath } from './resolve-path';
import type { FoundDependency, ProjectFiles } from './dependencies';

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
