import type { SpotreelError } from '../../core/errors';
import {
  type CameraRender,
  cameraRenders,
  hasGone,
  isUploadsFault,
  submitRender,
  type SubmitServices,
} from '../../core/jobs/submit';
import type { Manifest } from '../../core/render/manifest';
import type { RenderOptions } from '../../core/render/options';
import type { RenderJobs } from '../../core/render/records';
import { type EarlierRenders, findPace } from '../../core/render/render';
import { parseUploadMetadata, type UploadWishes } from '../../core/render/upload-options';
import { refusalOf } from '../../core/scene/findings/preflight';
import { UPLOAD_SECONDS, WalkBudget } from '../../core/scene/project/dependencies';
import { examineScene, type SceneExamination } from '../../core/scene/project/examine';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { consoleUrl, type Notify, type ReportServices, reportStatus } from '../report-status';

export interface RefusalServices extends ReportServices {
  readonly storage: Storage;
  readonly output: URL;
  readonly region: string;
}

/**
 * Reports in `status.json` and by a message why an upload is not rendered. Returns the id that the render would have had.
 * `wishes` are absent if they are invalid.
 */
async function refuseUpload(
  source: ObjectHead,
  wishes: UploadWishes | undefined,
  error: SpotreelError,
  services: RefusalServices,
): Promise<string> {
  const { render, status } = refusalOf(source, wishes, error, services);
  const link = consoleUrl(render.folder, services.region);
  await reportStatus(
    { ...status, links: { ...status.links, ...(link && { console: link }) } },
    render,
    services,
  );
  return status.renderId;
}

export interface SceneServices extends SubmitServices {
  /** The watched bucket, such as `s3://name/`. */
  readonly bucket: URL;
  /** Folder of all renders. */
  readonly output: URL;
  /** Region of the console to which messages link. */
  readonly region: string;
  readonly notify: Notify;
}

interface SubmittedUpload {
  readonly renderId: string;
  readonly jobs: RenderJobs;
}

/** The result of a scene. */
export type SceneOutcome =
  | ({
      readonly outcome: 'submitted';
      /** The renders of the other cameras. */
      readonly more?: readonly SubmittedUpload[];
    } & SubmittedUpload)
  | { readonly outcome: 'refused'; readonly renderId: string; readonly error: SpotreelError }
  /** The object was deleted or replaced meanwhile. A replacement has its own event. */
  | { readonly outcome: 'outdated' };

/** Submits the two jobs of an uploaded scene, or refuses an invalid one and reports why. Throws as `submitUpload` does. */
export async function submitScene(source: ObjectHead, services: SceneServices): Promise<SceneOutcome> {
  const { storage, output } = services;
  let wishes: UploadWishes | undefined;
  try {
    wishes = parseUploadMetadata(source.metadata ?? {});
    const { options, name, tags, maxCostUsd } = wishes;
    // The time of the upload, because its event may come twice.
    const at = source.lastModified.toISOString();
    const { renders, examination } = await uploadedRenders(source, options, name, storage);
    const cap = maxCostUsd === undefined ? undefined : { maxUsd: maxCostUsd / renders.length, at };
    const submitted: SubmittedUpload[] = [];
    // Looked up once for all cameras.
    const earlier: EarlierRenders = new Map();
    for (const render of renders) {
      const request = { source, output, tags, cap, capIsPlanned: true, ...render, ...examination };
      const findOwnPace = (plan: Manifest, folder: URL) => findPace(plan, folder, storage, earlier);
      const paced = { ...services, findPace: findOwnPace };
      const { manifest, jobs } = await submitRender({ ...request, reuse: 'any' }, paced);
      submitted.push({ renderId: manifest.renderId, jobs });
    }
    const [first, ...more] = submitted;
    return { outcome: 'submitted', ...first!, ...(more.length > 0 && { more }) };
  } catch (error) {
    if (hasGone(error, source)) return { outcome: 'outdated' };
    if (!isUploadsFault(error)) throw error;
    const renderId = await refuseUpload(source, wishes, error, services);
    return { outcome: 'refused', renderId, error };
  }
}

/** One render, or one for each camera that the upload asks for. Only then it reads the scene here. */
async function uploadedRenders(
  { url, etag }: ObjectHead,
  options: RenderOptions,
  name: string | undefined,
  storage: Storage,
): Promise<{ renders: CameraRender[]; examination: { examination?: SceneExamination } }> {
  if (options.camera === undefined)
    return { renders: [{ options, ...(name !== undefined && { name }) }], examination: {} };
  const budget = new WalkBudget(UPLOAD_SECONDS);
  const examination = await examineScene(url, etag, storage, undefined, budget, options);
  return {
    renders: cameraRenders({ source: url, etag, options }, examination, name),
    examination: { examination },
  };
}
