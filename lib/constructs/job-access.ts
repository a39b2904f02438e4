import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** The ARN of every job of this account and region. */
function anyJobArn(scope: Construct): string {
  return Stack.of(scope).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
}

/**
 * Lets `role` submit jobs with tags to these queues by these definitions. Tags need a right of their own, for the job, and for
 * what SubmitJob itself is asked about: AWS Batch has been seen to refuse it by the ARN of the definition
 * (https://github.com/wri/gfw-data-api/pull/175).
 */
export function grantSubmitJob(role: Role, queuesAndDefinitions: readonly string[]): void {
  role.addToPolicy(
    new PolicyStatement({ actions: ['batch:SubmitJob'], resources: [...queuesAndDefinitions] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      actions: ['batch:TagResource'],
      resources: [...queuesAndDefinitions, anyJobArn(role)],
    }),
  );
  acknowledgeAnyJob(role);
}

/** Lets `role` terminate jobs, whichever they are. */
export function grantTerminateJob(role: Role): void {
  role.addToPolicy(new PolicyStatement({ actions: ['batch:TerminateJob'], resources: [anyJobArn(role)] }));
  acknowledgeAnyJob(role);
}

function acknowledgeAnyJob(role: Role): void {
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*]',
    reason: 'The id of a job is known only once it is there.',
  });
}
