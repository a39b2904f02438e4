import { Aws } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

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
