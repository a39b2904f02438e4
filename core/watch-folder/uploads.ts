import { createHash } from 'node:crypto';
import { mapConcurrently } from '../concurrency';
import { messageOf, SpotreelError } from '../errors';
import { cameraRenders, hasGone, isUploadsFault, prepareRender, type PrepareServices } from '../jobs/submit';
import { startsRender, UPLOAD_PREFIX } from '../render/keys';
import type { Manifest } from '../render/manifest';
import { parseSidecar, SIDECAR_ENDING, type UploadWishes } from '../render/upload-options';
import { refusalOf, refusePath } from '../scene/findings/preflight';
import { UPLOAD_SECONDS, WalkBudget } from '../scene/project/dependencies';
import { examineScene, type SceneExamination } from '../scene/project/examine';
import { type ProjectRoot, segmentsOf, watchRootOf } from '../scene/project/paths';
import { realPlace } from '../storage/file-writes';
import {
  childUrl,
  formatLocation,
  type ObjectHead,
  type ObjectInfo,
  type Storage,
  StorageError,
} from '../storage/storage';
import { printableName } from '../text';

/** Folders to read at once. */
const AT_ONCE = 16;

/** A scene in a watch folder. Another program may still be copying it. */
export interface Upload {
  /** `uploads/<name>.blend` or `uploads/<project>/<name>.blend`. */
  readonly key: string;
  readonly url: URL;
  /** Changes when the scene or its sidecar is written. */
  readonly version: string;
  /** Why it cannot be rendered, if the kind or size of the file or its sidecar shows this. */
  readonly fault?: string;
}

/** All uploads, and the unreadable folders. */
export interface FoundUploads {
  readonly uploads: readonly Upload[];
  readonly unread: ReadonlyArray<{ readonly key: string; readonly error: unknown }>;
}

/** Most bytes of a sidecar: the longest option is 100,000 characters of frames. */
const MOST_SIDECAR_BYTES = 256 * 1024;

/**
 * The scenes in `directory` that start renders, in the order of their keys. Skips names that begin with a dot, which copying programs give
 * to incomplete files. Lists unreadable projects separately.
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

/** Fingerprints of projects, by key, so that one search lists a project with many scenes once. */
export type ProjectFingerprints = Map<string, Promise<string>>;

/** Changes when a file that the scene may need changes: the scene itself and, in a project's folder, every file (by size and time). */
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

/** Distinguishes versions of a file without reading it. */
function versionOf({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>): string {
  return `${size}@${lastModified.getTime()}`;
}

/** The content of a folder, by name. */
interface Look {
  readonly files: Map<string, ObjectInfo>;
  /** Why an entry is neither a file nor a folder. */
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
      return { key: prefix + name, url, version: versions.join(' '), fault };
    });
}

function sidecarFault(name: string, { files, faults, folders }: Look): string | undefined {
  const own = faults.get(name) ?? (folders.includes(name) ? 'is a folder' : undefined);
  if (own !== undefined) return `has options in ${printableName(name)}, which ${own}`;
  const { size = 0 } = files.get(name) ?? {};
  if (size <= MOST_SIDECAR_BYTES) return undefined;
  return `has options in ${printableName(name)}, which is larger than ${MOST_SIDECAR_BYTES} bytes`;
}

/**
 * A file counts as complete if it has not changed for so long. If its copy pauses for longer, Spotreel takes the incomplete file, and takes
 * the complete file later as a new version.
 */
const STILL_SECONDS = 5;

/** Remembers since when each upload is unchanged. */
export class Stillness {
  private since = new Map<string, { readonly fingerprint: string; readonly at: number }>();

  /**
   * Takes the fingerprints of all awaited uploads and returns the keys of those that were unchanged for long enough. Forgets all other
   * keys. `at` is in milliseconds of a monotonic clock.
   */
  settle(
    looks: ReadonlyArray<{ readonly key: string; readonly fingerprint: string }>,
    at: number,
  ): Set<string> {
    this.since = new Map(
      looks.map(({ key, fingerprint }) => {
        const before = this.since.get(key);
        return [key, before?.fingerprint === fingerprint ? before : { fingerprint, at }];
      }),
    );
    const still = [...this.since].filter(([, { at: from }]) => at - from >= STILL_SECONDS * 1000);
    return new Set(still.map(([key]) => key));
  }
}

/** The result of `takeUpload`. */
export type TakenUpload =
  /** It is planned and waits for its turn. */
  | {
      readonly outcome: 'queued';
      readonly renderId: string;
      readonly manifest: Manifest;
      /** The renders of more cameras, which follow it. */
      readonly more: readonly Manifest[];
    }
  /** `status.json` says why. */
  | { readonly outcome: 'refused'; readonly renderId: string; readonly error: SpotreelError }
  /** It was replaced or deleted meanwhile; search again. */
  | { readonly outcome: 'outdated' };

