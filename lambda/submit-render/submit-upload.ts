import { hasGone, isUploadsFault } from '../../core/batch/refusal';
import { cameraRenders, type CameraRender } from '../../core/batch/camera-renders';
import { submitRender, type SubmitServices } from '../../core/batch/submit-render';
import type { RenderJobs } from '../../core/contract/jobs';
import { startsRender } from '../../core/contract/upload-key';
import { parseUploadMetadata, type UploadWishes } from '../../core/contract/upload-metadata';
import type { RenderOptions } from '../../core/contract/options';
import type { SpotreelError } from '../../core/errors';
import { examineScene, type SceneExamination } from '../../core/preflight/examine-scene';
import { UPLOAD_SECONDS, WalkBudget } from '../../core/preflight/walk-budget';
import type { ObjectHead, Storage } from '../../core/storage/storage';
import { childUrl } from '../../core/storage/location';
import type { Notify } from '../notification';
import type { UploadEvent } from './event';
import { refuseUpload } from './refuse-upload';

export interface UploadServices extends SubmitServices {
  /** The bucket that is watched, as `s3://name/`. */
  readonly bucket: URL;
  /** The folder under which each render has its own. */
  readonly output: URL;
  /** Of the console that messages link to. */
  readonly region: string;
  readonly notify: Notify;
}

interface SubmittedUpload {
  readonly renderId: string;
  readonly jobs: RenderJobs;
}

/** What became of an event. Only `submitted` and `refused` left anything behind. */
export type UploadOutcome =
  | ({
      readonly outcome: 'submitted';
      /** Of the other cameras. */
      readonly more?: readonly SubmittedUpload[];
    } & SubmittedUpload)
  | { readonly outcome: 'refused'; readonly renderId: string; readonly error: SpotreelError }
  /** Nothing that starts a render. */
  | { readonly outcome: 'ignored'; readonly why: 'other-bucket' | 'no-scene' }
  /** The object is gone or another by now; if it is another, that one's event comes by itself. */
  | { readonly outcome: 'outdated' };

/**
 * An upload's way to its two jobs. An upload at fault is refused, and people are told why; what it throws may pass
 * or is the farm's fault, and the same event is to be delivered again. Safe for events that come twice, late, at the
 * same moment or out of order.
 */
export async function submitUpload(event: UploadEvent, services: UploadServices): Promise<UploadOutcome> {
  const { storage, bucket, output } = services;
  if (event.bucket !== bucket.host) return { outcome: 'ignored', why: 'other-bucket' };
  if (!startsRender(event.key)) return { outcome: 'ignored', why: 'no-scene' };
  const url = childUrl(bucket, event.key);
  const source = await storage.head(url);
  if (source?.etag !== event.etag) return { outcome: 'outdated' };
  let wishes: UploadWishes | undefined;
  try {
    wishes = parseUploadMetadata(source.metadata ?? {});
    const { options, name, tags, maxCostUsd } = wishes;
    // The time of the upload, not of its event, which may come twice.
    const at = source.lastModified.toISOString();
    const { renders, examination } = await uploadedRenders(source, options, name, storage);
    const cap = maxCostUsd === undefined ? undefined : { maxUsd: maxCostUsd / renders.length, at };
    const submitted: SubmittedUpload[] = [];
    for (const render of renders) {
      const request = { source, output, tags, cap, capIsPlanned: true, ...render, ...examination };
      const { manifest, jobs } = await submitRender({ ...request, reuse: 'any' }, services);
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

/** One render, or one for each camera that the upload asks for: only then the scene is read here. */
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
