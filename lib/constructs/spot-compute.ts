import { Duration } from 'aws-cdk-lib';
import {
  JobQueue,
  JobStateTimeLimitActionsReason,
  type JobQueueProps,
  type JobStateTimeLimitAction,
} from 'aws-cdk-lib/aws-batch';
import { Construct } from 'constructs';
import { ComputePool, type MachineProps } from './compute-pool';

export interface SpotComputeProps extends MachineProps {
  readonly spotVcpus: number;
  readonly instanceTypes: readonly string[];
  /** vCPUs of On-Demand machines, in a queue of their own; 0 for none. */
  readonly onDemandVcpus: number;
  /** vCPUs of Spot machines with GPUs, in a queue of their own; 0 for none. */
  readonly gpuVcpus: number;
  readonly gpuInstanceTypes: readonly string[];
}

/**
 * A job that no machine of the farm could ever take is ended and said to have failed, instead of waiting for ever. A job
 * that waits for Spot capacity is left to wait.
 * https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
 */
const NEVER_RUNNABLE: JobStateTimeLimitAction[] = [
  JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
  JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
].map((reason) => ({ reason, maxTime: Duration.minutes(30) }));

/** The machines and the queues in front of them, each kind by itself: On-Demand machines cost the full price, and GPUs more. */
export class SpotCompute extends Construct {
  readonly queue: JobQueue;
  /** Where the farm has On-Demand machines. Nothing goes there unless it is sent there. */
  readonly onDemandQueue?: JobQueue;
  /** Where the farm has GPUs. */
  readonly gpuQueue?: JobQueue;

  constructor(scope: Construct, id: string, props: SpotComputeProps) {
    super(scope, id);
    const { spotVcpus, onDemandVcpus, gpuVcpus, instanceTypes, gpuInstanceTypes } = props;
    const { network, template, machineRole } = props;
    const machines: MachineProps = { network, template, machineRole };
    const spot = new ComputePool(this, 'Spot', {
      ...machines,
      spot: true,
      maxVcpus: spotVcpus,
      instanceTypes,
    });
    this.queue = new JobQueue(this, 'Queue', queueProps(spot));
    if (onDemandVcpus > 0) {
      const pool = { ...machines, spot: false, maxVcpus: onDemandVcpus, instanceTypes };
      this.onDemandQueue = new JobQueue(
        this,
        'OnDemandQueue',
        queueProps(new ComputePool(this, 'OnDemand', pool)),
      );
    }
    if (gpuVcpus > 0) {
      const pool = {
        ...machines,
        spot: true,
        gpu: true,
        maxVcpus: gpuVcpus,
        instanceTypes: gpuInstanceTypes,
      };
      this.gpuQueue = new JobQueue(this, 'GpuQueue', queueProps(new ComputePool(this, 'Gpu', pool)));
    }
  }

  /** All of them. */
  get queues(): JobQueue[] {
    const { queue, onDemandQueue, gpuQueue } = this;
    return [queue, ...(onDemandQueue ? [onDemandQueue] : []), ...(gpuQueue ? [gpuQueue] : [])];
  }
}

function queueProps({ environment }: ComputePool): JobQueueProps {
  return {
    computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
    jobStateTimeLimitActions: NEVER_RUNNABLE,
  };
}
