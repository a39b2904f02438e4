import { Stack } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { CAPS_PREFIX, OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import { grantBucketAccess, grantClaimRemoval, grantSubmitJob, grantTerminateJob } from './grants';
import type { JobDefinitions } from './job-definitions';
import type { JobQueues } from './job-queues';

/** The parts of a farm that the command line uses. */
export interface UsedFarm {
  readonly scope: Construct;
  readonly farmName: string;
  readonly bucket: IBucket;
  readonly queues: JobQueues;
  readonly jobs: JobDefinitions;
  /** Name of the SSM parameter that describes the farm. */
  readonly parameterName: string;
}

/** Lets `grantee` submit, follow, download, cancel and retry renders with the command line. */
export function grantRenders(grantee: IGrantable, farm: UsedFarm): void {
  const { scope, farmName, bucket, queues, jobs } = farm;
  grantBucketAccess(grantee, bucket, {
    read: [UPLOAD_PREFIX, OUTPUT_PREFIX, CAPS_PREFIX],
    write: [UPLOAD_PREFIX, OUTPUT_PREFIX, CAPS_PREFIX],
    abort: [UPLOAD_PREFIX],
    list: [UPLOAD_PREFIX, OUTPUT_PREFIX, CAPS_PREFIX],
  });
  grantClaimRemoval(grantee, bucket);
  const renders = jobs.renders.flatMap(({ render, gpuRender }) => [
    render,
    ...(gpuRender ? [gpuRender] : []),
  ]);
  const definitions = [...renders, jobs.stitch].map(({ definition }) => definition.jobDefinitionArn);
  const queueArns = queues.all.map(({ jobQueueArn }) => jobQueueArn);
  grantSubmitJob(grantee, [...queueArns, ...definitions], farmName, scope);
  grantTerminateJob(grantee, farmName, scope);
  grantReading(grantee, farm);
}

/** Lets `grantee` follow and download renders with the command line, and change nothing. */
export function grantViews(grantee: IGrantable, farm: UsedFarm): void {
  const prefixes = [OUTPUT_PREFIX, CAPS_PREFIX];
  grantBucketAccess(grantee, farm.bucket, { read: prefixes, list: prefixes });
  grantReading(grantee, farm);
}

/** What every command reads besides the bucket: the farm, its jobs, their log, and Spot prices. */
function grantReading(grantee: IGrantable, { scope, parameterName, jobs }: UsedFarm): void {
  const parameterArn = Stack.of(scope).formatArn({
    service: 'ssm',
    resource: 'parameter',
    resourceName: parameterName.replace(/^\//, ''),
  });
  const allow = (actions: string[], resources: string[]) =>
    grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
  allow(['ssm:GetParameter'], [parameterArn]);
  allow(['logs:GetLogEvents'], [jobs.logGroup.logGroupArn]);
  // These actions support no resources. Prices of Spot machines make costs more exact.
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
  allow(['batch:ListJobs', 'batch:DescribeJobs', 'ec2:DescribeSpotPriceHistory'], ['*']);
}
