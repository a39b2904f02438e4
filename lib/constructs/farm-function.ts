import { join } from 'node:path';
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, CfnFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { type IQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { l1Resource } from './compute';

/** Events that were given up. Kept as long as SQS keeps anything; an alarm tells of the first one. */
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
  /** Folder below `lambda/` that holds its `handler.ts`. */
  readonly folder: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  /**
   * Takes events that an asynchronous invocation gave up.
   * @default - none: its source keeps them
   */
  readonly deadLetterQueue?: IQueue;
}

const ROOT = join(__dirname, '../..');

/** Memory brings processor time with it: this much is one whole vCPU, for scenes that have to be unpacked. */
const MEMORY_MIB = 1769;

/**
 * A Lambda of the farm. Its role begins with its own log and its traces; the SDK is bundled, so that what was tested is
 * what runs.
 */
export class FarmFunction extends Construct {
  readonly lambda: NodejsFunction;
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
    this.lambda = new NodejsFunction(this, 'Function', {
      entry: join(ROOT, 'lambda', props.folder, 'handler.ts'),
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
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
      bundling: {
        bundleAwsSDK: true,
        minify: true,
        target: 'node24',
        format: OutputFormat.CJS,
        // For uploads in parts, which no Lambda makes; it would keep esbuild from joining the modules that it shares.
        externalModules: ['@aws-sdk/lib-storage'],
        // The SDK's ES modules, from which esbuild can leave out what is not used.
        mainFields: ['module', 'main'],
      },
    });
    // cfn-lint finds the CDK's own `DependsOn` on the role needless. It does no harm.
    l1Resource(this.lambda, CfnFunction).addMetadata('cfn-lint', { config: { ignore_checks: ['W3005'] } });
    Validations.of(this.role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'xray:PutTraceSegments, batch:ListJobs and batch:DescribeJobs know no resources.',
    });
  }
}
