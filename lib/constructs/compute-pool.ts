import {
  AllocationStrategy,
  EcsMachineImageType,
  ManagedEc2EcsComputeEnvironment,
  CfnComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { FarmNetwork } from './farm-network';
import { l1Resource } from './l1-resource';
import type { MachineTemplate } from './machine-template';

/** What all compute environments of a farm share. */
export interface MachineProps {
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
export class ComputePool extends Construct {
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
