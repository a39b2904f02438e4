import { ArnFormat, Aws, Stack } from 'aws-cdk-lib';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/**
 * ECS for tasks of this account and region. Without the conditions, ECS could be made to use the role for a task of another
 * account. ECS does not support the ARN of a cluster here.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
export function ownTasks(scope: Construct): ServicePrincipal {
  const arnFormat = ArnFormat.NO_RESOURCE_NAME;
  const anyOfEcs = Stack.of(scope).formatArn({ service: 'ecs', resource: '*', arnFormat });
  return new ServicePrincipal('ecs-tasks.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      ArnLike: { 'aws:SourceArn': anyOfEcs },
    },
  });
}
