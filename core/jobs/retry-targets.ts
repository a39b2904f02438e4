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
import { fitFault } from './machine-types';

/** Flags for the queue and the size of the jobs of a retry. */
export interface QueueFlags {
  /** Name or ARN. */
  readonly queue?: string;
  readonly onDemand?: boolean;
  /** MiB of a slice, instead of the farm's. */
  readonly memory?: number;
  /** vCPUs of a slice, instead of the farm's. */
  readonly vcpus?: number;
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

/**
 * Throws `blender-too-old`, `no-gpu`, `no-on-demand`, `no-machine`, `no-targets`, `bad-usage` (usage), and errors of AWS
 * Batch.
 */
export async function findRetryTargets(
  flags: QueueFlags,
  { manifest, farm, batch, jobs }: Known,
): Promise<RetryTargets> {
  const { queue, onDemand = false } = flags;
  if (queue !== undefined && onDemand) throw usage('bad-usage', 'give --queue or --on-demand, not both');
  if (!farm) {
    if (onDemand) throw usage('bad-usage', '--on-demand needs --farm, which has the queue');
    return likeBefore(queue, batch, jobs);
  }
  const targets = farmTargets(farm);
  refuseTargets(manifest, targets, 'farm');
  const chosen = chooseTargets(manifest, targets);
  const jobQueue = onDemand ? onDemandQueue(farm, manifest) : (queue ?? chosen.render.jobQueue);
  refuseSize(flags, farm, jobQueue);
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

/** Throws `no-machine` if a slice of this size could never start in the queue. Queues of others are not checked. */
function refuseSize({ memory, vcpus }: QueueFlags, farm: FarmDescription, jobQueue: string): void {
  const { machines, gpu, onDemand } = farm;
  const queue = [farm, onDemand, gpu].find((one) => isNamed(one?.jobQueue, jobQueue));
  if ((memory === undefined && vcpus === undefined) || !machines || !queue) return;
  const size = { vcpus: vcpus ?? machines.renderVcpus, memoryMib: memory ?? machines.renderMemoryMib };
  const flag = memory === undefined ? '--vcpus' : '--memory';
  // The queue has at least as many vCPUs as its slices, and not enough for another slice.
  if (size.vcpus >= (queue.parallel + 1) * machines.renderVcpus) {
    const message = `a slice with ${size.vcpus} vCPUs never starts in this queue: its machines together have fewer; lower --vcpus, or raise the setting of the queue (spotVcpus, gpuVcpus or onDemandVcpus)`;
    throw usage('no-machine', message);
  }
  const types = queue === gpu ? (machines.gpuInstanceTypes ?? []) : machines.instanceTypes;
  const fault = fitFault(types, { ...size, gpu: queue === gpu });
  if (fault === undefined) return;
  throw usage(
    'no-machine',
    `such a slice never starts in this queue: ${fault}; lower ${flag}, or deploy the farm with larger machines`,
  );
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
