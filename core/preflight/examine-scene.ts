import type { BlendContents } from '../blend/contents/blend-contents';
import { readBlendContents } from '../blend/contents/read-blend-contents';
import { readBlendFacts, type BlendFacts } from '../blend/scene-facts';
import type { RenderOptions } from '../contract/options';
import { formatLocation } from '../storage/location';
import { StorageError, type Storage } from '../storage/storage';
import { readColorConfig, settleColorConfig, type ColorConfig } from './color-config';
import { projectRootOf, segmentsOf, type ProjectRoot } from './project-root';
import type { WalkBudget } from './walk-budget';
import { walkDependencies } from './walk-dependencies';
import type { ProjectFiles } from './dependencies';

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
