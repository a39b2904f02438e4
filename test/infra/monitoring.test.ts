import { Match } from 'aws-cdk-lib/assertions';
import { allProperties, expectCounts, expectResource, flat, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm({ email: 'me@example.com', farmName: 'studio' });

test('alarms start at the first dead letter, stuck upload, failed frame or unwatched caps, not on an idle farm', () => {
  const alarms = allProperties(farmTemplate, 'AWS::CloudWatch::Alarm');
  expect(alarms.map(({ id, properties }) => [id, properties.Threshold])).toEqual([
    ['MonitoringDeadUploads', 1],
    ['MonitoringDeadEnds', 1],
    ['MonitoringStuckUploads', 3600],
    ['MonitoringFailedFrames', 1],
    ['MonitoringUnwatchedCaps', 4],
  ]);
  for (const { properties: alarm } of alarms) {
    expect(alarm).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
    });
    expect(alarm.AlarmActions.map(flat)).toEqual(['<NoticesTopic>']);
  }
});

test('the topic accepts alarms, only over TLS, and sends them by email', () => {
  const { PolicyDocument } = onlyProperties(farmTemplate, 'AWS::SNS::TopicPolicy');
  expect(PolicyDocument.Statement).toEqual([
    expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
    expect.objectContaining({ Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' } }),
  ]);
  expectResource(farmTemplate, 'AWS::SNS::Subscription', {
    Protocol: 'email',
    Endpoint: 'me@example.com',
  });
  expectCounts(synthFarm().farmTemplate, { 'AWS::SNS::Subscription': 0 });
});

test('metrics count jobs by state and frames by events of workers', () => {
  const shown = allProperties(farmTemplate, 'AWS::Logs::MetricFilter').map(({ properties }) => [
    properties.MetricTransformations[0].MetricName,
    flat(properties.LogGroupName),
    properties.FilterPattern,
  ]);
  expect(shown).toEqual([
    ['FramesStored', '<JobsLog>', '{ $.event = "frame-stored" }'],
    ['FramesFailed', '<JobsLog>', '{ ($.event = "frame-failed") && ($.final IS TRUE) }'],
    ...['RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED'].map((status) => [
      `Jobs${status}`,
      '<MetricsStateLog>',
      `{ $.detail.status = "${status}" }`,
    ]),
  ]);
});

test('EventBridge may write job states to a log without a helper Lambda', () => {
  const policy = flat(onlyProperties(farmTemplate, 'AWS::Logs::ResourcePolicy').PolicyDocument);
  expect(JSON.parse(policy)).toEqual({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: '<MetricsStateLog.Arn>',
      },
    ],
  });
  expectCounts(farmTemplate, { 'AWS::Lambda::Function': 3 });
});

test('the dashboard shows jobs, frames, uploads, failures and dead letters', () => {
  const body = JSON.stringify(onlyProperties(farmTemplate, 'AWS::CloudWatch::Dashboard'));
  for (const title of ['Jobs that reached a state', 'Frames stored and failed', 'Failures', 'Dead letters']) {
    expect(body).toContain(title);
  }
});

test('every log group has a retention time and is deleted with the stack', () => {
  const { farmTemplate: twoWeeks } = synthFarm({ logDays: 14 });
  for (const group of Object.values(twoWeeks.findResources('AWS::Logs::LogGroup'))) {
    expect(group).toMatchObject({ DeletionPolicy: 'Delete', Properties: { RetentionInDays: 14 } });
  }
});

test('a farm has no budget and no experiment by default', () => {
  expectCounts(farmTemplate, { 'AWS::Budgets::Budget': 0 });
  expectCounts(farmTemplate, { 'AWS::FIS::ExperimentTemplate': 0 });
});

test('the budget counts costs with the tag of the farm', () => {
  const { farmTemplate: asked } = synthFarm({ email: 'me@example.com', monthlyBudgetUsd: 50 });
  expectResource(asked, 'AWS::Budgets::Budget', {
    Budget: {
      BudgetType: 'COST',
      TimeUnit: 'MONTHLY',
      BudgetLimit: { Amount: 50, Unit: 'USD' },
      CostFilters: { TagKeyValue: ['user:spotreel:farm$main'] },
    },
    NotificationsWithSubscribers: [80, 100].map((Threshold) => ({
      Notification: Match.objectLike({ Threshold, ThresholdType: 'PERCENTAGE', NotificationType: 'ACTUAL' }),
      Subscribers: [{ SubscriptionType: 'EMAIL', Address: 'me@example.com' }],
    })),
  });
});

test('the experiment reclaims up to 5 Spot machines of this farm with 2 minutes’ notice', () => {
  const { farmTemplate: asked } = synthFarm({ interruptionExperiment: true });
  expectResource(asked, 'AWS::FIS::ExperimentTemplate', {
    Targets: {
      machines: {
        ResourceType: 'aws:ec2:spot-instance',
        ResourceTags: { 'spotreel:farm': 'main' },
        Filters: [{ Path: 'State.Name', Values: ['running'] }],
        SelectionMode: 'COUNT(5)',
      },
    },
    Actions: {
      reclaim: {
        ActionId: 'aws:ec2:send-spot-instance-interruptions',
        Parameters: { durationBeforeInterruption: 'PT2M' },
        Targets: { SpotInstances: 'machines' },
      },
    },
  });
  expectResource(asked, 'AWS::IAM::Policy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({
          Action: 'ec2:SendSpotInstanceInterruptions',
          Condition: { StringEquals: { 'aws:ResourceTag/spotreel:farm': 'main' } },
        }),
      ]),
    },
  });
});
