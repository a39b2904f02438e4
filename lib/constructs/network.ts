import { Fn, Validations } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct, DependencyGroup } from 'constructs';
import type { Settings } from '../settings';

export interface FarmNetworkProps {
  readonly settings: Settings;
}

/**
 * The network of the machines: public subnets that accept no connection. A NAT gateway would cost about 30 dollars a month
 * and a fee for every gigabyte. Traffic to S3 goes through a gateway endpoint, which is free.
 */
export class FarmNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroup: SecurityGroup;
  /** Gateway, routes and endpoints. CloudFormation deletes these after everything that depends on them. */
  readonly connectivity = new DependencyGroup();

  constructor(scope: Construct, id: string, { settings }: FarmNetworkProps) {
    super(scope, id);
    const { vpcId, subnetIds = [], zones } = settings;
    this.vpc = vpcId === undefined ? this.newVpc(zones) : this.existingVpc(vpcId, subnetIds);
    this.subnets = { subnetType: SubnetType.PUBLIC };
    this.connectivity.add(this.vpc.selectSubnets(this.subnets).internetConnectivityEstablished);
    this.securityGroup = new SecurityGroup(this, 'Machines', {
      vpc: this.vpc,
      description: 'Render machines: nothing in, HTTPS out',
      allowAllOutbound: false,
    });
    // For S3, ECR, ECS and CloudWatch. Security groups do not apply to the VPC's DNS and clock.
    this.securityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS APIs');
  }

  private newVpc(zones: number): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.64.0.0/16'),
      // By number and not by name, so synth asks no account and needs no credentials.
      availabilityZones: Array.from({ length: zones }, (_, index) => Fn.select(index, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 20 }],
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
