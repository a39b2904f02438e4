import { Fn, Validations } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct, DependencyGroup } from 'constructs';
import type { Settings } from '../settings/settings';
import { AwsEndpoints } from './aws-endpoints';
import { proxyPort } from './proxy';

export interface FarmNetworkProps {
  readonly settings: Settings;
  /** @default - the VPC of the settings, or else a new one */
  readonly vpc?: IVpc;
  /**
   * Subnets of `vpc`.
   * @default - private ones with a NAT gateway if it has some, or else public ones; isolated ones if it has no others and
   * the settings say `vpcEndpoints`
   */
  readonly subnets?: SubnetSelection;
}

const HTTPS_PORT = 443;

function subnetType(vpc: IVpc, vpcEndpoints: boolean): SubnetType {
  if (vpc.privateSubnets.length > 0) return SubnetType.PRIVATE_WITH_EGRESS;
  const isIsolated = vpcEndpoints && vpc.publicSubnets.length === 0;
  return isIsolated ? SubnetType.PRIVATE_ISOLATED : SubnetType.PUBLIC;
}

/**
 * The network of the machines: by default, public subnets that accept no connection. A NAT gateway would cost about 30
 * dollars a month and a fee for every gigabyte. Traffic to S3 goes through a gateway endpoint, which is free.
 */
export class FarmNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  /** Of the machines. */
  readonly securityGroups: readonly ISecurityGroup[];
  /** Only with `vpcEndpoints`. */
  readonly endpoints?: AwsEndpoints;
  /** Gateway, routes and endpoints. CloudFormation deletes these after everything that depends on them. */
  readonly connectivity = new DependencyGroup();

  constructor(scope: Construct, id: string, { settings, vpc, subnets }: FarmNetworkProps) {
    super(scope, id);
    const { vpcId, subnetIds = [], securityGroupIds, vpcEndpoints, routeTableIds } = settings;
    this.vpc = vpc ?? (vpcId === undefined ? this.newVpc(settings) : this.existingVpc(vpcId, subnetIds));
    this.subnets = subnets ?? { subnetType: subnetType(this.vpc, vpcEndpoints) };
    this.connectivity.add(this.vpc.selectSubnets(this.subnets).internetConnectivityEstablished);
    this.securityGroups = securityGroupIds
      ? securityGroupIds.map((groupId) => this.existingGroup(groupId))
      : [this.newGroup(settings)];
    if (vpcEndpoints) {
      const machineGroups = this.securityGroups;
      const props = { vpc: this.vpc, subnets: this.subnets, machineGroups, routeTableIds };
      this.endpoints = new AwsEndpoints(this, 'Endpoints', props);
      this.connectivity.add(this.endpoints);
    }
  }

  /** Allows nothing in, and out only what machines need. */
  private newGroup(settings: Settings): SecurityGroup {
    const group = new SecurityGroup(this, 'Machines', {
      vpc: this.vpc,
      description: 'Render machines: nothing in, HTTPS out',
      allowAllOutbound: false,
    });
    // For S3, ECR, ECS and CloudWatch. Security groups do not apply to the VPC's DNS and clock.
    group.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS APIs');
    const port = proxyPort(settings);
    if (port !== undefined && port !== HTTPS_PORT) {
      group.addEgressRule(Peer.anyIpv4(), Port.tcp(port), 'HTTP proxy');
    }
    return group;
  }

  private existingGroup(groupId: string): ISecurityGroup {
    return SecurityGroup.fromSecurityGroupId(this, groupId, groupId, { mutable: false });
  }

  private newVpc({ zones, vpcCidr, vpcEndpoints }: Settings): Vpc {
    const prefix = Number(vpcCidr.split('/')[1]);
    const subnet = vpcEndpoints
      ? { name: 'private', subnetType: SubnetType.PRIVATE_ISOLATED }
      : { name: 'public', subnetType: SubnetType.PUBLIC };
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(vpcCidr),
      // By number and not by name, so synth asks no account and needs no credentials.
      availabilityZones: Array.from({ length: zones }, (_, index) => Fn.select(index, Fn.getAzs())),
      natGateways: 0,
      // A quarter of the range for each zone; a sixteenth of a /16 has 4,091 addresses.
      subnetConfiguration: [{ ...subnet, cidrMask: prefix === 16 ? 20 : prefix + 2 }],
      // Nothing uses the default group, and emptying it would need a Lambda.
      restrictDefaultSecurityGroup: false,
    });
    this.connectivity.add(vpc.addGatewayEndpoint('S3', { service: GatewayVpcEndpointAwsService.S3 }));
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'The network accepts no connection, and flow logs of a few hundred machines cost more than they are worth.',
    });
    return vpc;
  }

  /** Uses only ids. Without a look-up, synth needs no credentials and gives the same template everywhere. */
  private existingVpc(vpcId: string, subnetIds: readonly string[]): IVpc {
    return Vpc.fromVpcAttributes(this, 'ExistingVpc', {
      vpcId,
      publicSubnetIds: [...subnetIds],
      // The CDK requires one zone for each subnet. Nothing uses these names.
      availabilityZones: subnetIds.map((subnetId) => `zone of ${subnetId}`),
    });
  }
}
