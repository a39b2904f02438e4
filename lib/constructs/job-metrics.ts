import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import { Stats, type Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, type IRuleTarget } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, LogGroup, type IFilterPattern, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface JobMetricsProps {
  readonly farmName: string;
  readonly jobQueues: readonly IJobQueue[];
  /** Of all jobs: what workers say of their frames. */
  readonly workerLog: LogGroup;
  readonly logRetention: RetentionDays;
}

/** The states whose counts show how a render goes. */
const STATUSES = ['RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED'];

/**
 * Counts of jobs and frames. AWS Batch publishes no metrics, so the changes of its jobs' states go into a log that is
 * counted, and so do the workers' own words. A metric costs only in hours in which it counts something.
 */
export class JobMetrics extends Construct {
  /** Jobs, children too, that reached each state. */
  readonly jobs: readonly Metric[];
  readonly framesStored: Metric;
  readonly framesFailed: Metric;
  readonly rule: Rule;
  private readonly namespace: string;

  constructor(
    scope: Construct,
    id: string,
    { farmName, jobQueues, workerLog, logRetention }: JobMetricsProps,
  ) {
    super(scope, id);
    this.namespace = `Spotreel/${farmName}`;
    const stateLog = new LogGroup(this, 'StateLog', {
      // EventBridge's console takes no other beginning.
      logGroupName: `/aws/events/spotreel/${farmName}`,
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.rule = this.logStateChanges(jobQueues, stateLog);
    this.jobs = STATUSES.map((status) =>
      this.count(stateLog, `Jobs${status}`, FilterPattern.stringValue('$.detail.status', '=', status)),
    );
    const said = (event: string) => FilterPattern.stringValue('$.event', '=', event);
    this.framesStored = this.count(workerLog, 'FramesStored', said('frame-stored'));
    const givenUp = FilterPattern.all(said('frame-failed'), FilterPattern.booleanValue('$.final', true));
    this.framesFailed = this.count(workerLog, 'FramesFailed', givenUp);
  }

  private logStateChanges(jobQueues: readonly IJobQueue[], log: LogGroup): Rule {
    const arn = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: log.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    log.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [log.logGroupArn],
      }),
    );
    // A target of our own, because the CDK's deploys a Lambda to set such a policy.
    const target: IRuleTarget = { bind: () => ({ arn, targetResource: log }) };
    return new Rule(this, 'StateChanges', {
      description: 'Jobs that reached another state',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job State Change'],
        detail: { jobQueue: jobQueues.map(({ jobQueueArn }) => jobQueueArn), status: STATUSES },
      },
      targets: [target],
    });
  }

  private count(log: LogGroup, metricName: string, filterPattern: IFilterPattern): Metric {
    const { namespace: metricNamespace } = this;
    const filter = log.addMetricFilter(metricName, {
      metricNamespace,
      metricName,
      metricValue: '1',
      filterPattern,
    });
    return filter.metric({ statistic: Stats.SUM, label: metricName });
  }
}
