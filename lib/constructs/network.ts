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
import { Construct } from 'constructs';

export interface FarmNetworkProps {
  /**
   * An existing VPC, with `subnetIds`.
   * @default - a new VPC
   */
  readonly vpcId?: string;
  /** Subnets of `vpcId` with a way to the internet. */
  readonly subnetIds?: readonly string[];
  /** Availability zones of a new VPC. */
  readonly zones: number;
}

/**
 * Where the machines run: public subnets and nothing that lets anyone in. A NAT gateway would cost about 30 dollars a
 * month while idle, and every gigabyte through it; traffic to S3 goes through a gateway endpoint, which is free.
 */
export class FarmNetwork extends Construct {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroup: SecurityGroup;

  constructor(scope: Construct, id: string, { vpcId, subnetIds = [], zones }: FarmNetworkProps) {
    super(scope, id);
    this.vpc = vpcId === undefined ? this.newVpc(zones) : this.existingVpc(vpcId, subnetIds);
    this.subnets = { subnetType: SubnetType.PUBLIC };
    this.securityGroup = new SecurityGroup(this, 'Machines', {
      vpc: this.vpc,
      description: 'Render machines: nothing in, HTTPS out',
      allowAllOutbound: false,
    });
    // S3, ECR, ECS and CloudWatch. The VPC's DNS and clock are not subject to security groups.
    this.securityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS APIs');
  }

  private newVpc(zones: number): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.64.0.0/16'),
      // By number rather than by name: synth then asks no account and needs no credentials.
      availabilityZones: Array.from({ length: zones }, (_, index) => Fn.select(index, Fn.getAzs())),
      natGateways: 0,
      subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 20 }],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      // Nothing uses the default group, and emptying it takes a Lambda.
      restrictDefaultSecurityGroup: false,
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'Nothing can connect in, and flow logs of a few hundred machines cost more than they would tell.',
    });
    return vpc;
  }

  /** By ids alone, without a look-up: synth needs no credentials, and gives the same template everywhere. */
  private existingVpc(vpcId: string, subnetIds: readonly string[]): IVpc {
    return Vpc.fromVpcAttributes(this, 'ExistingVpc', {
      vpcId,
      publicSubnetIds: [...subnetIds],
      // One per subnet is asked for; their names are used nowhere.
      availabilityZones: subnetIds.map((subnetId) => `zone of ${subnetId}`),
    });
  }
}
