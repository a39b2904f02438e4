import { refusalOf } from '../../core/batch/refusal';
import type { UploadWishes } from '../../core/contract/upload-metadata';
import type { SpotreelError } from '../../core/errors';
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
  const { folder, status } = refusalOf(source, wishes, error, services);
  const link = consoleUrl(folder, services.region);
  await reportStatus(
    { ...status, links: { ...status.links, ...(link && { console: link }) } },
    folder,
    services,
  );
  return status.renderId;
}
