import { readJobs, TAKEN_BACK } from '../../core/batch/ensure-jobs';
import { jobsUrl, videoUrl } from '../../core/contract/keys';
import type { RenderJobs } from '../../core/contract/jobs';
import type { RenderStatus } from '../../core/contract/status';
import { formatLocation } from '../../core/storage/location';
import { consoleUrl } from '../console-url';
import { reportStatus, type ReportServices } from '../report-status';
import { countFrames } from './count-frames';
import { endedJobOf, type EndedJob } from './ended-job';
import type { JobStateChange } from './event';

export interface FinishServices extends ReportServices {
  /** The folder under which each render has its own. */
  readonly output: URL;
  /** Of the console that messages link to. */
  readonly region: string;
}

/** What became of an event. */
export type FinishOutcome =
  | { readonly outcome: 'reported' | 'kept'; readonly status: RenderStatus }
  /** It ends no render. */
  | { readonly outcome: 'ignored' }
  /** Of a pair of jobs that a newer one has taken the place of, or that was taken back when it was submitted. */
  | { readonly outcome: 'outdated' };

/**
 * Writes `status.json` and tells people when a job's end decides how its render ended. Safe for events that come
 * twice, late or out of order: only the newest pair of jobs counts.
 */
export async function finishRender(change: JobStateChange, services: FinishServices): Promise<FinishOutcome> {
  const { storage, output, now, region } = services;
  const ended = endedJobOf(change, output);
  if (!ended) return { outcome: 'ignored' };
  const { folder } = ended;
  const jobs = await readJobs(folder, storage);
  if (change.statusReason === TAKEN_BACK || (await isOutdated(ended, jobs, services))) {
    return { outcome: 'outdated' };
  }
  const link = consoleUrl(folder, region);
  const isOfPair = jobs?.[ended.role].jobId === change.jobId;
  const status: RenderStatus = {
    version: 1,
    renderId: decodeURIComponent(folder.pathname.split('/').at(-2)!),
    at: now().toISOString(),
    ...(jobs && isOfPair && { jobs: { render: jobs.render.jobId, stitch: jobs.stitch.jobId } }),
    endedJob: change.jobId,
    ...(await resultOf(ended, services)),
    links: {
      folder: formatLocation(folder),
      ...(link && { console: link }),
      ...(!ended.failed && { video: formatLocation(videoUrl(folder)) }),
    },
  };
  return { outcome: await reportStatus(status, folder, services), status };
}

/**
 * Whether a job belongs to a pair that is not the newest. One that `jobs.json` does not name and that was created
 * after it was written is newer still: whoever submitted it has not come to note it down. Without `jobs.json`
 * (submitted by hand) there is nothing newer.
 */
async function isOutdated(
  { role, folder, change }: EndedJob,
  jobs: RenderJobs | undefined,
  { storage }: FinishServices,
): Promise<boolean> {
  if (!jobs || jobs[role].jobId === change.jobId) return false;
  const noted = await storage.head(jobsUrl(folder));
  return noted !== undefined && (change.createdAt ?? 0) <= noted.lastModified.getTime();
}

async function resultOf(
  ended: EndedJob,
  { storage }: FinishServices,
): Promise<Pick<RenderStatus, 'state' | 'reason' | 'findings' | 'frames'>> {
  const { folder, failed } = ended;
  const { frames, findings } = await countFrames(folder, storage);
  const counted = frames && { frames };
  if (failed) {
    const reason = reasonOf(ended);
    const found = findings.length > 0 ? findings : [{ code: 'job-failed', message: reason }];
    return { state: 'failed', reason, findings: found, ...counted };
  }
  if (await storage.head(videoUrl(folder))) return { state: 'complete', findings: [], ...counted };
  const reason = `the stitch job succeeded, but ${formatLocation(videoUrl(folder))} is not there: was it deleted?`;
  return { state: 'failed', reason, findings: [{ code: 'no-video', message: reason }], ...counted };
}

/** Why a job failed, from what AWS Batch tells of it. */
function reasonOf({ role, change }: EndedJob): string {
  const { statusReason, arrayProperties, container } = change;
  const failedSlices = arrayProperties?.statusSummary?.FAILED;
  const slices =
    failedSlices && arrayProperties.size ? `${failedSlices} of ${arrayProperties.size} slices failed` : '';
  const exit = container?.exitCode === undefined ? '' : `exit code ${container.exitCode}`;
  const told = [slices, statusReason, container?.reason, exit].filter(Boolean).join('; ');
  const what = role === 'render' ? 'the frames could not all be rendered' : 'the video could not be made';
  return told ? `${what}: ${told}` : what;
}
