import { hasGone, isUploadsFault, refusalOf } from '../batch/refusal';
import { prepareRender, type PrepareServices } from '../batch/submit-render';
import { statusUrl } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { parseSidecar, SIDECAR_ENDING } from '../contract/sidecar';
import { statusSchema } from '../contract/status';
import type { UploadWishes } from '../contract/upload-metadata';
import { SpotreelError } from '../errors';
import { examineScene, type SceneExamination } from '../preflight/examine-scene';
import { segmentsOf, watchRootOf, type ProjectRoot } from '../preflight/project-root';
import { childUrl, formatLocation } from '../storage/location';
import { realPlace } from '../storage/real-place';
import { StorageError, type ObjectHead, type Storage } from '../storage/storage';
import { versionOf, type Upload } from './find-uploads';

/** What became of an upload. */
export type TakenUpload =
  /** It is planned, and waits for its turn. */
  | { readonly outcome: 'queued'; readonly renderId: string; readonly manifest: Manifest }
  /** `status.json` says why. */
  | { readonly outcome: 'refused'; readonly renderId: string; readonly error: SpotreelError }
  /** It is another by now, or gone: the next look has it. */
  | { readonly outcome: 'outdated' };

/**
 * An upload's way into the queue, as `submitUpload` is its way to AWS Batch: options, preflight and plan. What it throws may
 * pass, and the same upload is to be tried again.
 */
export async function takeUpload(
  upload: Upload,
  services: PrepareServices & { readonly directory: URL; readonly output: URL },
): Promise<TakenUpload> {
  const { storage, output } = services;
  const source = await storage.head(upload.url);
  if (!source || upload.version.split(' ')[0] !== versionOf(source)) return { outcome: 'outdated' };
  let wishes: UploadWishes | undefined;
  try {
    wishes = await readWishes(upload.url, storage);
    const { options, name, tags } = wishes;
    const root = watchRootOf(services.directory, upload.key);
    await refuseLink(source.url, root);
    const examination = await examineScene(source.url, source.etag, storage, root);
    refuseUnchecked(examination, root);
    // A disk pins no version: what was read is that of the ETag only if nothing has changed until now.
    if (!(await isStill(source, storage))) return { outcome: 'outdated' };
    const request = { source, output, options, examination, tags, ...(name !== undefined && { name }) };
    const { manifest } = await prepareRender(request, services);
    return { outcome: 'queued', renderId: manifest.renderId, manifest };
  } catch (error) {
    if (hasGone(error, source)) return { outcome: 'outdated' };
    if (!isUploadsFault(error)) throw error;
    if (!(await isStill(source, storage))) return { outcome: 'outdated' };
    const { folder, status } = refusalOf(source, wishes, error, services);
    await storage.put(statusUrl(folder), JSON.stringify(statusSchema.parse(status), null, 2));
    return { outcome: 'refused', renderId: status.renderId, error };
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
