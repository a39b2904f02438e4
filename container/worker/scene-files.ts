import { basename, join } from 'node:path';
import type { Manifest } from '../../core/contract/manifest';
import { isProjectPath } from '../../core/contract/project-path';
import { SpotreelError } from '../../core/errors';
import { mapConcurrently } from '../../core/map-concurrently';
import { printableName } from '../../core/printable';
import { mayNeed } from '../../core/preflight/project-root';
import { bucketAndKey, parseLocation } from '../../core/storage/location';
import { StorageError, type Storage } from '../../core/storage/storage';
import { openFileCache, type FileCache } from './file-cache';
import { stoppedError } from './interruption';
import { downloadTo, type WantedFile } from './place-file';
import type { WorkerContext } from './worker-context';

/** Files that are fetched at a time: many are small, and a connection to S3 brings some 100 MB/s. */
const FETCHED_AT_ONCE = 8;

interface ProjectFile extends WantedFile {
  /** From the project's root. */
  readonly path: string;
}

/**
 * The scene's path on this machine, with all that it needs beside it as its `//` paths expect. A scene on a disk is used
 * where it lies. One in a bucket is laid out in the worker's own folder, which Blender cannot write to, out of the cache that `SPOTREEL_CACHE` names, if any.
 * Throws `changed` and `not-found` naming the file, and storage's other errors.
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

/** A plan names only files of the scene's own project, and files that `submit` stored. */
function urlOf({ url: text, path }: { readonly url: string; readonly path: string }, scene: URL): URL {
  const url = parseLocation(text, process.cwd());
  if (mayNeed(scene, url)) return url;
  throw badManifest(
    `the plan takes the file "${printableName(path)}" from ${printableName(text)}, which is outside the scene's project`,
  );
}

/** A cache whose folder can't be made is none: the files are fetched all the same. */
async function findCache(
  { SPOTREEL_CACHE: directory }: NodeJS.ProcessEnv,
  storage: Storage,
): Promise<FileCache | undefined> {
  return directory ? openFileCache(directory, storage).catch(() => undefined) : undefined;
}

/** Once more, whoever wrote the manifest: nothing is written outside the folder. */
function targetOf(path: string, root: string): string {
  if (isProjectPath(path)) return join(root, path);
  throw badManifest(`the plan has a file "${printableName(path)}", which leads out of its project`);
}

function badManifest(fault: string): SpotreelError {
  return new SpotreelError('bad-manifest', 'scene', `${fault}: submit the scene again`);
}

/** A file that was there when the render was planned. */
function gone(error: unknown, { url, path }: ProjectFile): unknown {
  if (!(error instanceof StorageError) || error.code !== 'not-found' || error.url.href !== url.href)
    return error;
  const message = `${printableName(path)} was there when the render was planned and is gone (${printableName(url.href)}): put it back and submit the scene again`;
  return new StorageError('not-found', url, message, { cause: error });
}
