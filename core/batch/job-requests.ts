import { renderJobName, salvageJobName, stitchJobName } from '../contract/jobs';
import type { Manifest } from '../contract/manifest';
import type { RetryPlan } from '../contract/retry-plan';
import { jobTags } from '../contract/tags';
import { workerArgv } from '../contract/worker-command';
import { countFrames } from '../render/frame-range';
import { formatLocation } from '../storage/location';
import type { SubmitJobRequest } from './batch';
import { isOnGpu, type ChosenTargets } from './choose-targets';
import type { NamedPair } from './find-pair';

/** The two submissions of a render, or of a retry of it: pure. The stitch job waits for the render job. */
export interface JobRequests {
  /** The render's own folder, as the jobs are told it. */
  readonly output: string;
  readonly render: SubmitJobRequest;
  /** Without an id it waits for nothing. */
  readonly stitch: (renderJobId?: string) => SubmitJobRequest;
}

/** With a `plan` those of a retry: as many children as slices lack frames. */
export function jobRequests(
  manifest: Manifest,
  folder: URL,
  targets: ChosenTargets,
  plan?: RetryPlan,
): JobRequests {
  const { renderId, framesPerSlice, frameCount, sliceCount, source } = manifest;
  const output = outputOf(folder);
  const number = plan?.number;
  const retry = number !== undefined && { retry: number };
  const size = plan ? countFrames(plan.slices) : sliceCount;
  const slices = { framesPerSlice, totalFrames: frameCount, ...retry };
  const render: SubmitJobRequest = {
    jobName: renderJobName(renderId, number),
    ...targets.render,
    ...tagged(manifest, targets.farmName),
    ...(plan && { jobQueue: plan.jobQueue }),
    ...(size > 1 && { arrayProperties: { size } }),
    containerOverrides: {
      command: workerArgv({ command: 'render', input: source.url, output, ...slices }),
      ...(plan && resourceOverrides(plan, isOnGpu(manifest.options))),
    },
  };
  const partial = plan?.partial && { partial: true };
  const stitch = (renderJobId?: string): SubmitJobRequest => ({
    jobName: stitchJobName(renderId, number),
    ...targets.stitch,
    ...tagged(manifest, targets.farmName),
    ...(renderJobId !== undefined && { dependsOn: [{ jobId: renderJobId, type: 'SEQUENTIAL' }] }),
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output, ...partial }) },
  });
  return { output, render, stitch };
}

/** Under which names these jobs are found again. */
export function namedPair({ output, render, stitch }: JobRequests): NamedPair {
  return { render, stitch: stitch(), output };
}

/**
 * More memory or vCPUs than the job definition asks for, and what the worker is told of them. Whether the requirements that are not
 * named here stay is left open by the documentation, so a GPU is named again.
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerOverrides.html
 */
function resourceOverrides(
  { memoryMib, vcpus }: RetryPlan,
  gpu: boolean,
): Pick<NonNullable<SubmitJobRequest['containerOverrides']>, 'resourceRequirements' | 'environment'> {
  if (memoryMib === undefined && vcpus === undefined) return {};
  const given = [
    { type: 'MEMORY', variable: 'SPOTREEL_MEMORY_MIB', value: memoryMib },
    { type: 'VCPU', variable: 'SPOTREEL_THREADS', value: vcpus },
  ] as const;
  const named = given.filter(({ value }) => value !== undefined);
  return {
    resourceRequirements: [
      ...named.map(({ type, value }) => ({ type, value: String(value) })),
      ...(gpu ? [{ type: 'GPU', value: '1' } as const] : []),
    ],
    environment: named.map(({ variable, value }) => ({ name: variable, value: String(value) })),
  };
}

/** The job that makes a video of what frames are there: pure. It waits for nothing, as it follows a job that has failed. */
export function salvageRequest(
  manifest: Pick<Manifest, 'renderId' | 'tags'>,
  folder: URL,
  target: ChosenTargets['stitch'],
  farmName?: string,
): SubmitJobRequest {
  const output = outputOf(folder);
  return {
    jobName: salvageJobName(manifest.renderId),
    ...target,
    ...tagged(manifest, farmName),
    containerOverrides: { command: workerArgv({ command: 'stitch', input: output, output, partial: true }) },
  };
}

/** Tags show a render's share on the account's bill, and IAM limits the farm's Lambdas to jobs with the farm's tag. */
function tagged(
  { renderId, tags }: Pick<Manifest, 'renderId' | 'tags'>,
  farmName: string | undefined,
): Pick<SubmitJobRequest, 'tags' | 'propagateTags'> {
  return { tags: jobTags(renderId, tags, farmName), propagateTags: true };
}

/** A render's own folder as its jobs are told it: a slash at the end would be one more thing to get wrong by hand. */
export function outputOf(folder: URL): string {
  return formatLocation(folder).replace(/\/$/, '');
}
