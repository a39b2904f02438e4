import { cameraRenders } from '../batch/camera-renders';
import { hasGone, isUploadsFault, refusalOf } from '../batch/refusal';
import { prepareRender, type PrepareServices } from '../batch/submit-render';
import { statusUrl } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { parseSidecar, SIDECAR_ENDING } from '../contract/sidecar';
import { statusSchema } from '../contract/status';
import type { UploadWishes } from '../contract/upload-metadata';
import { messageOf, SpotreelError } from '../errors';
import { examineScene, type SceneExamination } from '../preflight/examine-scene';
import { refusePath } from '../preflight/path-findings';
import { segmentsOf, watchRootOf, type ProjectRoot } from '../preflight/project-root';
import { UPLOAD_SECONDS, WalkBudget } from '../preflight/walk-budget';
import { printableName } from '../printable';
import { childUrl, formatLocation } from '../storage/location';
import { realPlace } from '../storage/real-place';
import { StorageError, type ObjectHead, type Storage } from '../storage/storage';
import { versionOf, type Upload } from './find-uploads';

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
  const { folder, status } = refusalOf({ url, etag }, wishes, error, services);
  const body = JSON.stringify(statusSchema.parse(status), null, 2);
  await services.storage.put(statusUrl(folder), body, { durable: true });
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
