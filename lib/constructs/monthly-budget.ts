import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import { FARM_TAG } from '../../core/contract/farm-tag';

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
