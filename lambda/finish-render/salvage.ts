import { SpotreelError } from '../../core/errors';
import type { Batch, SubmitJobRequest } from '../../core/jobs/batch';
import type { ClaimPolicy } from '../../core/jobs/ensure-jobs';
import { salvageRequest } from '../../core/jobs/pair';
import { parseWorkerArgv } from '../../core/jobs/worker';
import type { Manifest } from '../../core/render/manifest';
import type { Salvage } from '../../core/render/records';
import type { Render } from '../../core/render/render';
import type { EndedJob } from './ended-job';

/** Services to submit a salvage job. */
export interface SalvageServices {
  readonly batch: Batch;
  /** Names or ARNs. */
  readonly jobQueue: string;
  readonly stitchDefinition: string;
  readonly farmName?: string;
  readonly claim: ClaimPolicy;
}

interface Place {
  readonly manifest: Manifest;
  readonly now: () => Date;
  /** Why the render job was stopped, if a video is wanted anyway. */
  readonly because?: string;
}

/**
 * Submits one salvage job for a failed render job, even if its event comes several times, and returns the job's id. It
 * first claims `salvage.json` with a conditional write. With a stale claim, it first searches for the job by name. Throws
 * `being-submitted` (passing) while another Lambda submits the job, and the errors of AWS Batch.
 */
export async function ensureSalvage(
  { render, change: { jobId: renderJob, createdAt = 0 } }: Pick<EndedJob, 'render' | 'change'>,
  { manifest, now, because }: Place,
  services: SalvageServices,
): Promise<string> {
  const { batch, claim, jobQueue, stitchDefinition: jobDefinition } = services;
  const found = await render.salvage.version();
  const own = found.value?.renderJob === renderJob ? found.value : undefined;
  if (own?.jobId !== undefined) return own.jobId;
  if (own && now() <= new Date(own.staleAt)) throw beingSubmitted(render);
  const staleAt = new Date(now().getTime() + claim.staleAfterSeconds * 1000);
  const salvage: Salvage = {
    version: 1,
    renderJob,
    owner: claim.owner,
    staleAt: staleAt.toISOString(),
    ...(because !== undefined && { because }),
  };
  if (!(await found.replace(salvage))) throw beingSubmitted(render);
  const request = salvageRequest(render, manifest, { jobQueue, jobDefinition }, services.farmName);
  const known = own && (await findJob(request, createdAt, batch));
  // Another runner may have taken over.
  if (known === undefined && now() > staleAt) throw beingSubmitted(render);
  const jobId = known ?? (await batch.submitJob(request)).jobId;
  await render.salvage.write({ ...salvage, jobId });
  return jobId;
}

/** The salvage job of this folder that was submitted after the render job. */
async function findJob(
  { jobName, jobQueue, containerOverrides }: SubmitJobRequest,
  since: number,
  batch: Batch,
): Promise<string | undefined> {
  const listed = await batch.listJobs({ jobQueue, jobName });
  const newer = listed.filter((job) => (job.createdAt ?? since) >= since).map(({ jobId }) => jobId);
  if (newer.length === 0) return undefined;
  const { output } = parseWorkerArgv(containerOverrides?.command ?? []);
  const details = await batch.describeJobs(newer);
  return details.find(({ container }) => container?.command?.includes(output))?.jobId;
}

function beingSubmitted({ location }: Render): SpotreelError {
  const message = `another runner is submitting the salvage job of ${location}; try again in a moment`;
  return new SpotreelError('being-submitted', 'passing', message);
}
