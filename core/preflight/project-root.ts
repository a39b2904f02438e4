import { SUBMITTED_FOLDER, UPLOAD_PREFIX } from '../contract/upload-key';
import { bucketAndKey, childUrl, filePath, fileUrl, keyUrl } from '../storage/location';

/** Out of what a scene may take files. */
export interface ProjectRoot {
  /** A folder; the scene lies in it or below it. */
  readonly url: URL;
  /** `disk`: any file of this machine. `folder`: what lies below `url`. `scene`: nothing besides the scene itself. */
  readonly reach: 'disk' | 'folder' | 'scene';
  /** Blender opens the scene where it lies and could read other projects, so a file outside is an error. */
  readonly inPlace?: true;
}

/**
 * The project of a scene. On a disk it is the whole disk, because the scene is rendered where it lies. In a bucket it is
 * `uploads/<project>/`, or, outside of `uploads/`, the scene's own folder. A scene in no folder has no project.
 */
export function projectRootOf(scene: URL): ProjectRoot {
  if (scene.protocol === 'file:') return { url: fileUrl('/'), reach: 'disk' };
  const { bucket, key } = bucketAndKey(scene);
  const { folder, reach } = projectOf(key);
  return { url: keyUrl(scene.protocol === 's3:' ? 's3:' : 'memory:', bucket, folder), reach };
}

/** The project of the scene at `key` in a watch folder: the same folders as in a bucket. */
export function watchRootOf(directory: URL, key: string): ProjectRoot {
  const { folder, reach } = projectOf(key);
  const inPlace = directory.protocol === 'file:' && ({ inPlace: true } as const);
  return { url: childUrl(directory, folder), reach, ...inPlace };
}

/** Whether the plan of a scene in a bucket may name the file at `file`: one of its project, or one that `submit` stored. */
export function mayNeed(scene: URL, file: URL): boolean {
  const { url, reach } = projectRootOf(scene);
  const submitted = new URL(`/${UPLOAD_PREFIX}${SUBMITTED_FOLDER}/`, url);
  return isBelow(file, submitted) || (reach === 'folder' && isBelow(file, url));
}

/** Whether `url` lies in the folder at `folder`, with or without its trailing slash, or below it. */
export function isBelow(url: URL, folder: URL): boolean {
  return url.href.startsWith(folder.href.endsWith('/') ? folder.href : `${folder.href}/`);
}

/** Where `url`, which must lie below the root, lies in it. */
export function segmentsOf(url: URL, root: ProjectRoot): string[] {
  return pathOf(url).slice(pathOf(root.url).length).split('/');
}

/** The folder at `segments` below the root, with a slash at its end. */
export function folderAt(segments: readonly string[], root: ProjectRoot): URL {
  return segments.length === 0 ? root.url : childUrl(root.url, ...segments, '');
}

function projectOf(key: string): { readonly folder: string; readonly reach: 'folder' | 'scene' } {
  const own = key.slice(0, key.lastIndexOf('/') + 1);
  if (!own.startsWith(UPLOAD_PREFIX)) return { folder: own, reach: own === '' ? 'scene' : 'folder' };
  const folders = own.slice(UPLOAD_PREFIX.length).split('/').slice(0, -1);
  // What is submitted lies in a folder for each content, whichever project it came with.
  const depth = folders[0] === SUBMITTED_FOLDER ? 2 : 1;
  if (folders.length < depth) return { folder: own, reach: 'scene' };
  return { folder: `${UPLOAD_PREFIX}${folders.slice(0, depth).join('/')}/`, reach: 'folder' };
}

function pathOf(url: URL): string {
  return url.protocol === 'file:' ? filePath(url) : bucketAndKey(url).key;
}
