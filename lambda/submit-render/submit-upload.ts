import { hasGone, isUploadsFault } from '../../core/batch/refusal';
import { submitRender, type SubmitServices } from '../../core/batch/submit-render';
import type { RenderJobs } from '../../core/contract/jobs';
import { startsRender } from '../../core/contract/upload-key';
import { parseUploadMetadata, type UploadWishes } from '../../core/contract/upload-metadata';
import type { SpotreelError } from '../../core/errors';
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

/** What became of an event. Only `submitted` and `refused` left anything behind. */
export type UploadOutcome =
  | { readonly outcome: 'submitted'; readonly renderId: string; readonly jobs: RenderJobs }
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
    const cap = maxCostUsd === undefined ? undefined : { maxUsd: maxCostUsd, at };
    const request = {
      source,
      output,
      options,
      tags,
      cap,
      capIsPlanned: true,
      ...(name !== undefined && { name }),
    };
    const { manifest, jobs } = await submitRender({ ...request, reuse: 'any' }, services);
    return { outcome: 'submitted', renderId: manifest.renderId, jobs };
  } catch (error) {
    if (hasGone(error, source)) return { outcome: 'outdated' };
    if (!isUploadsFault(error)) throw error;
    const renderId = await refuseUpload(source, wishes, error, services);
    return { outcome: 'refused', renderId, error };
  }
}
