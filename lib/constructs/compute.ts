import { type CfnResource, Duration } from 'aws-cdk-lib';
import {
  AllocationStrategy,
  CfnComputeEnvironment,
  EcsMachineImageType,
  JobQueue,
  type JobQueueProps,
  type JobStateTimeLimitAction,
  JobStateTimeLimitActionsReason,
  ManagedEc2EcsComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { Construct, type IConstruct } from 'constructs';
import type { MachineTemplate } from './machines';
import type { FarmNetwork } from './network';

/** The L1 resource behind an L2 construct, for what the L2 can't say. Throws where it is of another type. */
export function l1Resource<T extends CfnResource>(
  construct: IConstruct,
  type: new (...args: never[]) => T,
): T {
  const resource = construct.node.defaultChild;
  if (resource instanceof type) return resource;
  throw new Error(`${construct.node.path} is not made of a ${type.name}`);
}

/** What all compute environments of a farm share. */
interface MachineProps {
  readonly network: FarmNetwork;
  readonly template: MachineTemplate;
  readonly machineRole: IRole;
}

export interface ComputePoolProps extends MachineProps {
  readonly spot: boolean;
  /** Whether its machines have NVIDIA GPUs and need the image with their driver. */
  readonly gpu?: boolean;
  readonly maxVcpus: number;
  /** Families (`m6i`) or types (`m6i.2xlarge`). */
  readonly instanceTypes: readonly string[];
}

/** One managed compute environment that shrinks to nothing while no job waits. */
class ComputePool extends Construct {
  readonly environment: ManagedEc2EcsComputeEnvironment;

  constructor(scope: Construct, id: string, props: ComputePoolProps) {
    super(scope, id);
    const { network, template, machineRole, spot, gpu = false, maxVcpus, instanceTypes } = props;
    this.environment = new ManagedEc2EcsComputeEnvironment(this, 'Environment', {
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [network.securityGroup],
      launchTemplate: template.launchTemplate,
      instanceRole: machineRole,
      spot,
      allocationStrategy: spot
        ? AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
        : AllocationStrategy.BEST_FIT_PROGRESSIVE,
      minvCpus: 0,
      maxvCpus: maxVcpus,
      useOptimalInstanceClasses: true,
      images: [{ imageType: gpu ? EcsMachineImageType.ECS_AL2023_NVIDIA : EcsMachineImageType.ECS_AL2023 }],
    });
    const cfnEnvironment = l1Resource(this.environment, CfnComputeEnvironment);
    // L1, because the L2 takes only families that this release of the CDK knows.
    cfnEnvironment.addPropertyOverride('ComputeResources.InstanceTypes', instanceTypes);
    // L1, because the L2 names no version: AWS Batch would then stay with the template's first one for ever.
    cfnEnvironment.addPropertyOverride(
      'ComputeResources.LaunchTemplate.Version',
      template.launchTemplate.latestVersionNumber,
    );
  }
}

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
