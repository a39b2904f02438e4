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

/** Flags for the queue of a retry. */
export interface QueueFlags {
  /** Name or ARN. */
  readonly queue?: string;
  readonly onDemand?: boolean;
}

/** Targets of a retry. */
export interface RetryTargets {
  readonly targets: ChosenTargets;
  /** The queue that renders the frames. */
  readonly jobQueue: string;
  readonly onDemand: boolean;
  /** The Blender of this retry, if it differs from that of the other frames. */
  readonly otherBlender?: string;
}

/** The sources of targets: a deployed farm, else the earlier jobs in AWS Batch. */
interface Known {
  readonly manifest: Manifest;
  readonly farm?: FarmDescription;
  readonly batch: Batch;
  readonly jobs: RenderJobs | undefined;
}

/** Throws `blender-too-old`, `no-gpu`, `no-on-demand`, `no-targets`, `bad-usage` (usage), and errors of AWS Batch. */
export async function findRetryTargets(
  { queue, onDemand = false }: QueueFlags,
  { manifest, farm, batch, jobs }: Known,
): Promise<RetryTargets> {
  if (queue !== undefined && onDemand) throw usage('bad-usage', 'give --queue or --on-demand, not both');
  if (!farm) {
    if (onDemand) throw usage('bad-usage', '--on-demand needs --farm, which has the queue');
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
      '--on-demand: this render needs GPUs, and the farm has no On-Demand machines with GPUs; leave out --on-demand',
    );
  }
  if (onDemand) return onDemand.jobQueue;
  const message =
    'the farm has no On-Demand machines: deploy it with the setting onDemandVcpus at renderVcpus or more';
  throw usage('no-on-demand', message);
}

/** Whether `name` is the queue's ARN, or the name at its end. */
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
    throw usage('no-targets', 'AWS Batch no longer has the jobs of this render; name the farm with --farm');
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
