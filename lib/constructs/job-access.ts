import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { FARM_TAG } from '../../core/contract/farm-tag';

const RESOURCE_TAG = `aws:ResourceTag/${FARM_TAG}`;

/** The ARN of every job of this account and region. */
function anyJobArn(scope: Construct): string {
  return Stack.of(scope).formatArn({ service: 'batch', resource: 'job', resourceName: '*' });
}

/**
 * Lets `role` submit jobs with tags to these queues by these definitions. Tags need a right of their own, for the job, and for
 * what SubmitJob itself is asked about: AWS Batch has been seen to refuse it by the ARN of the definition
 * (https://github.com/wri/gfw-data-api/pull/175).
 *
 * By the documentation (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html) TagResource knows the
 * tags of its request, and of its resource once that exists. So the right needs the farm's tag in the request, and ends at
 * resources that carry another farm's tag. A job of the account without any farm's tag can't be told apart from a new one.
 */
export function grantSubmitJob(role: Role, queuesAndDefinitions: readonly string[], farmName: string): void {
  role.addToPolicy(
    new PolicyStatement({ actions: ['batch:SubmitJob'], resources: [...queuesAndDefinitions] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      actions: ['batch:TagResource'],
      resources: [...queuesAndDefinitions, anyJobArn(role)],
      conditions: {
        StringEquals: { [`aws:RequestTag/${FARM_TAG}`]: farmName },
        StringEqualsIfExists: { [RESOURCE_TAG]: farmName },
      },
    }),
  );
  acknowledgeAnyJob(role);
}

/** Lets `role` terminate jobs of this farm: those that were submitted with its tag (see `jobTags`). */
export function grantTerminateJob(role: Role, farmName: string): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: ['batch:TerminateJob'],
      resources: [anyJobArn(role)],
      conditions: { StringEquals: { [RESOURCE_TAG]: farmName } },
    }),
  );
  acknowledgeAnyJob(role);
}

function acknowledgeAnyJob(role: Role): void {
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:batch:<AWS::Region>:<AWS::AccountId>:job/*]',
    reason:
      'The id of a job is known only after SubmitJob; the condition on the tag of the farm limits which jobs.',
  });
}
