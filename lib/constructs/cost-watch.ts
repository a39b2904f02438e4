import { Duration } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { CAPS_PREFIX, OUTPUT_PREFIX } from '../../core/render/keys';
import { FARM_TAG, type Machines } from '../../core/render/options';
import { FarmFunction } from './farm-function';
import { grantBucketAccess, grantTerminateJob } from './grants';

export interface CostWatchProps {
  readonly farmName: string;
  readonly bucket: IBucket;
  /** Of the machines with GPUs. @default - there are none */
  readonly gpuQueue?: IJobQueue | undefined;
  readonly machines: Machines;
  readonly logRetention: RetentionDays;
}

/**
 * How often renders with a cap are looked at: what all their machines cost for so long is what a cap may be passed by. An idle
 * farm pays for it with one listing a time, 8,640 a month: 0.04 US dollars by https://aws.amazon.com/s3/pricing/.
 */
const PERIOD = Duration.minutes(5);

/** Stops renders that have come to what they may cost. */
export class CostWatch extends Construct {
  readonly watch: FarmFunction;
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: CostWatchProps) {
    super(scope, id);
    const { farmName, bucket, gpuQueue, machines, logRetention } = props;
    this.watch = new FarmFunction(this, 'Watch', {
      folder: 'watch-cost',
      description: 'Spotreel: what renders may cost and have cost',
      timeout: PERIOD,
      logRetention,
      environment: {
        BUCKET: bucket.bucketName,
        OUTPUT_PREFIX,
        MACHINES: JSON.stringify(machines),
        ...(gpuQueue && { GPU_JOB_QUEUE: gpuQueue.jobQueueArn }),
      },
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'When renders with a cap are looked at',
      schedule: Schedule.rate(PERIOD),
      // The next look is the repeat.
      targets: [new LambdaFunction(this.watch.lambda, { retryAttempts: 0 })],
    });
    const { role } = this.watch;
    grantBucketAccess(role, bucket, {
      read: [CAPS_PREFIX, OUTPUT_PREFIX],
      write: [CAPS_PREFIX],
      remove: [CAPS_PREFIX],
      list: [CAPS_PREFIX, OUTPUT_PREFIX],
    });
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html: this one knows no resources.
    role.addToPolicy(new PolicyStatement({ actions: ['batch:DescribeJobs'], resources: ['*'] }));
    grantTerminateJob(role, farmName);
  }
}

export interface MonthlyBudgetProps {
  readonly farmName: string;
  /** US dollars. */
  readonly limitUsd: number;
  readonly email: string;
}

const PERCENTS = [80, 100];

/**
 * Tells by mail when the farm's costs reach 80 % and 100 % of a sum. It stops nothing. It sees only costs from after the
 * tag was switched on as a cost-allocation tag, in the account that pays, and AWS knows costs hours late.
 * https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
 */
export class MonthlyBudget extends Construct {
  readonly budget: CfnBudget;

  constructor(scope: Construct, id: string, { farmName, limitUsd, email }: MonthlyBudgetProps) {
    super(scope, id);
    this.budget = new CfnBudget(this, 'Budget', {
      budget: {
        budgetName: `spotreel-${farmName}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: limitUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:${FARM_TAG}$${farmName}`] },
      },
      notificationsWithSubscribers: PERCENTS.map((threshold) => ({
        notification: {
          notificationType: 'ACTUAL',
          comparisonOperator: 'GREATER_THAN',
          threshold,
          thresholdType: 'PERCENTAGE',
        },
        subscribers: [{ subscriptionType: 'EMAIL', address: email }],
      })),
    });
  }
}