type TakeServices = PrepareServices & { readonly directory: URL; readonly output: URL };

/**
 * Checks and plans an upload for the queue, as `submitUpload` does for AWS Batch. If it throws, the fault may pass, so try the same upload
 * again.
 */
export async function takeUpload(upload: Upload, services: TakeServices): Promise<TakenUpload> {
  const { storage } = services;
  if (upload.fault !== undefined)
    return refuse(upload.url, upload.version, undefined, faultOf(upload), services);
  const source = await storage.head(upload.url);
  if (!source || upload.version.split(' ')[0] !== versionOf(source)) return { outcome: 'outdated' };
  let wishes: UploadWishes | undefined;
  try {
    refusePath(upload.key);
    wishes = await readWishes(upload.url, storage);
    const { options, name, tags } = wishes;
    const root = watchRootOf(services.directory, upload.key);
    await refuseLink(source.url, root);
    const budget = new WalkBudget(UPLOAD_SECONDS);
    const examination = await examineScene(source.url, source.etag, storage, root, budget, options);
    refuseUnchecked(examination, root);
    // A disk pins no version, so the bytes match the ETag only if the file is still unchanged.
    if (!(await isStill(source, storage))) return { outcome: 'outdated' };
    const { output } = services;
    const identity = { source: source.url, etag: source.etag, options };
    const manifests: Manifest[] = [];
    for (const render of cameraRenders(identity, examination, name)) {
      const request = { source, output, examination, tags, ...render };
      manifests.push((await prepareRender(request, services)).manifest);
    }
    const [manifest, ...more] = manifests;
    return { outcome: 'queued', renderId: manifest!.renderId, manifest: manifest!, more };
  } catch (error) {
    if (hasGone(error, source)) return { outcome: 'outdated' };
    const fault = error instanceof SpotreelError ? error : unexpected(upload, error);
    if (fault.kind !== 'internal' && !isUploadsFault(fault)) throw error;
    if (!(await isStill(source, storage))) return { outcome: 'outdated' };
    return refuse(source.url, source.etag, wishes, fault, services);
  }
}

/** An unread part of a file could name files of other projects, which Blender would open. */
function refuseUnchecked({ contents, project }: SceneExamination, { url, inPlace }: ProjectRoot): void {
  const isWhole = (held: SceneExamination['contents'] | undefined): boolean => held?.incomplete === false;
  const libraries = project.libraries.every(({ contents: held }) => isWhole(held));
  if (!inPlace || (isWhole(contents) && libraries && !project.isCut)) return;
  const message = `the scene or a library of it is damaged or too large to look through, so it may need files outside ${formatLocation(url)}; save it with a newer Blender, or use "spotreel render"`;
  throw new SpotreelError('outside-upload', 'scene', message);
}

/** A link could lead to a scene of another project. */
async function refuseLink(scene: URL, root: ProjectRoot): Promise<void> {
  const [real, folder] = [await realPlace(scene), await realPlace(root.url)];
  if (real && folder && real.href === childUrl(folder, ...segmentsOf(scene, root)).href) return;
  const message = `${formatLocation(scene)} is a link, but a watch folder takes only scenes that are files in it; copy the scene there`;
  throw new SpotreelError('outside-upload', 'scene', message);
}

async function refuse(
  url: URL,
  etag: string,
  wishes: UploadWishes | undefined,
  error: SpotreelError,
  services: TakeServices,
): Promise<TakenUpload> {
  const { render, status } = refusalOf({ url, etag }, wishes, error, services);
  await render.status.write(status);
  return { outcome: 'refused', renderId: status.renderId, error };
}

function faultOf({ key, fault }: Upload): SpotreelError {
  return new SpotreelError('no-file', 'scene', `${printableName(key)} ${fault}; put a regular file there`);
}

/** The same upload would fail again each time, so reject it like an upload with a known fault. */
function unexpected({ key }: Upload, error: unknown): SpotreelError {
  const message = `${printableName(key)} cannot be planned: internal error of Spotreel (${messageOf(error)}); report it`;
  return new SpotreelError('internal', 'internal', message, { cause: error });
}

async function readWishes(scene: URL, storage: Storage): Promise<UploadWishes> {
  const url = new URL(scene.href + SIDECAR_ENDING);
  try {
    return parseSidecar(await storage.get(url), formatLocation(url));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'not-found') return { options: {} };
    throw error;
  }
}

/** Compares size and time, because computing an ETag reads the whole file. */
async function isStill(source: ObjectHead, storage: Storage): Promise<boolean> {
  for await (const info of storage.list(source.url)) {
    if (info.url.href === source.url.href) return versionOf(info) === versionOf(source);
  }
  return false;
}
