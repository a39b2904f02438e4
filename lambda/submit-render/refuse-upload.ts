import { renderFolder } from '../../core/contract/keys';
import { renderIdOf } from '../../core/contract/render-id';
import type { UploadWishes } from '../../core/contract/upload-metadata';
import type { Finding } from '../../core/contract/finding';
import type { SpotreelError } from '../../core/errors';
import { PreflightError } from '../../core/preflight/preflight-error';
import { formatLocation } from '../../core/storage/location';
import type { ObjectHead } from '../../core/storage/storage';
import { consoleUrl } from '../console-url';
import { reportStatus, type ReportServices } from '../report-status';

export interface RefusalServices extends ReportServices {
  readonly output: URL;
  readonly region: string;
}

/**
 * Says in `status.json`, and by a message, why an upload is not rendered. Returns the id of the render that it would
 * have been. `wishes` are absent when they are what is wrong.
 */
export async function refuseUpload(
  source: ObjectHead,
  wishes: UploadWishes | undefined,
  error: SpotreelError,
  services: RefusalServices,
): Promise<string> {
  const { code } = error;
  const { url, etag } = source;
  const { options = {}, name } = wishes ?? {};
  // A name that another render has is not this one's folder.
  const ownName = code === 'name-taken' || code === 'bad-manifest' ? undefined : name;
  const renderId = ownName ?? renderIdOf({ source: url, etag, options });
  const folder = renderFolder(services.output, renderId);
  const link = consoleUrl(folder, services.region);
  await reportStatus(
    {
      version: 1,
      renderId,
      state: 'refused',
      at: services.now().toISOString(),
      source: { url: formatLocation(url), etag },
      ...told(error),
      links: { folder: formatLocation(folder), ...(link && { console: link }) },
    },
    folder,
    services,
  );
  return renderId;
}

/** The reason in one line, and each finding by itself. */
function told(error: SpotreelError): { reason: string; findings: Finding[] } {
  const { code, message } = error;
  if (!(error instanceof PreflightError)) return { reason: message, findings: [{ code, message }] };
  const { headline, findings } = error;
  // With the first one in it, so that a second refusal for another reason is told from the same one told twice.
  const reason = code === 'preflight' ? `${headline}, the first: ${findings[0]?.message}` : headline;
  return { reason, findings: [...findings] };
}
