import { Aws, Duration, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ApiDestination, Authorization, Connection, HttpMethod } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPipe } from 'aws-cdk-lib/aws-pipes';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { DeadLetters } from './farm-function';

export interface WebhookProps {
  readonly farmName: string;
  /** HTTPS URL that receives the POSTs. */
  readonly url: string;
  readonly topic: ITopic;
}

/** The header with the secret of the webhook. */
const KEY_HEADER = 'x-spotreel-key';

/** A receiver that fails for longer than about an hour loses the message to the dead letters. */
const MAX_DELIVERIES = 60;

/**
 * Posts everything that the topic publishes, mails and alarms alike, to a URL. A queue gets the messages with the signature
 * of SNS, and a pipe posts each of them unchanged to an API destination of EventBridge. So no code of the farm handles them.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 */
export class Webhook extends Construct {
  /** Its text is sent in the header `x-spotreel-key`. It costs 40 cents a month. */
  readonly secret: Secret;
  readonly pipe: CfnPipe;

  constructor(scope: Construct, id: string, { farmName, url, topic }: WebhookProps) {
    super(scope, id);
    const deadLetters = new DeadLetters(this, 'DeadLetters');
    const queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.minutes(1),
      deadLetterQueue: { queue: deadLetters.queue, maxReceiveCount: MAX_DELIVERIES },
    });
    topic.addSubscription(new SqsSubscription(queue));
    this.secret = new Secret(this, 'Secret', {
      description: `Spotreel ${farmName}: key that the webhook sends`,
      generateSecretString: { excludePunctuation: true, passwordLength: 40 },
    });
    Validations.of(this.secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'Its receiver has to learn a new key, so only people can rotate it.',
    });
    const destination = new ApiDestination(this, 'Destination', {
      connection: new Connection(this, 'Connection', {
        authorization: Authorization.apiKey(KEY_HEADER, this.secret.secretValue),
      }),
      endpoint: url,
      httpMethod: HttpMethod.POST,
      rateLimitPerSecond: 10,
    });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('pipes.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Webhook: takes messages from the queue and posts them',
    });
    const { queueArn } = queue;
    const queueActions = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];
    role.addToPolicy(new PolicyStatement({ actions: queueActions, resources: [queueArn] }));
    const { apiDestinationArn } = destination;
    role.addToPolicy(
      new PolicyStatement({ actions: ['events:InvokeApiDestination'], resources: [apiDestinationArn] }),
    );
    this.pipe = new CfnPipe(this, 'Pipe', {
      description: `Spotreel ${farmName}: messages to the webhook`,
      roleArn: role.roleArn,
      source: queueArn,
      sourceParameters: { sqsQueueParameters: { batchSize: 1 } },
      target: apiDestinationArn,
      targetParameters: { inputTemplate: '<$.body>' },
    });
    // A new pipe checks that its role may read the queue.
    this.pipe.node.addDependency(role.node.findChild('DefaultPolicy'));
    const alarm = new Alarm(this, 'Alarm', {
      alarmDescription: `Spotreel ${farmName}: messages did not reach webhookUrl`,
      metric: deadLetters.queue.metricApproximateNumberOfMessagesVisible(),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(topic));
  }
}
