import { Aws, Duration } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { CAPS_PREFIX, OUTPUT_PREFIX } from '../../core/render/keys';
import { FARM_TAG } from '../../core/render/options';
import { machinesOf, type Settings } from '../settings/settings';
import { FarmFunction } from './farm-function';
import { grantBucketAccess, grantTerminateJob } from './grants';

export interface CostWatchProps {
  readonly settings: Settings;
  readonly bucket: IBucket;
  /**
   * Queue of the machines with GPUs.
   * @default - the farm has no GPUs
   */
  readonly gpuQueue?: IJobQueue;
}

/**
 * Time between two checks of renders with a cap. A render can exceed its cap by what its machines cost in this time.
 * Each check of an idle farm is one S3 listing: 8,640 a month, 0.04 US dollars (https://aws.amazon.com/s3/pricing/).
 */
const PERIOD = Duration.minutes(5);

/** Stops renders that have reached their cap. */
export class CostWatch extends Construct {
  readonly watch: FarmFunction;
  readonly rule: Rule;

  constructor(scope: Construct, id: string, props: CostWatchProps) {
    super(scope, id);
    const { settings, bucket, gpuQueue } = props;
    this.watch = new FarmFunction(this, 'Watch', {
      folder: 'watch-cost',
      description: 'Spotreel: compares the cost of renders with their caps',
      timeout: PERIOD,
      logRetention: settings.logDays,
      environment: {
        BUCKET: bucket.bucketName,
        OUTPUT_PREFIX,
        MACHINES: JSON.stringify(machinesOf(settings)),
        ...(gpuQueue && { GPU_JOB_QUEUE: gpuQueue.jobQueueArn }),
      },
    });
    this.rule = new Rule(this, 'Rule', {
      description: 'Starts a check of renders with a cap',
      schedule: Schedule.rate(PERIOD),
      // No retries: the next check follows soon.
      targets: [new LambdaFunction(this.watch.lambda, { retryAttempts: 0 })],
    });
    const { role } = this.watch;
    grantBucketAccess(role, bucket, {
      read: [CAPS_PREFIX, OUTPUT_PREFIX],
      write: [CAPS_PREFIX],
      remove: [CAPS_PREFIX],
      list: [CAPS_PREFIX, OUTPUT_PREFIX],
    });
    // DescribeJobs supports no resources:
    // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
    role.addToPolicy(new PolicyStatement({ actions: ['batch:DescribeJobs'], resources: ['*'] }));
    grantTerminateJob(role, settings.farmName);
  }
}

export interface MonthlyBudgetProps {
  readonly farmName: string;
  /** US dollars a month. */
  readonly limitUsd: number;
  readonly email: string;
}

const PERCENTS = [80, 100];

/**
 * AWS sends a mail when the costs of the farm reach 80 % and 100 % of the limit. The budget stops nothing. It counts costs
 * only after the paying account activated the farm's tag as a cost allocation tag. Costs appear hours late.
 * https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
 */
export class MonthlyBudget extends Construct {
  readonly budget: CfnBudget;

  constructor(scope: Construct, id: string, { farmName, limitUsd, email }: MonthlyBudgetProps) {
    super(scope, id);
    this.budget = new CfnBudget(this, 'Budget', {
      budget: {
        // The names of budgets are global in an account.
        budgetName: `spotreel-${farmName}-${Aws.REGION}`,
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
