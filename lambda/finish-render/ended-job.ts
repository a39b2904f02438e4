import { renderJobName, stitchJobName } from '../../core/contract/jobs';
import { folderUrl } from '../../core/contract/keys';
import { parseWorkerArgv } from '../../core/contract/worker-command';
import { SpotreelError } from '../../core/errors';
import { parseLocation } from '../../core/storage/location';
import type { JobStateChange } from './event';

/** The end of one of a render's two jobs that decides how the render ended. */
export interface EndedJob {
  readonly role: 'render' | 'stitch';
  readonly failed: boolean;
  /** The render's own folder. */
  readonly folder: URL;
  readonly change: JobStateChange;
}

/**
 * What a change of state means; `undefined` for one that ends no render: of a child, of another's job, on the way, of
 * a render job that succeeded (its stitch job follows), or of a render that lies outside `output`, where this farm
 * writes nothing. The folder is what the container was told by `-o`.
 */
export function endedJobOf(change: JobStateChange, output: URL): EndedJob | undefined {
  const { jobName, status, arrayProperties, container } = change;
  if (arrayProperties?.index !== undefined) return undefined;
  const role = roleOf(jobName);
  if (!role || (status !== 'SUCCEEDED' && status !== 'FAILED')) return undefined;
  const failed = status === 'FAILED';
  if (role === 'render' && !failed) return undefined;
  const folder = folderOf(container?.command ?? []);
  if (!folder?.href.startsWith(folderUrl(output).href) || folder.href === folderUrl(output).href)
    return undefined;
  return { role, failed, folder, change };
}

function roleOf(jobName: string): EndedJob['role'] | undefined {
  if (jobName.endsWith(renderJobName(''))) return 'render';
  return jobName.endsWith(stitchJobName('')) ? 'stitch' : undefined;
}

function folderOf(command: readonly string[]): URL | undefined {
  try {
    return folderUrl(parseLocation(parseWorkerArgv(command).output, '/'));
  } catch (error) {
    if (error instanceof SpotreelError) return undefined;
    throw error;
  }
}
