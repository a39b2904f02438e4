import { Size, Stack, Tags, Token } from 'aws-cdk-lib';
import type { IJobQueue } from 'aws-cdk-lib/aws-batch';
import type { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { Dashboard, IAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import type { IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct, type IConstruct } from 'constructs';
import { FARM_TAG } from '../../core/render/options';
import { CostWatch, MonthlyBudget } from './cost-watch';
import { FarmBucket } from './farm-bucket';
import { FarmParameter } from './farm-parameter';
import { FinishTrigger } from './finish-trigger';
import { grantRenders, grantViews, type UsedFarm } from './grants-to-people';
import { InterruptionExperiment } from './interruption-experiment';
import { JobDefinitions } from './job-definitions';
import { JobQueues } from './job-queues';
import { MachineRole, MachineTemplate } from './machines';
import { FarmTopic, JobMetrics, Monitoring } from './monitoring';
import { FarmNetwork } from './network';
import { UploadTrigger } from './upload-trigger';
import { Webhook } from './webhook';
import type { FarmSettings } from '../settings/farm-settings';
import { APP_SETTINGS, BUCKET_SETTINGS } from '../settings/account-settings';
import { PROPS } from '../settings/setting-names';
import { checkSettings, type Settings, SettingsError } from '../settings/settings';

/** Every setting of a farm, and the parts of your own app that it uses. All are optional. */
export interface SpotreelFarmProps extends FarmSettings {
  /**
   * The bucket with scenes (`uploads/`), renders (`renders/`) and cost caps (`caps/`).
   * @default - a new private bucket, which remains when the farm is deleted
   */
  readonly bucket?: IBucket;
  /**
   * Whether the farm makes `bucket` send its events to EventBridge, which start the renders of uploads. The CDK does this
   * with a Lambda. Pass `false` if the bucket sends them already.
   * @default true
   */
  readonly sendBucketEvents?: boolean;
  /**
   * The KMS key of the bucket, and of a topic that the farm creates. The farm's roles may then use it. An imported bucket
   * does not know its key. The policy of an imported key must let `cloudwatch.amazonaws.com` use it for alarms.
   * @default - the key that the bucket names; keys of S3 for a new bucket; a topic without encryption
   */
  readonly encryptionKey?: IKey;
  /**
   * The network of the machines.
   * @default - the VPC of `vpcId`, or else a new one with public subnets and without a NAT gateway
   */
  readonly vpc?: IVpc;
  /**
   * The subnets of `vpc` for the machines. They need a route to the internet, or `vpcEndpoints`.
   * @default - private subnets with a NAT gateway if `vpc` has some, or else public subnets; with `vpcEndpoints`, isolated
   * subnets if `vpc` has no others
   */
  readonly vpcSubnets?: SubnetSelection;
  /**
   * Receives a message when a render ends, and all alarms. The policy of an imported topic must allow
   * `cloudwatch.amazonaws.com` to publish.
   * @default - a new topic
   */
  readonly topic?: ITopic;
}

const OWN_PROPS = ['bucket', 'sendBucketEvents', 'encryptionKey', 'vpc', 'vpcSubnets', 'topic'] as const;

/**
 * A farm that renders Blender scenes on AWS Batch, for any stack. Deleting and deploying it again loses no scene and no
 * render. Two farms of one account and region need different `farmName`s.
 *
 *     upload ──► Lambda ──► render: an array job on Spot machines ──► stitch: a job ──► bucket
 *                                           │                              │
 *                                           └──── ended ──► Lambda ◄───────┘
 *
 * Throws an error that names each wrong setting.
 *
 * @example
 * const farm = new SpotreelFarm(this, 'Farm', { spotVcpus: 64, email: 'render@example.com' });
 * farm.grantSubmit(artists);
 */
export class SpotreelFarm extends Construct {
  readonly farmName: string;
  readonly bucket: IBucket;
  /** Receives a message when a render ends, and all alarms. */
  readonly topic: ITopic;
  /** The queue of the Spot machines. */
  readonly jobQueue: IJobQueue;
  /** All queues: Spot, On-Demand and GPU. */
  readonly jobQueues: readonly IJobQueue[];
  /** Name of the SSM parameter in which the command line finds the farm. */
  readonly parameterName: string;
  readonly dashboard: Dashboard;
  readonly alarms: readonly IAlarm[];
  /** Only with `webhookUrl`. */
  readonly webhook?: Webhook;
  /** Only with `monthlyBudgetUsd`. */
  readonly budget?: CfnBudget;
  /** Id of the AWS FIS experiment; only with `interruptionExperiment`. */
  readonly experimentId?: string;
  private readonly parts: { readonly queues: JobQueues; readonly jobs: JobDefinitions };

  constructor(scope: Construct, id: string, props: SpotreelFarmProps = {}) {
    super(scope, id);
    const problems = conflicts(this, props);
    if (problems.length > 0) throw new SettingsError(problems, PROPS);
    const { region } = Stack.of(this);
    const settings = settingsOf(props, Token.isUnresolved(region) ? undefined : region);
    const { farmName, logDays: logRetention, email } = settings;
    this.farmName = farmName;
    const { bucket } = new FarmBucket(this, 'Film', { ...props, settings });
    const { webhookUrl } = settings;
    const hasWebhook = webhookUrl !== undefined;
    const { topic } = new FarmTopic(this, 'Notices', { ...props, email, hasWebhook });
    if (hasWebhook) this.webhook = new Webhook(this, 'Webhook', { farmName, url: webhookUrl, topic });
    this.bucket = bucket;
    this.topic = topic;

    // The machines, the queues in front of them, and the jobs that run on them.
    const { vpc, vpcSubnets: subnets } = props;
    const network = new FarmNetwork(this, 'Network', { settings, vpc, subnets });
    const disk = Size.gibibytes(settings.diskGib);
    const { proxy, noProxy } = settings;
    const template = new MachineTemplate(this, 'Machine', { disk, proxy, noProxy });
    const { role: machineRole } = new MachineRole(this, 'MachineRole');
    const queues = new JobQueues(this, 'Compute', { settings, network, template, machineRole });
    const jobs = new JobDefinitions(this, 'Jobs', { settings, bucket });
    this.parts = { queues, jobs };
    this.jobQueue = queues.spot.queue;
    this.jobQueues = queues.all;

    // From an upload to a render job and a stitch job, and from their end to a mail or a rescue.
    const farm = { settings, bucket, queues, jobs, topic };
    const upload = new UploadTrigger(this, 'Upload', farm);
    const finish = new FinishTrigger(this, 'Finish', farm);
    const costs = new CostWatch(this, 'Costs', { settings, bucket, gpuQueue: queues.gpu?.queue });

    // What people see of it.
    const jobQueues = queues.all;
    const workerLog = jobs.logGroup;
    const metrics = new JobMetrics(this, 'Metrics', { farmName, jobQueues, workerLog, logRetention });
    const monitoring = new Monitoring(this, 'Monitoring', {
      ...{ farmName, upload, finish, costs, metrics, topic },
    });
    this.dashboard = monitoring.dashboard;
    this.alarms = monitoring.alarms;
    if (settings.monthlyBudgetUsd > 0 && email !== undefined) {
      this.budget = new MonthlyBudget(this, 'Budget', {
        farmName,
        limitUsd: settings.monthlyBudgetUsd,
        email,
      }).budget;
    }
    this.parameterName = new FarmParameter(this, 'Description', farm).name;
    if (settings.interruptionExperiment) {
      this.experimentId = new InterruptionExperiment(this, 'Interruption', { farmName }).template.attrId;
    }
    Tags.of(this).add(FARM_TAG, farmName);
  }

  /**
   * Lets a role, user or group use the command line with this farm: submit, follow, download, cancel and retry renders.
   * It cannot delete renders.
   */
  grantSubmit(grantee: IGrantable): void {
    grantRenders(grantee, this.used());
  }

  /** Lets a role, user or group follow and download renders with the command line, and change nothing. */
  grantView(grantee: IGrantable): void {
    grantViews(grantee, this.used());
  }

  private used(): UsedFarm {
    const { bucket, farmName, parameterName } = this;
    return { ...this.parts, scope: this, bucket, farmName, parameterName };
  }
}

/** The props as settings, with defaults; `region` if it is known before deployment. Throws `SettingsError`. */
function settingsOf(props: SpotreelFarmProps, region: string | undefined): Settings {
  const own: ReadonlySet<string> = new Set(OWN_PROPS);
  const given = Object.entries(props).filter(([name, value]) => !own.has(name) && value !== undefined);
  const tokens = given.filter(([, value]) => Token.isUnresolved(value));
  const problems = [
    ...tokens.map(([name]) => `${name} is known only at deployment: give a plain value`),
    ...contradictions(props),
  ];
  if (problems.length > 0) throw new SettingsError(problems, PROPS);
  const environment = { CDK_DEFAULT_REGION: region };
  return checkSettings(Object.fromEntries(given), environment, PROPS, props.vpc !== undefined);
}

/** What an app uses in place of a setting of a whole app. */
const INSTEAD: Readonly<Record<string, string>> = {
  account: 'give it to your stack as env.account',
  region: 'give it to your stack as env.region',
  tags: 'use Tags.of(…).add of the CDK',
  permissionsBoundary: 'use PermissionsBoundary.of(…).apply of the CDK',
  bucketName: 'give the bucket as the prop bucket',
  kmsKeyArn: 'give the key as the prop encryptionKey',
};

/** Farms by the root of their app, to find two that would act on the same uploads or share a name. */
const FARMS = new WeakMap<IConstruct, SpotreelFarm[]>();

/** Problems of a farm with other farms of its app. */
function conflicts(farm: SpotreelFarm, { bucket, farmName = 'main' }: SpotreelFarmProps): string[] {
  const { account, region } = Stack.of(farm);
  const isBeside = (other: SpotreelFarm): boolean =>
    Stack.of(other).account === account && Stack.of(other).region === region;
  const others = FARMS.get(farm.node.root) ?? [];
  FARMS.set(farm.node.root, [...others, farm]);
  return [
    ...(others.some((other) => other.farmName === farmName && isBeside(other))
      ? [`farmName is "${farmName}", as of another farm of this app: give each its own farmName`]
      : []),
    ...(bucket && others.some((other) => other.bucket === bucket)
      ? [
          'bucket is also the bucket of another farm of this app, which would render each upload, too: give each its own',
        ]
      : []),
  ];
}

/** Problems of the parts that a user's app provides. */
function contradictions(props: SpotreelFarmProps): string[] {
  const problems: string[] = [];
  for (const name of APP_SETTINGS.filter((setting) => setting in props)) {
    problems.push(`${name} is not a prop of SpotreelFarm: ${INSTEAD[name] ?? 'set it on your app'}`);
  }
  if (props.bucket) {
    for (const name of BUCKET_SETTINGS.filter((setting) => props[setting])) {
      problems.push(`${name} changes only a bucket of the farm: leave it out, and set it on your own bucket`);
    }
  }
  if (props.vpc && (props.vpcId !== undefined || props.subnetIds !== undefined)) {
    problems.push('vpc excludes vpcId and subnetIds: leave them out, and choose subnets with vpcSubnets');
  }
  if (props.vpcSubnets && !props.vpc) {
    problems.push('vpcSubnets needs vpc: set both, or use vpcId and subnetIds');
  }
  return problems;
}
