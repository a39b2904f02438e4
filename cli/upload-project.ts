import type { SceneExamination } from '../core/preflight/examine-scene';
import type { FoundFile } from '../core/preflight/find-files';
import type { FoundDependency } from '../core/preflight/dependencies';
import { mapConcurrently } from '../core/map-concurrently';
import { StorageError, type ObjectHead, type Storage } from '../core/storage/storage';
import { formatLocation } from '../core/storage/location';
import { uploadFiles, type UploadView } from './upload-files';

/** Files whose content is read at a time, for its hash. */
const HASHED_AT_ONCE = 2;

/** A scene in the bucket, and what is known of it, with its files as they lie in the bucket, too. */
export interface UploadedProject {
  readonly source: ObjectHead;
  readonly examination: SceneExamination;
}

/**
 * Brings a scene of this machine, and what it needs, into the bucket. The plan, not the bucket, says at which path each file
 * is wanted: those are kept as they are from the innermost folder that holds all of them. Files that are named by absolute
 * paths stay here: no other machine has those paths.
 */
export async function uploadProject(
  scene: ObjectHead,
  examination: SceneExamination,
  uploads: URL,
  storage: Storage,
  view: UploadView,
): Promise<UploadedProject> {
  const files = filesToUpload(examination);
  const heads = await mapConcurrently(files, HASHED_AT_ONCE, (file) => headOf(file, storage));
  const [source, ...objects] = await uploadFiles([scene, ...heads], uploads, storage, view);
  const objectAt = new Map(files.map(({ path }, index) => [path, objects[index]!]));
  return { source: source!, examination: relocate(examination, objectAt) };
}

function filesToUpload({ project, scenePath }: SceneExamination): FoundFile[] {
  const files = project.dependencies.flatMap((found) => (found.isAbsolute ? [] : found.files));
  return [...new Map(files.map((file) => [file.path, file])).values()].filter(
    ({ path }) => path !== scenePath,
  );
}

async function headOf({ url }: FoundFile, storage: Storage): Promise<ObjectHead> {
  const head = await storage.head(url);
  if (head) return head;
  const message = `${formatLocation(url)} was there a moment ago and is gone: put it back and submit again`;
  throw new StorageError('not-found', url, message);
}

/** The same examination of the scene as it lies in the bucket: pure. */
export function relocate(
  examination: SceneExamination,
  objectAt: ReadonlyMap<string, ObjectHead>,
): SceneExamination {
  const { project, scenePath } = examination;
  const above = sharedFolder([scenePath, ...objectAt.keys()]);
  const fileAt = (file: FoundFile): FoundFile[] => {
    const object = objectAt.get(file.path);
    if (!object) return [];
    const { url, size, etag } = object;
    return [{ url, size, etag, modified: file.modified, path: file.path.slice(above.length) }];
  };
  const moved = (found: FoundDependency): FoundDependency => ({
    ...found,
    files: found.isAbsolute ? [] : found.files.flatMap(fileAt),
  });
  return {
    ...examination,
    scenePath: scenePath.slice(above.length),
    project: { ...project, dependencies: project.dependencies.map(moved) },
  };
}

/** How all paths begin, up to and with a slash; empty where they share no folder. */
function sharedFolder(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  let shared = first.slice(0, first.lastIndexOf('/') + 1);
  for (const path of others) {
    while (!path.startsWith(shared)) shared = shared.slice(0, shared.lastIndexOf('/', shared.length - 2) + 1);
  }
  return shared;
}
