import type { BlendFacts, SceneFacts } from '../../core/scene/blend/facts';
import type { BlendContents, Dependency } from '../../core/scene/contents/blend-contents';
import type { ReadContents } from '../../core/scene/project/dependencies';
import type { SceneExamination } from '../../core/scene/project/examine';
import { projectRootOf, segmentsOf } from '../../core/scene/project/paths';
import { walkDependencies } from '../../core/scene/project/examine';
import type { FolderEntry, ObjectInfo, Storage } from '../../core/storage/storage';
import { MemoryStorage } from './memory-storage';

/** An image of one file, but for `changes`. */
export function dependency(path: string, changes: Partial<Dependency> = {}): Dependency {
  return { kind: 'image', extent: 'file', path, packed: false, usedBy: ['image "Wood"'], ...changes };
}

export function contents(
  dependencies: readonly Dependency[] = [],
  changes: Partial<BlendContents> = {},
): BlendContents {
  return {
    dependencies,
    unbaked: [],
    scripts: { texts: [], driverExpressions: 0, freestyleModules: [], unsafeNames: [], scriptNodes: [] },
    fileOutputs: [],
    cameras: [],
    addonTrees: [],
    denoiseNodes: [],
    speakers: [],
    incomplete: false,
    ...changes,
  };
}

const SCENE: SceneFacts = {
  name: 'Shot',
  frameStart: 1,
  frameEnd: 48,
  frameStep: 1,
  fps: 24,
  fpsBase: 1,
  width: 1920,
  height: 1080,
  resolutionPercent: 50,
  engine: 'CYCLES',
  outputFormat: 'PNG',
  outputPath: '//out/',
  hasCamera: true,
  markerCameras: false,
  switchesCameras: false,
  usesSequencer: false,
  hasSoundStrips: false,
  hasSceneStrips: false,
  usesCompositor: false,
  denoises: false,
  viewLayers: ['ViewLayer'],
};

/** The facts of a file with one scene that is right except for `changes`. */
export function facts(changes: Partial<SceneFacts> = {}): BlendFacts {
  return {
    blenderVersion: { major: 3, minor: 4, text: '3.4' },
    blenderSubversion: 6,
    compression: 'none',
    scenes: [{ ...SCENE, ...changes }],
    activeScene: changes.name ?? SCENE.name,
    renderRanges: [],
    incomplete: false,
  };
}

/** A library's bytes are its contents as JSON, so that a walk through many needs no real ones. */
export const readJsonContents: ReadContents = async (source) =>
  JSON.parse(Buffer.from(await source.read(0, source.size)).toString());

/** Counts its requests. */
export class CountingStorage extends MemoryStorage {
  readonly counts = { list: 0, listFolder: 0, head: 0, open: 0, fetch: 0 };

  override async *list(prefix: URL): AsyncGenerator<ObjectInfo> {
    this.counts.list += 1;
    yield* super.list(prefix);
  }

  override async *listFolder(folder: URL): AsyncGenerator<FolderEntry> {
    this.counts.listFolder += 1;
    yield* super.listFolder(folder);
  }

  override async head(url: URL) {
    this.counts.head += 1;
    return super.head(url);
  }

  override async open(url: URL) {
    this.counts.open += 1;
    return super.open(url);
  }

  override async fetch(url: URL, directory: string, etag?: string) {
    this.counts.fetch += 1;
    return super.fetch(url, directory, etag);
  }
}

/** Puts objects into the bucket `films`. */
export async function putAll(storage: Storage, objects: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, text] of Object.entries(objects)) {
    await storage.put(new URL(`memory://films/${key.split('/').map(encodeURIComponent).join('/')}`), text);
  }
}

/** The result of examining a scene in the bucket `films` that holds `held`. */
export async function examine(
  key: string,
  held: BlendContents,
  storage: Storage,
  sceneFacts: BlendFacts = facts(),
  readContents: ReadContents = readJsonContents,
): Promise<SceneExamination> {
  const url = new URL(`memory://films/${key}`);
  const root = projectRootOf(url);
  const project = await walkDependencies(url, held, { storage, root, readContents });
  return { facts: sceneFacts, contents: held, project, scenePath: segmentsOf(url, root).join('/') };
}
