import { renderJobName, salvageJobName, stitchJobName } from '../contract/jobs';
import type { Manifest } from '../contract/manifest';
import { jobTags } from '../contract/tags';
import { workerArgv } from '../contract/worker-command';
import { formatLocation } from '../storage/location';
import type { SubmitJobRequest } from './batch';
import type { ChosenTargets } from './choose-targets';

/** The two submissions of a render: pure. The stitch job waits for the render job. */
export interface JobRequests {
  /** The render's own folder, as the jobs are told it. */
  readonly output: string;
  readonly render: SubmitJobRequest;
  readonly stitch: (renderJobId: string) => SubmitJobRequest;
}

export function jobRequests(manifest: Manifest, folder: URL, targets: ChosenTargets): JobRequests {
  const { renderId, framesPerSlice, frameCount, sliceCount, source } = manifest;
  const output = outputOf(folder);
  const slices = { framesPerSlice, totalFrames: frameCount };
  const render: SubmitJobRequest = {
    jobName: renderJobName(renderId),
    ...targets.render,
    ...tagged(manifest),
    ...(sliceCount > 1 && { arrayProperties: { size: sliceCount } }),
    containerOverrides: { command: workerArgv({ command: 'render', input: source.url, output, ...slices }) },
  };
  const stitch = (renderJobId: string): SubmitJobRequest => ({
    jobName: stitchJobName(renderId),
    ...targets.stitch,
    ...tagged(manifest),
    dependsOn: [{ jobId: renderJobId, type: 'SEQUENTIAL' }],
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output }) },
  });
  return { output, render, stitch };
}

/** The job that makes a video of what frames are there: pure. It waits for nothing, as it follows a job that has failed. */
export function salvageRequest(
  manifest: Pick<Manifest, 'renderId' | 'tags'>,
  folder: URL,
  target: ChosenTargets['stitch'],
): SubmitJobRequest {
  const output = outputOf(folder);
  return {
    jobName: salvageJobName(manifest.renderId),
    ...target,
    ...tagged(manifest),
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output, partial: true }) },
  };
}

/** By its tags the account's bill can tell a render's share. */
function tagged({
  renderId,
  tags,
}: Pick<Manifest, 'renderId' | 'tags'>): Pick<SubmitJobRequest, 'tags' | 'propagateTags'> {
  return { tags: jobTags(renderId, tags), propagateTags: true };
}

/** A folder's slash would be one more thing to get wrong by hand. */
function outputOf(folder: URL): string {
  return formatLocation(folder).replace(/\/$/, '');
}
