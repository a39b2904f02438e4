import { createHash } from 'node:crypto';
import { SIDECAR_ENDING } from '../contract/sidecar';
import { startsRender, UPLOAD_PREFIX } from '../contract/upload-key';
import { mapConcurrently } from '../map-concurrently';
import { printableName } from '../printable';
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
  /** Why it can't be rendered, where its name alone or that of its sidecar shows it. */
  readonly fault?: string | undefined;
}

/** All uploads, and the folders that could not be read. */
export interface FoundUploads {
  readonly uploads: readonly Upload[];
  readonly unread: ReadonlyArray<{ readonly key: string; readonly error: unknown }>;
}

/** Bytes of a sidecar, at most: the longest option is 100,000 characters of frames. */
const MOST_SIDECAR_BYTES = 256 * 1024;

/**
 * The scenes in `directory` that start renders, in the order of their keys. Names that begin with a dot are hidden: programs
 * that copy keep half of a file, and others what is theirs, under such. A project that can't be read hides no other one.
 */
export async function findUploads(directory: URL, storage: Storage): Promise<FoundUploads> {
  const top = await look(childUrl(directory, UPLOAD_PREFIX), storage);
  const projects = await mapConcurrently(top.folders, AT_ONCE, async (project): Promise<FoundUploads> => {
    const key = `${UPLOAD_PREFIX}${project}/`;
    try {
      const folder = childUrl(directory, key);
      return { uploads: uploadsOf(key, folder, await look(folder, storage)), unread: [] };
    } catch (error) {
      return { uploads: [], unread: [{ key, error }] };
    }
  });
  const own = uploadsOf(UPLOAD_PREFIX, childUrl(directory, UPLOAD_PREFIX), top);
  return {
    uploads: [...own, ...projects.flatMap(({ uploads }) => uploads)],
    unread: projects.flatMap(({ unread }) => unread),
  };
}

/** What projects hold, by their keys: of one look, so that a project with many scenes is listed once. */
export type ProjectFingerprints = Map<string, Promise<string>>;

/**
 * Tells whether anything of what a scene may need has changed: its version, and where it lies in a project's folder the size
 * and time of every file in there.
 */
export async function uploadFingerprint(
  { key, version }: Upload,
  directory: URL,
  storage: Storage,
  known: ProjectFingerprints = new Map(),
): Promise<string> {
  const project = key.slice(0, key.lastIndexOf('/') + 1);
  if (project === UPLOAD_PREFIX) return version;
  const fingerprint = known.get(project) ?? projectFingerprint(childUrl(directory, project), storage);
  known.set(project, fingerprint);
  return `${version} ${await fingerprint}`;
}

async function projectFingerprint(folder: URL, storage: Storage): Promise<string> {
  const hash = createHash('sha256');
  for await (const info of storage.list(folder))
    hash.update(JSON.stringify([info.url.href, versionOf(info)]));
  return hash.digest('hex');
}

/** What tells versions of a file apart without reading it. */
export function versionOf({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>): string {
  return `${size}@${lastModified.getTime()}`;
}

/** What a folder holds, by name. */
interface Look {
  readonly files: Map<string, ObjectInfo>;
  /** Names of what is neither file nor folder, and why. */
  readonly faults: Map<string, string>;
  readonly folders: string[];
}

async function look(folder: URL, storage: Storage): Promise<Look> {
  const found: Look = { files: new Map(), faults: new Map(), folders: [] };
  for await (const { name, object, fault } of storage.listFolder(folder)) {
    if (name.startsWith('.')) continue;
    if (object) found.files.set(name, object);
    else if (fault !== undefined) found.faults.set(name, fault);
    else found.folders.push(name);
  }
  return found;
}

function uploadsOf(prefix: string, folder: URL, found: Look): Upload[] {
  const names = [...found.files.keys(), ...found.faults.keys()];
  return names
    .filter((name) => startsRender(prefix + name))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => {
      const sidecar = name + SIDECAR_ENDING;
      const infos = [name, sidecar].flatMap((one) => found.files.get(one) ?? []);
      const fault = found.faults.get(name) ?? sidecarFault(sidecar, found);
      const versions = [...infos.map(versionOf), ...(fault === undefined ? [] : [fault])];
      const url = found.files.get(name)?.url ?? childUrl(folder, name);
      return { key: prefix + name, url, version: versions.join(' '), ...(fault !== undefined && { fault }) };
    });
}

function sidecarFault(name: string, { files, faults, folders }: Look): string | undefined {
  const own = faults.get(name) ?? (folders.includes(name) ? 'is a folder' : undefined);
  if (own !== undefined) return `has options in ${printableName(name)}, which ${own}`;
  const { size = 0 } = files.get(name) ?? {};
  if (size <= MOST_SIDECAR_BYTES) return undefined;
  return `has options in ${printableName(name)}, which is larger than ${MOST_SIDECAR_BYTES} bytes`;
}
