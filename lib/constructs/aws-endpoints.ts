import {
  CfnVPCEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  type ISecurityGroup,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  type SubnetSelection,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';

export interface AwsEndpointsProps {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  /** The groups of the machines, which alone may connect. */
  readonly machineGroups: readonly ISecurityGroup[];
  /**
   * Route tables that get a route to S3, which also has the layers of images.
   * @default - the VPC has a gateway endpoint for S3 already
   */
  readonly routeTableIds?: readonly string[] | undefined;
}

/**
 * The services that a machine calls: the ECS agent, Docker for images, and the log driver. Workers call only S3.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html
 */
const SERVICES = {
  Ecs: InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
};

/** VPC endpoints through which machines reach AWS without a route to the internet. */
export class AwsEndpoints extends Construct {
  readonly interfaces: readonly InterfaceVpcEndpoint[];
  /** Only with `routeTableIds`. */
  readonly s3?: CfnVPCEndpoint;

  constructor(scope: Construct, id: string, props: AwsEndpointsProps) {
    super(scope, id);
    const { vpc, subnets, machineGroups, routeTableIds } = props;
    const group = new SecurityGroup(this, 'Group', {
      vpc,
      description: 'VPC endpoints of a farm: HTTPS from its machines',
      allowAllOutbound: false,
    });
    // A rule on this side only, because other people own the groups of `securityGroupIds`.
    for (const { securityGroupId } of machineGroups) {
      group.addIngressRule(Peer.securityGroupId(securityGroupId), Port.HTTPS, 'Render machines');
    }
    // `open` would need the addresses of the VPC, which are unknown for an existing VPC.
    const shared = { vpc, subnets, securityGroups: [group], open: false };
    this.interfaces = Object.entries(SERVICES).map(
      ([name, service]) => new InterfaceVpcEndpoint(this, name, { ...shared, service }),
    );
    if (routeTableIds) {
      this.s3 = new CfnVPCEndpoint(this, 'S3', {
        vpcId: vpc.vpcId,
        serviceName: GatewayVpcEndpointAwsService.S3.name,
        vpcEndpointType: 'Gateway',
        routeTableIds: [...routeTableIds],
      });
    }
  }
}
