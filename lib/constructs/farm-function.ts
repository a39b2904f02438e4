import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, CfnFunction, Code, Function, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { lambdaFolder } from '../built-files';
import { l1Resource } from './l1-resource';

/** Queue of events that could not be processed. SQS keeps them for 14 days, its maximum; an alarm reports the first. */
export class DeadLetters extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
  }
}

export interface FarmFunctionProps {
  /** Folder in `lambda/` with its `handler.ts`. */
  readonly folder: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  /**
   * Keeps events whose asynchronous invocations all failed.
   * @default - none: the source of the events keeps them
   */
  readonly deadLetterQueue?: IQueue;
}

/** Lambda gives one whole vCPU for this much memory. Compressed scenes need it. */
const MEMORY_MIB = 1769;

/** A Lambda of the farm. Its role may only write its log and traces. The build bundles the SDK, so the tested version runs. */
export class FarmFunction extends Construct {
  readonly lambda: Function;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: FarmFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
    });
    logGroup.grantWrite(this.role);
    this.lambda = new Function(this, 'Function', {
      code: Code.fromAsset(lambdaFolder(this, props.folder)),
      handler: 'index.handler',
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: MEMORY_MIB,
      timeout: props.timeout,
      environment: { ...props.environment },
      role: this.role,
      logGroup,
      tracing: Tracing.ACTIVE,
      deadLetterQueue: props.deadLetterQueue,
    });
    // The CDK adds a `DependsOn` on the role that cfn-lint calls redundant. It does no harm.
    l1Resource(this.lambda, CfnFunction).addMetadata('cfn-lint', { config: { ignore_checks: ['W3005'] } });
    Validations.of(this.role).acknowledge(
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'xray:PutTraceSegments, batch:ListJobs and batch:DescribeJobs support no resources.',
      },
      {
        id: 'AwsSolutions-IAM5[Action::kms:GenerateDataKey*]',
        reason: 'To publish to a topic with a KMS key, SNS needs both actions that begin so.',
      },
    );
  }
}
