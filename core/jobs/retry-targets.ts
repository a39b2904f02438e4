import { SpotreelError } from '../errors';
import type { Manifest } from '../render/manifest';
import { FARM_TAG } from '../render/options';
import type { RenderJobs } from '../render/records';
import type { Batch } from './batch';
import {
  chooseDefinition,
  chooseTargets,
  type ChosenTargets,
  type FarmDescription,
  farmTargets,
  isOnGpu,
  refuseTargets,
} from './farm';

/** Where a retry on a farm is to go. */
export interface QueueFlags {
  /** Name or ARN. */
  readonly queue?: string;
  readonly onDemand?: boolean;
}

/** Where its jobs go. */
export interface RetryTargets {
  readonly targets: ChosenTargets;
  /** Of the frames. */
  readonly jobQueue: string;
  readonly onDemand: boolean;
  /** By which the frames are rendered, where it is another Blender than rendered the others. */
  readonly otherBlender?: string;
}

/** Who knows where jobs can go: a deployed farm, or else AWS Batch by the jobs of before. */
interface Known {
  readonly manifest: Manifest;
  readonly farm?: FarmDescription | undefined;
  readonly batch: Batch;
  readonly jobs: RenderJobs | undefined;
}

/** Throws `blender-too-old`, `no-gpu`, `no-on-demand`, `no-targets`, `bad-usage` (usage), and what AWS Batch throws. */
export async function findRetryTargets(
  { queue, onDemand = false }: QueueFlags,
  { manifest, farm, batch, jobs }: Known,
): Promise<RetryTargets> {
  if (queue !== undefined && onDemand) throw usage('bad-usage', 'give --queue or --on-demand, not both');
  if (!farm) {
    if (onDemand) throw usage('bad-usage', '--on-demand needs --farm, which knows its queue');
    return likeBefore(queue, batch, jobs);
  }
  const targets = farmTargets(farm);
  refuseTargets(manifest, targets, 'farm');
  const chosen = chooseTargets(manifest, targets);
  const jobQueue = onDemand ? onDemandQueue(farm, manifest) : (queue ?? chosen.render.jobQueue);
  const { blenderVersion } = chooseDefinition(manifest, targets);
  const isOther = blenderVersion !== undefined && blenderVersion !== manifest.renderBlenderVersion;
  return {
    targets: chosen,
    jobQueue,
    onDemand: onDemand || isNamed(farm.onDemand?.jobQueue, jobQueue),
    ...(isOther && manifest.renderBlenderVersion !== undefined && { otherBlender: blenderVersion }),
  };
}

function onDemandQueue({ onDemand }: FarmDescription, { options }: Manifest): string {
  if (isOnGpu(options)) {
    throw usage(
      'bad-usage',
      '--on-demand: this render needs GPUs, and the farm has no On-Demand machines with those',
    );
  }
  if (onDemand) return onDemand.jobQueue;
  const message =
    'the farm has no On-Demand machines: deploy it with the setting onDemandVcpus at renderVcpus or more';
  throw usage('no-on-demand', message);
}

/** A queue by its ARN, or by the name at its end. */
function isNamed(arn: string | undefined, name: string): boolean {
  return arn !== undefined && (arn === name || arn.endsWith(`/${name}`));
}

async function likeBefore(
  queue: string | undefined,
  batch: Batch,
  jobs: RenderJobs | undefined,
): Promise<RetryTargets> {
  const ids = jobs ? [jobs.render.jobId, jobs.stitch.jobId] : [];
  const known = ids.length === 0 ? [] : await batch.describeJobs(ids);
  const [render, stitch] = ids.map((id) => known.find(({ jobId }) => jobId === id));
  if (!render || !stitch) {
    throw usage(
      'no-targets',
      'AWS Batch knows nothing of the jobs of this render any more: say where it goes with --farm',
    );
  }
  const jobQueue = queue ?? render.jobQueue;
  return {
    targets: {
      render: { jobQueue, jobDefinition: render.jobDefinition },
      stitch: { jobQueue: stitch.jobQueue, jobDefinition: stitch.jobDefinition },
      farmName: render.tags?.[FARM_TAG],
    },
    jobQueue,
    onDemand: jobs?.retry?.onDemand === true && queue === undefined,
  };
}

function usage(code: string, message: string): SpotreelError {
  return new SpotreelError(code, 'usage', message);
}
