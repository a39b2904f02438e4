import { basename, join, posix } from 'node:path';
import { mapConcurrently } from '../../../core/concurrency';
import { SpotreelError } from '../../../core/errors';
import { isProjectPath, type Manifest } from '../../../core/render/manifest';
import { isBuiltInOcio } from '../../../core/render/options';
import { mayNeed, placeOnDisk } from '../../../core/scene/project/paths';
import { bucketAndKey, parseLocation, type Storage, StorageError } from '../../../core/storage/storage';
import { printableName } from '../../../core/text';
import { stoppedError, type WorkerContext } from '../context';
import { downloadTo, type FileCache, openFileCache, type SceneFile } from './cache';

/** Files fetched at a time: many are small, and one connection to S3 carries about 100 MB/s. */
const FETCHED_AT_ONCE = 8;

interface ProjectFile extends SceneFile {
  /** Relative to the project's root. */
  readonly path: string;
}

/**
 * The scene's path on this machine, with its files where its `//` paths expect them. A scene on a disk is used in place. A
 * scene in a bucket is copied to the worker's own folder, which Blender cannot write to, through the cache that
 * `SPOTREEL_CACHE` names, if any. Throws `changed` and `not-found` naming the file, and storage's other errors.
 */
export async function fetchScene(
  manifest: Pick<Manifest, 'source' | 'scenePath' | 'dependencies'>,
  { storage, environment, scratch, signal }: WorkerContext,
): Promise<string> {
  const { source, scenePath, dependencies = [] } = manifest;
  const root = join(scratch.own, 'scene');
  const url = parseLocation(source.url, process.cwd());
  if (url.protocol === 'file:') return storage.fetch(url, root, source.etag);
  const path = scenePath ?? basename(bucketAndKey(url).key);
  const files: ProjectFile[] = [
    { path, url, etag: source.etag, size: source.size },
    ...dependencies.map((file) => ({ ...file, url: urlOf(file, url) })),
  ];
  const cache = await findCache(environment, storage);
  await mapConcurrently(files, FETCHED_AT_ONCE, async (file) => {
    if (signal.aborted) throw stoppedError(signal);
    const target = targetOf(file.path, root);
    await (cache ? cache.take(file, target) : downloadTo(file, target, storage)).catch((error: unknown) => {
      throw gone(error, file);
    });
  });
  return targetOf(path, root);
}

/** Accepts only files of the scene's own project, and files that `submit` stored. Throws `bad-manifest`. */
function urlOf({ url: text, path }: { readonly url: string; readonly path: string }, scene: URL): URL {
  const url = parseLocation(text, process.cwd());
  if (mayNeed(scene, url)) return url;
  throw badManifest(
    `the plan takes the file "${printableName(path)}" from ${printableName(text)}, which is outside the scene's project`,
  );
}

/** `undefined` without a cache, also if its folder cannot be made: the files are then fetched directly. */
async function findCache(
  { SPOTREEL_CACHE: directory }: NodeJS.ProcessEnv,
  storage: Storage,
): Promise<FileCache | undefined> {
  return directory ? openFileCache(directory, storage).catch(() => undefined) : undefined;
}

/** Checks the path again, because the manifest is not trusted: nothing is written outside the folder. */
function targetOf(path: string, root: string): string {
  if (isProjectPath(path)) return join(root, path);
  throw badManifest(`the plan has a file "${printableName(path)}", which leads out of its project`);
}

function badManifest(fault: string): SpotreelError {
  return new SpotreelError('bad-manifest', 'scene', `${fault}: submit the scene again`);
}

/** Explains a file that has gone missing since the render was planned. */
function gone(error: unknown, { url, path }: ProjectFile): unknown {
  if (!(error instanceof StorageError) || error.code !== 'not-found' || error.url.href !== url.href)
    return error;
  const message = `${printableName(path)} existed when the render was planned and is missing now (${printableName(url.href)}): put it back and submit the scene again`;
  return new StorageError('not-found', url, message, { cause: error });
}

/**
 * The value of `OCIO` for the scene at `file`: the configuration that the render names, beside the scene; `undefined` if it
 * names none. Throws `bad-manifest` if the plan lacks that file. Pure.
 */
export function ocioOfScene(
  { options: { ocio }, source, scenePath = '', dependencies = [] }: PlanWithColors,
  file: string,
): string | undefined {
  if (ocio === undefined || isBuiltInOcio(ocio)) return ocio;
  const isInPlace = !/^[a-z0-9]+:\/\//i.test(source.url);
  const path = posix.join(posix.dirname(scenePath), ocio.slice(2));
  if (isInPlace || dependencies.some((one) => one.path === path))
    return placeOnDisk(ocio, posix.dirname(file), '/');
  const message = `the plan lacks the OCIO configuration ${printableName(ocio)}: submit the scene again`;
  throw new SpotreelError('bad-manifest', 'scene', message);
}

type PlanWithColors = Pick<Manifest, 'options' | 'source' | 'scenePath' | 'dependencies'>;
