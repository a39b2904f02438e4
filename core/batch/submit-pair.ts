import { messageOf, SpotreelError } from '../errors';
import type { RenderJobs } from '../contract/jobs';
import type { Batch, SubmitJobRequest, SubmitJobResponse } from './batch';
import type { FoundPair } from './find-pair';
import { isForGood, type Claim } from './submit-claim';
import type { JobRequests } from './job-requests';

/** The status reason of a render job that was taken back because no stitch job could follow it. */
export const TAKEN_BACK = 'the stitch job could not be submitted';

/** Submits what is not there yet of a pair of jobs. Throws what AWS Batch refuses, and `claim-lost`. */
export async function submitPair(
  { render: renderRequest, stitch: stitchRequest }: JobRequests,
  found: FoundPair,
  { batch, claim }: { readonly batch: Batch; readonly claim: Claim },
): Promise<Pick<RenderJobs, 'render' | 'stitch'>> {
  const submit = (request: SubmitJobRequest): Promise<SubmitJobResponse> => {
    claim.check();
    return batch.submitJob(request);
  };
  const render = found.render ?? (await submit(renderRequest));
  if (found.stitch) return { render, stitch: found.stitch };
  try {
    return { render, stitch: await submit(stitchRequest(render.jobId)) };
  } catch (error) {
    // After a passing fault the next attempt finds the render job and adds the stitch job.
    if (isForGood(error)) await takeBack(render, error, batch);
    throw error;
  }
}

/** Frames that no video will follow are money burnt. */
async function takeBack({ jobId }: SubmitJobResponse, reason: unknown, batch: Batch): Promise<void> {
  await batch.terminateJob(jobId, TAKEN_BACK).catch((error: unknown) => {
    const message = `${messageOf(reason)}; and job ${jobId}, which no video will follow, could not be terminated (${messageOf(error)}): try again or terminate it`;
    throw new SpotreelError('not-taken-back', 'passing', message, { cause: reason });
  });
}
