import { renderJobName, stitchJobName } from '../contract/jobs';
import type { Manifest } from '../contract/manifest';
import { workerArgv } from '../contract/worker-command';
import { formatLocation } from '../storage/location';
import type { SubmitJobRequest } from './batch';

/** Where the jobs go: a job queue and the two job definitions, by name or ARN. */
export interface JobTargets {
  readonly jobQueue: string;
  readonly renderDefinition: string;
  readonly stitchDefinition: string;
}

/** The two submissions of a render: pure. The stitch job waits for the render job. */
export interface JobRequests {
  /** The render's own folder, as the jobs are told it. */
  readonly output: string;
  readonly render: SubmitJobRequest;
  readonly stitch: (renderJobId: string) => SubmitJobRequest;
}

export function jobRequests(manifest: Manifest, folder: URL, targets: JobTargets): JobRequests {
  const { renderId, framesPerSlice, frameCount, sliceCount, source } = manifest;
  const { jobQueue, renderDefinition, stitchDefinition } = targets;
  // A folder's slash would be one more thing to get wrong by hand.
  const output = formatLocation(folder).replace(/\/$/, '');
  const slices = { framesPerSlice, totalFrames: frameCount };
  const render: SubmitJobRequest = {
    jobName: renderJobName(renderId),
    jobQueue,
    jobDefinition: renderDefinition,
    ...(sliceCount > 1 && { arrayProperties: { size: sliceCount } }),
    containerOverrides: { command: workerArgv({ command: 'render', input: source.url, output, ...slices }) },
  };
  const stitch = (renderJobId: string): SubmitJobRequest => ({
    jobName: stitchJobName(renderId),
    jobQueue,
    jobDefinition: stitchDefinition,
    dependsOn: [{ jobId: renderJobId, type: 'SEQUENTIAL' }],
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output }) },
  });
  return { output, render, stitch };
}
