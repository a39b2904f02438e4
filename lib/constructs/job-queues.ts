import { Duration } from 'aws-cdk-lib';
import {
  AllocationStrategy,
  CfnComputeEnvironment,
  EcsMachineImageType,
  JobQueue,
  type JobStateTimeLimitAction,
  JobStateTimeLimitActionsReason,
  ManagedEc2EcsComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Settings } from '../settings/settings';
import { l1Resource } from './l1-resource';
import type { MachineTemplate } from './machines';
import type { FarmNetwork } from './network';

/** What all machines of a farm share. */
interface MachineProps {
  readonly network: FarmNetwork;
  readonly template: MachineTemplate;
  readonly machineRole: IRole;
}

interface ComputePoolProps extends MachineProps {
  readonly spot: boolean;
  /** Whether the machines have NVIDIA GPUs and need the machine image with their driver. */
  readonly gpu?: boolean;
  readonly maxVcpus: number;
  /** Families (`m6i`) or types (`m6i.2xlarge`). */
  readonly instanceTypes: readonly string[];
  /** How long jobs may still run on machines that an update replaces. */
  readonly updateTimeout: Duration;
  /** Minutes that an idle machine waits for the next job. */
  readonly warmMinutes?: number;
}

/**
 * Most minutes for jobs on machines that an update replaces. Older versions of the documentation say 360, newer ones 7,200:
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdatePolicy.html
 */
const LONGEST_UPDATE_MINUTES = 360;

/** One managed compute environment. It has no machines while no job waits. */
class ComputePool extends Construct {
  readonly environment: ManagedEc2EcsComputeEnvironment;

  constructor(scope: Construct, id: string, props: ComputePoolProps) {
    super(scope, id);
    const { network, template, machineRole, spot, gpu = false, maxVcpus, instanceTypes } = props;
    const { warmMinutes = 0 } = props;
    this.environment = new ManagedEc2EcsComputeEnvironment(this, 'Environment', {
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [...network.securityGroups],
      launchTemplate: template.launchTemplate,
      instanceRole: machineRole,
      spot,
      allocationStrategy: spot
        ? AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
        : AllocationStrategy.BEST_FIT_PROGRESSIVE,
      minvCpus: 0,
      maxvCpus: maxVcpus,
      useOptimalInstanceClasses: true,
      // Without these, AWS Batch ends jobs 30 minutes after a deployment that changes the machines.
      terminateOnUpdate: false,
      updateTimeout: props.updateTimeout,
      images: [{ imageType: gpu ? EcsMachineImageType.ECS_AL2023_NVIDIA : EcsMachineImageType.ECS_AL2023 }],
    });
    const cfnEnvironment = l1Resource(this.environment, CfnComputeEnvironment);
    // `cdk destroy` then ends the machines while their agents can still reach and call ECS.
    cfnEnvironment.node.addDependency(network.connectivity, machineRole);
    // The L2 accepts only families that this CDK release knows.
    cfnEnvironment.addPropertyOverride('ComputeResources.InstanceTypes', instanceTypes);
    // The L2 sets no version, and AWS Batch would keep using the first version of the template.
    cfnEnvironment.addPropertyOverride(
      'ComputeResources.LaunchTemplate.Version',
      template.launchTemplate.latestVersionNumber,
    );
    // The L2 lacks it. A change of this alone replaces no machine:
    // https://docs.aws.amazon.com/batch/latest/userguide/scaling-updates.html
    if (warmMinutes > 0)
      cfnEnvironment.addPropertyOverride('ComputeResources.ScalingPolicy', {
        MinScaleDownDelayMinutes: warmMinutes,
      });
  }
}

/**
 * AWS Batch cancels a job that no machine of the farm can ever run. A job that waits for Spot capacity keeps waiting.
 * https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
 */
const NEVER_RUNNABLE: JobStateTimeLimitAction[] = [
  JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
  JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
].map((reason) => ({ reason, maxTime: Duration.minutes(30) }));

/** A queue whose machines are all of one kind. */
export interface FarmQueue {
  readonly queue: JobQueue;
  /** How many slices its machines can render at a time. */
  readonly parallel: number;
}

export interface JobQueuesProps extends MachineProps {
  readonly settings: Settings;
}

/** The farm's queues and machines. Each kind has its own queue, because On-Demand machines and GPUs cost more. */
export class JobQueues extends Construct {
  readonly spot: FarmQueue;
  /** Only if the farm has On-Demand machines. Jobs run there only if they are submitted to this queue. */
  readonly onDemand?: FarmQueue;
  /** Only if the farm has GPUs. */
  readonly gpu?: FarmQueue;
  private readonly slice: number;

  constructor(scope: Construct, id: string, { settings, ...machines }: JobQueuesProps) {
    super(scope, id);
    const { spotVcpus, onDemandVcpus, gpuVcpus, instanceTypes, gpuInstanceTypes, warmMinutes } = settings;
    this.slice = settings.renderVcpus;
    const longest = Math.max(settings.renderTimeoutMinutes, settings.stitchTimeoutMinutes);
    const updateTimeout = Duration.minutes(Math.min(longest, LONGEST_UPDATE_MINUTES));
    const shared = { ...machines, updateTimeout };
    // Not the On-Demand machines: they rescue a few frames, and would wait at full price.
    const onSpot = { ...shared, spot: true, warmMinutes };
    this.spot = this.queue('Queue', 'Spot', { ...onSpot, maxVcpus: spotVcpus, instanceTypes });
    if (onDemandVcpus > 0) {
      const pool = { ...shared, spot: false, maxVcpus: onDemandVcpus, instanceTypes };
      this.onDemand = this.queue('OnDemandQueue', 'OnDemand', pool);
    }
    if (gpuVcpus > 0) {
      const pool = { ...onSpot, gpu: true, maxVcpus: gpuVcpus };
      this.gpu = this.queue('GpuQueue', 'Gpu', { ...pool, instanceTypes: gpuInstanceTypes });
    }
  }

  /** All queues of the farm. */
  get all(): JobQueue[] {
    return [this.spot, this.onDemand, this.gpu].flatMap((queue) => (queue ? [queue.queue] : []));
  }

  private queue(id: string, poolId: string, pool: ComputePoolProps): FarmQueue {
    const { environment } = new ComputePool(this, poolId, pool);
    const queue = new JobQueue(this, id, {
      computeEnvironments: [{ computeEnvironment: environment, order: 1 }],
      jobStateTimeLimitActions: NEVER_RUNNABLE,
    });
    return { queue, parallel: Math.floor(pool.maxVcpus / this.slice) };
  }
}
