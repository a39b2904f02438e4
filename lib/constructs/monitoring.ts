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
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  FilterPattern,
  type IFilterPattern,
  LogGroup,
  ResourcePolicy,
  type RetentionDays,
} from 'aws-cdk-lib/aws-logs';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { CostWatch } from './cost-watch';
import type { FinishTrigger } from './finish-trigger';
import type { UploadTrigger } from './upload-trigger';

export interface FarmTopicProps {
  /**
   * Receives everything that is published, after its owner confirmed the mail of AWS.
   * @default - no subscription
   */
  readonly email?: string;
  /** @default - a new topic */
  readonly topic?: ITopic;
  /**
   * Encrypts a new topic. The policy of an imported key must let `cloudwatch.amazonaws.com` use it.
   * @default - no encryption at rest
   */
  readonly encryptionKey?: IKey;
  /** Whether a webhook gets its messages, whose receiver checks their signatures. @default false */
  readonly hasWebhook?: boolean;
}

/** The topic on which the farm publishes finished and failed renders and alarms. */
export class FarmTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, { email, topic, encryptionKey, hasWebhook }: FarmTopicProps) {
    super(scope, id);
    this.topic = topic ?? this.newTopic(encryptionKey, hasWebhook);
    // This topic has its own policy, so it lacks the default policy that lets alarms publish.
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

  /**
   * Encrypted only with a given key: alarms cannot publish with the key that AWS manages, and a customer managed key costs a
   * dollar a month. Messages contain only names of renders and what went wrong.
   * https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
   */
  private newTopic(masterKey: IKey | undefined, hasWebhook = false): Topic {
    masterKey?.addToResourcePolicy(
      new PolicyStatement({
        sid: 'SpotreelAlarms',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    return new Topic(this, 'Topic', {
      displayName: 'Spotreel',
      enforceSSL: true,
      masterKey,
      // Version 1 signs with SHA-1.
      ...(hasWebhook && { signatureVersion: '2' }),
    });
  }
}

export interface JobMetricsProps {
  readonly farmName: string;
  readonly jobQueues: readonly IJobQueue[];
  /** The log of all jobs, in which workers report their frames. */
  readonly workerLog: LogGroup;
  readonly logRetention: RetentionDays;
}

/** The job states to count. */
const STATUSES = ['RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED'];

/**
 * Counts of jobs and frames. AWS Batch publishes no metrics, so EventBridge logs the state changes of jobs, and metric
 * filters count them and the log lines of workers. A metric costs only in hours in which it counts something.
 */
export class JobMetrics extends Construct {
  /** How many jobs, including children, reached each state. */
  readonly jobs: readonly Metric[];
  readonly framesStored: Metric;
  readonly framesFailed: Metric;
  readonly rule: Rule;
  private readonly farmName: string;
  private readonly namespace: string;

  constructor(
    scope: Construct,
    id: string,
    { farmName, jobQueues, workerLog, logRetention }: JobMetricsProps,
  ) {
    super(scope, id);
    this.farmName = farmName;
    this.namespace = `Spotreel/${farmName}`;
    const stateLog = new LogGroup(this, 'StateLog', {
      // The EventBridge console requires this prefix.
      logGroupName: `/aws/events/spotreel/${farmName}`,
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.rule = this.logStateChanges(jobQueues, stateLog);
    this.jobs = STATUSES.map((status) =>
      this.count(stateLog, `Jobs${status}`, FilterPattern.stringValue('$.detail.status', '=', status)),
    );
    const logged = (event: string) => FilterPattern.stringValue('$.event', '=', event);
    this.framesStored = this.count(workerLog, 'FramesStored', logged('frame-stored'));
    const givenUp = FilterPattern.all(logged('frame-failed'), FilterPattern.booleanValue('$.final', true));
    this.framesFailed = this.count(workerLog, 'FramesFailed', givenUp);
  }

  private logStateChanges(jobQueues: readonly IJobQueue[], log: LogGroup): Rule {
    const arn = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: log.logGroupName,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    // `addToResourcePolicy` names the policy after its construct path, which all farms share. A region allows ten such
    // policies: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html
    const { document } = new ResourcePolicy(this, 'StateLogPolicy', {
      resourcePolicyName: `spotreel-${this.farmName}-events`,
    });
    document.addStatements(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [log.logGroupArn],
      }),
    );
    // The CDK's own target would deploy a Lambda to set the policy.
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
  /** Receives the alarms. */
  readonly topic: ITopic;
}

/** An upload that waits for so long has failed several times. */
const STUCK = Duration.hours(1);

/** Lambda tries a failed check three times, and the next check makes up for a failed one. So one failed check is no alarm. */
const WATCHED = Duration.minutes(15);
const WATCHES_FAILED = 4;

const WIDTH = 12;

/** A dashboard, and alarms for failures that nothing else reports. */
export class Monitoring extends Construct {
  readonly dashboard: Dashboard;
  readonly alarms: Alarm[] = [];

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
    this.alarm('DeadUploads', deadUploads, 1, 'uploads failed and have no render, perhaps without a message');
    this.alarm('DeadEnds', deadEnds, 1, 'jobs ended without a report');
    this.alarm(
      'StuckUploads',
      upload.queue.metricApproximateAgeOfOldestMessage({ statistic: Stats.MAXIMUM }),
      STUCK.toSeconds(),
      'an upload has been waiting for an hour',
    );
    this.alarm('FailedFrames', metrics.framesFailed, 1, 'frames failed and will not be retried');
    this.alarm(
      'UnwatchedCaps',
      costs.watch.lambda.metricErrors({ period: WATCHED }),
      WATCHES_FAILED,
      'renders with a cap were not checked',
    );
    // The names of dashboards are global in an account.
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: `spotreel-${farmName}-${Aws.REGION}`,
    });
    this.dashboard.addWidgets(
      graph('Jobs that reached a state', [...metrics.jobs]),
      graph('Frames stored and failed', [metrics.framesStored, metrics.framesFailed]),
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
      // An idle farm has no data.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.props.topic));
    this.alarms.push(alarm);
  }
}

function graph(title: string, left: IMetric[]): GraphWidget {
  return new GraphWidget({ title, left, width: WIDTH });
}
