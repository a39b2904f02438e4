import { UPLOAD_PREFIX } from '../contract/upload-key';
import { bucketAndKey, childUrl, filePath, fileUrl, keyUrl } from '../storage/location';

/** Out of what a scene may take files: everything below `url`, a folder. */
export interface ProjectRoot {
  readonly url: URL;
  /** A disk as a whole: an absolute path is found there, too. */
  readonly isDisk: boolean;
}

/**
 * What counts as the project of a scene: on a disk all of it, since it is rendered where it lies; in a bucket the folder
 * of uploads, or, elsewhere, the scene's own folder.
 */
export function projectRootOf(scene: URL): ProjectRoot {
  if (scene.protocol === 'file:') return { url: fileUrl('/'), isDisk: true };
  const { bucket, key } = bucketAndKey(scene);
  const folder = key.startsWith(UPLOAD_PREFIX) ? UPLOAD_PREFIX : key.slice(0, key.lastIndexOf('/') + 1);
  return { url: keyUrl(scene.protocol === 's3:' ? 's3:' : 'memory:', bucket, folder), isDisk: false };
}

/** Where `url`, which must lie below the root, lies in it. */
export function segmentsOf(url: URL, root: ProjectRoot): string[] {
  const [path, start] = root.isDisk
    ? [filePath(url), filePath(root.url)]
    : [bucketAndKey(url).key, bucketAndKey(root.url).key];
  return path.slice(start.length).split('/');
}

/** The folder at `segments` below the root, with a slash at its end. */
export function folderAt(segments: readonly string[], root: ProjectRoot): URL {
  return segments.length === 0 ? root.url : childUrl(root.url, ...segments, '');
}
