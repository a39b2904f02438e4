import { ArnFormat, Aws, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type IFilterPattern, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { CostWatch } from './cost-watch';
import type { FinishTrigger } from './finish-trigger';
import type { UploadTrigger } from './upload-trigger';

export interface FarmTopicProps {
  /**
   * Told everything that is published. AWS asks for confirmation by mail first.
   * @default - nobody
   */
  readonly email?: string;
}

/** Where the farm says that a render is done or has failed, and that an alarm went off. */
export class FarmTopic extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { email }: FarmTopicProps) {
    super(scope, id);
    // Without encryption at rest: alarms could then publish only through a key of our own, a dollar a month while idle,
    // and what is said here are names of renders.
    this.topic = new Topic(this, 'Topic', { displayName: 'Spotreel', enforceSSL: true });
    // A topic with a policy of its own loses the default one, by which alarms could publish.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'Alarms',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    if (email !== undefined) this.topic.addSubscription(new EmailSubscription(email));
  }
}

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

export interface MonitoringProps {
  readonly farmName: string;
  readonly upload: UploadTrigger;
  readonly finish: FinishTrigger;
  readonly costs: CostWatch;
  readonly metrics: JobMetrics;
  /** Told when an alarm goes off. */
  readonly topic: ITopic;
}

/** Longer than any one delivery takes with its retries' waits: what is older got stuck. */
const STUCK = Duration.hours(1);

/** Lambda tries a failed look three times; a single one that failed is made good by the next. */
const WATCHED = Duration.minutes(15);
const WATCHES_FAILED = 4;

const WIDTH = 12;

/** One page that shows how the farm does, and alarms for what would else go unseen. */
export class Monitoring extends Construct {
  readonly dashboard: Dashboard;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: MonitoringProps,
  ) {
    super(scope, id);
    const { farmName, upload, finish, costs, metrics } = props;
    const deadUploads = upload.deadLetters.queue.metricApproximateNumberOfMessagesVisible({
      label: 'uploads',
    });
    const deadEnds = finish.deadLetters.queue.metricApproximateNumberOfMessagesVisible({
      label: 'ended jobs',
    });
    this.alarm(
      'DeadUploads',
      deadUploads,
      1,
      'uploads that were given up: no render, and perhaps no message',
    );
    this.alarm('DeadEnds', deadEnds, 1, 'ended jobs that nobody was told of');
    this.alarm(
      'StuckUploads',
      upload.queue.metricApproximateAgeOfOldestMessage({ statistic: Stats.MAXIMUM }),
      STUCK.toSeconds(),
      'an upload that has been waiting for an hour',
    );
    this.alarm('FailedFrames', metrics.framesFailed, 1, 'frames that were given up');
    this.alarm(
      'UnwatchedCaps',
      costs.watch.lambda.metricErrors({ period: WATCHED }),
      WATCHES_FAILED,
      'renders that cost what they may were not looked at',
    );
    this.dashboard = new Dashboard(this, 'Dashboard', { dashboardName: `spotreel-${farmName}` });
    this.dashboard.addWidgets(
      graph('Jobs that reached a state', [...metrics.jobs]),
      graph('Frames done and given up', [metrics.framesStored, metrics.framesFailed]),
      graph('Uploads waiting and being read', [
        upload.queue.metricApproximateNumberOfMessagesVisible({ label: 'waiting' }),
        upload.queue.metricApproximateNumberOfMessagesNotVisible({ label: 'being read' }),
      ]),
      graph('Failures', [
        upload.submit.lambda.metricErrors({ label: 'submit-render' }),
        finish.finish.lambda.metricErrors({ label: 'finish-render' }),
        costs.watch.lambda.metricErrors({ label: 'watch-cost' }),
      ]),
      graph('Dead letters', [deadUploads, deadEnds]),
      graph('Time to submit a render', [
        upload.submit.lambda.metricDuration({ label: 'p50', statistic: 'p50' }),
        upload.submit.lambda.metricDuration({ label: 'p99', statistic: 'p99' }),
      ]),
    );
  }

  private alarm(id: string, metric: IMetric, threshold: number, alarmDescription: string): void {
    const alarm = new Alarm(this, id, {
      alarmDescription: `Spotreel ${this.props.farmName}: ${alarmDescription}`,
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // No news: an idle farm has no data.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.props.topic));
  }
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: WIDTH });
}
