import { Aws, Stack, Validations } from 'aws-cdk-lib';
import { CfnExperimentTemplate } from 'aws-cdk-lib/aws-fis';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { FARM_TAG } from '../../core/render/options';

export interface InterruptionExperimentProps {
  readonly farmName: string;
}

const MACHINES = 5;

/**
 * An AWS FIS experiment. When you start it, it reclaims up to five Spot machines of the farm with two minutes' notice, as
 * EC2 does. It shows that a render loses no frame.
 * https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html
 */
export class InterruptionExperiment extends Construct {
  readonly template: CfnExperimentTemplate;

  constructor(scope: Construct, id: string, { farmName }: InterruptionExperimentProps) {
    super(scope, id);
    const anyExperiment = Stack.of(this).formatArn({
      service: 'fis',
      resource: 'experiment',
      resourceName: '*',
    });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('fis.amazonaws.com', {
        // https://docs.aws.amazon.com/fis/latest/userguide/getting-started-iam-service-role.html
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: { 'aws:SourceArn': anyExperiment },
        },
      }),
      description: 'Fault injection: interrupts Spot machines of this farm',
    });
    const anyMachine = Stack.of(this).formatArn({ service: 'ec2', resource: 'instance', resourceName: '*' });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['ec2:SendSpotInstanceInterruptions'],
        resources: [anyMachine],
        conditions: { StringEquals: { [`aws:ResourceTag/${FARM_TAG}`]: farmName } },
      }),
    );
    role.addToPolicy(new PolicyStatement({ actions: ['ec2:DescribeInstances'], resources: ['*'] }));
    Validations.of(role).acknowledge(
      {
        id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:instance/*]',
        reason: 'The ids of machines change; the condition limits the machines by their tag.',
      },
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'ec2:DescribeInstances supports no resources.' },
    );
    this.template = new CfnExperimentTemplate(this, 'Template', {
      description: `Reclaims up to ${MACHINES} Spot machines of the farm ${farmName}`,
      roleArn: role.roleArn,
      stopConditions: [{ source: 'none' }],
      targets: {
        machines: {
          resourceType: 'aws:ec2:spot-instance',
          resourceTags: { [FARM_TAG]: farmName },
          filters: [{ path: 'State.Name', values: ['running'] }],
          selectionMode: `COUNT(${MACHINES})`,
        },
      },
      actions: {
        reclaim: {
          actionId: 'aws:ec2:send-spot-instance-interruptions',
          parameters: { durationBeforeInterruption: 'PT2M' },
          targets: { SpotInstances: 'machines' },
        },
      },
      tags: { Name: `spotreel-${farmName}-interruption`, [FARM_TAG]: farmName },
    });
  }
}
