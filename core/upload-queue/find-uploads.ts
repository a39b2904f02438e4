import { createHash } from 'node:crypto';
import { SIDECAR_ENDING } from '../contract/sidecar';
import { startsRender, UPLOAD_PREFIX } from '../contract/upload-key';
import { mapConcurrently } from '../map-concurrently';
import { childUrl } from '../storage/location';
import type { ObjectInfo, Storage } from '../storage/storage';

/** Folders that are read at a time. */
const AT_ONCE = 16;

/** A scene that lies in a watch folder, and maybe is still being copied there. */
export interface Upload {
  /** `uploads/<name>.blend` or `uploads/<project>/<name>.blend`. */
  readonly key: string;
  readonly url: URL;
  /** Another one once the scene or its sidecar is another, or was written again. */
  readonly version: string;
}

/**
 * The scenes in `directory` that start renders, in the order of their keys. Names that begin with a dot are hidden: programs
 * that copy keep half of a file, and others what is theirs, under such.
 */
export async function findUploads(directory: URL, storage: Storage): Promise<Upload[]> {
  const { files, folders } = await look(childUrl(directory, UPLOAD_PREFIX), storage);
  const projects = await mapConcurrently(folders, AT_ONCE, async (project) => {
    const folder = childUrl(directory, `${UPLOAD_PREFIX}${project}/`);
    return uploadsOf(`${UPLOAD_PREFIX}${project}/`, (await look(folder, storage)).files);
  });
  return [...uploadsOf(UPLOAD_PREFIX, files), ...projects.flat()];
}

/**
 * Tells whether anything of what a scene may need has changed: its version, and where it lies in a project's folder the size
 * and time of every file in there.
 */
export async function uploadFingerprint(
  { key, version }: Upload,
  directory: URL,
  storage: Storage,
): Promise<string> {
  const project = key.slice(0, key.lastIndexOf('/') + 1);
  if (project === UPLOAD_PREFIX) return version;
  const hash = createHash('sha256');
  for await (const info of storage.list(childUrl(directory, project)))
    hash.update(JSON.stringify([info.url.href, versionOf(info)]));
  return `${version} ${hash.digest('hex')}`;
}

/** What tells versions of a file apart without reading it. */
export function versionOf({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>): string {
  return `${size}@${lastModified.getTime()}`;
}

async function look(folder: URL, storage: Storage) {
  const [files, folders] = [new Map<string, ObjectInfo>(), new Array<string>()];
  for await (const { name, object } of storage.listFolder(folder)) {
    if (name.startsWith('.')) continue;
    if (object) files.set(name, object);
    else folders.push(name);
  }
  return { files, folders };
}

function uploadsOf(prefix: string, files: ReadonlyMap<string, ObjectInfo>): Upload[] {
  return [...files]
    .filter(([name]) => startsRender(prefix + name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, info]) => {
      const sidecar = files.get(name + SIDECAR_ENDING);
      const versions = [info, ...(sidecar ? [sidecar] : [])].map(versionOf);
      return { key: prefix + name, url: info.url, version: versions.join(' ') };
    });
}
