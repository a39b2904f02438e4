import { createHash } from 'node:crypto';
import { mapConcurrently } from '../concurrency';
import { messageOf, SpotreelError } from '../errors';
import {
  cameraRenders,
  hasGone,
  isUploadsFault,
  prepareRender,
  type PrepareServices,
  refusalOf,
} from '../jobs/submit';
import { startsRender, UPLOAD_PREFIX } from '../render/keys';
import type { Manifest } from '../render/manifest';
import { parseSidecar, SIDECAR_ENDING, type UploadWishes } from '../render/upload-options';
import { refusePath } from '../scene/preflight';
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
  readonly fault?: string;
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
function versionOf({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>): string {
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
 * A file counts as whole once nothing of it has changed for so long. One whose copy stalls for longer is taken too early: as it
 * is then, it is refused, or is a render of its own; and when it goes on, it is another version, which is looked at anew.
 */
const STILL_SECONDS = 5;

/** Since when things are as they are. */
export class Stillness {
  private since = new Map<string, { readonly fingerprint: string; readonly at: number }>();

  /**
   * Takes in a look at everything that is waited for; `at` in milliseconds, of any clock that never goes back. Gives the keys of what
   * has been still for long enough. What is not looked at any more is forgotten.
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

/** What became of an upload. */
export type TakenUpload =
  /** It is planned, and waits for its turn. */
  | {
      readonly outcome: 'queued';
      readonly renderId: string;
      readonly manifest: Manifest;
      /** The renders of further cameras, which come after it. */
      readonly more: readonly Manifest[];
    }
  /** `status.json` says why. */
  | { readonly outcome: 'refused'; readonly renderId: string; readonly error: SpotreelError }
  /** It is another by now, or gone: the next look has it. */
  | { readonly outcome: 'outdated' };

type TakeServices = PrepareServices & { readonly directory: URL; readonly output: URL };

/**
 * An upload's way into the queue, as `submitUpload` is its way to AWS Batch: options, preflight and plan. What it throws may
 * pass, and the same upload is to be tried again.
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
    // A disk pins no version: what was read is that of the ETag only if nothing has changed until now.
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

/** What was not looked through could name files of other projects, and Blender would open them. */
function refuseUnchecked({ contents, project }: SceneExamination, { url, inPlace }: ProjectRoot): void {
  const isWhole = (held: SceneExamination['contents'] | undefined): boolean => held?.incomplete === false;
  const libraries = project.libraries.every(({ contents: held }) => isWhole(held));
  if (!inPlace || (isWhole(contents) && libraries && !project.isCut)) return;
  const message = `the scene or a library of it is damaged or too large to look through, so it is unknown whether it needs files outside ${formatLocation(url)}: save it with a newer Blender, or use "spotreel render"`;
  throw new SpotreelError('outside-upload', 'scene', message);
}

/** A link could lead to a scene of another project. */
async function refuseLink(scene: URL, root: ProjectRoot): Promise<void> {
  const [real, folder] = [await realPlace(scene), await realPlace(root.url)];
  if (real && folder && real.href === childUrl(folder, ...segmentsOf(scene, root)).href) return;
  const message = `${formatLocation(scene)} is a link: a scene in a watch folder must lie there itself; copy it there`;
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

/** The same upload would end the same way at each look, so it is refused like one with a known fault. */
function unexpected({ key }: Upload, error: unknown): SpotreelError {
  const message = `${printableName(key)} met a fault of Spotreel's own (${messageOf(error)}); report it`;
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

/** By size and time: an ETag costs reading all of it. */
async function isStill(source: ObjectHead, storage: Storage): Promise<boolean> {
  for await (const info of storage.list(source.url)) {
    if (info.url.href === source.url.href) return versionOf(info) === versionOf(source);
  }
  return false;
}
