import type { Finding } from '../contract/finding';
import { renderFolder } from '../contract/keys';
import { renderIdOf } from '../contract/render-id';
import type { RenderStatus } from '../contract/status';
import type { UploadWishes } from '../contract/upload-metadata';
import { SpotreelError } from '../errors';
import { PreflightError } from '../preflight/preflight-error';
import { printableLine } from '../printable';
import { formatLocation } from '../storage/location';
import { StorageError, type ObjectHead } from '../storage/storage';

/** The scene at `url` was replaced or deleted while it was being read. */
export function hasGone(error: unknown, { url }: Pick<ObjectHead, 'url'>): boolean {
  return (
    error instanceof StorageError &&
    error.url.href === url.href &&
    (error.code === 'changed' || error.code === 'not-found')
  );
}

/**
 * The same again would end the same way, and the uploader can fix it. Only the farm's owner can fix a missing permission. A name
 * of which no URL can be made (`bad-url`) comes from the upload.
 */
export function isUploadsFault(error: unknown): error is SpotreelError {
  if (!(error instanceof SpotreelError) || error.code === 'denied') return false;
  if (error instanceof StorageError) return error.code === 'bad-url';
  return error.kind === 'scene' || error.kind === 'usage';
}

/** Faults of a render that lies in the folder already. */
const OTHERS: ReadonlySet<string> = new Set(['name-taken', 'bad-manifest', 'newer-manifest']);

/**
 * What `status.json` says of an upload that is not rendered, and the folder that it goes to: of the render that it would have
 * been. `wishes` are absent when they are what is wrong. Pure.
 */
export function refusalOf(
  { url, etag }: Pick<ObjectHead, 'url' | 'etag'>,
  wishes: UploadWishes | undefined,
  error: SpotreelError,
  { output, now }: { readonly output: URL; readonly now: () => Date },
): { readonly folder: URL; readonly status: RenderStatus } {
  const { code } = error;
  const { options = {}, name } = wishes ?? {};
  // That name or id may be the folder of another render, whose status this refusal must not touch.
  const isOthers = wishes === undefined || OTHERS.has(code);
  const ownId = renderIdOf({ source: url, etag: isOthers ? `${etag}+${code}` : etag, options });
  const renderId = (isOthers ? undefined : name) ?? ownId;
  const folder = renderFolder(output, renderId);
  const status: RenderStatus = {
    version: 1,
    renderId,
    state: 'refused',
    at: now().toISOString(),
    source: { url: formatLocation(url), etag },
    ...told(error),
    links: { folder: formatLocation(folder) },
  };
  return { folder, status };
}

/** Characters of a reason. */
const LONGEST_REASON = 4096;

/** The reason in one line, and each finding by itself. */
function told(error: SpotreelError): { reason: string; findings: Finding[] } {
  const { code } = error;
  // A message may quote a key of the bucket or a name of the scene.
  const message = printableLine(error.message, LONGEST_REASON);
  if (!(error instanceof PreflightError)) return { reason: message, findings: [{ code, message }] };
  const { headline, findings } = error;
  // With the first one in it, so that a second refusal for another reason is told from the same one told twice.
  const reason = code === 'preflight' ? `${headline}, the first: ${findings[0]?.message}` : headline;
  return { reason: printableLine(reason, LONGEST_REASON), findings: [...findings] };
}
