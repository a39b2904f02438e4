import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  Stats,
  TreatMissingData,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { CostWatch } from './cost-watch';
import type { FinishTrigger } from './finish-trigger';
import type { JobMetrics } from './job-metrics';
import type { UploadTrigger } from './upload-trigger';

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
