import { Aws, Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import {
  Action,
  EcsEc2ContainerDefinition,
  EcsJobDefinition,
  EcsVolume,
  LinuxParameters,
  Reason,
  RetryStrategy,
} from 'aws-cdk-lib/aws-batch';
import { LogDriver } from 'aws-cdk-lib/aws-ecs';
import { type IRole, Role } from 'aws-cdk-lib/aws-iam';
import { type ILogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { retryStrategy } from '../../core/jobs/batch';
import type { RenderDefinition } from '../../core/jobs/farm';
import { OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import { machinesOf, type Settings } from '../settings/settings';
import { grantBucketAccess } from './grants';
import {
  CACHE_FOLDER,
  CACHE_FOLDER_IN_CONTAINER,
  FINISH_SECONDS,
  HOST_FOLDER,
  HOST_FOLDER_IN_CONTAINER,
  KERNELS_FOLDER,
  KERNELS_FOLDER_IN_CONTAINER,
  SCRATCH_FOLDER,
  SPOT_NOTICE_IN_CONTAINER,
  TMP_FOLDER,
  WORKER_UID,
} from './machines';
import { workerProxy } from './proxy';
import { ownTasks } from './trust';
import { seriesOf, type WorkerImage, WorkerImages } from './worker-images';

interface WorkerJobProps {
  readonly image: WorkerImage;
  /** The permissions of the worker. */
  readonly jobRole: IRole;
  /** The permissions that ECS needs to pull the image and write the log. */
  readonly executionRole: IRole;
  readonly logGroup: ILogGroup;
  readonly settings: Settings;
  /** Prefix of the names of its log streams. */
  readonly logPrefix: string;
  /** The command of the container. AWS Batch replaces `Ref::name` by a parameter of the job. */
  readonly command: readonly string[];
  /** Default parameters of a job. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly vcpus: number;
  readonly memory: Size;
  readonly gpus?: number;
  /** Environment variables besides those of every worker. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of one attempt. AWS Batch stops a job that takes longer, and does not retry it. */
  readonly timeout: Duration;
}

/**
 * One job definition. Its container can write only to its scratch volume, to a small `/tmp` and to the machine's caches.
 * Docker creates the volume for one container and deletes it afterwards. All containers of a machine share the caches.
 */
class WorkerJob extends Construct {
  readonly definition: EcsJobDefinition;

  constructor(scope: Construct, id: string, props: WorkerJobProps) {
    super(scope, id);
    const { evaluateOnExit = [], attempts } = retryStrategy(props.settings.attempts);
    this.definition = new EcsJobDefinition(this, 'Definition', {
      container: this.container(props),
      ...(props.parameters && { parameters: { ...props.parameters } }),
      retryAttempts: attempts,
      retryStrategies: evaluateOnExit.map(({ action, ...on }) =>
        RetryStrategy.of(Action[action], Reason.custom(on)),
      ),
      timeout: props.timeout,
      // During a deployment, Lambdas and people still submit with the revision before.
      skipDeregisterOnUpdate: true,
      // The farm's tag also appears in the costs of ECS tasks.
      propagateTags: true,
    });
  }

  private container(props: WorkerJobProps): EcsEc2ContainerDefinition {
    const linuxParameters = new LinuxParameters(this, 'Linux', {
      // Forwards SIGTERM, and reaps processes that Blender leaves behind.
      initProcessEnabled: true,
    });
    linuxParameters.addTmpfs({ containerPath: TMP_FOLDER, size: Size.mebibytes(64) });
    return new EcsEc2ContainerDefinition(this, 'Container', {
      image: props.image.image,
      command: [...props.command],
      cpu: props.vcpus,
      memory: props.memory,
      ...(props.gpus !== undefined && { gpu: props.gpus }),
      jobRole: props.jobRole,
      executionRole: props.executionRole,
      user: `${WORKER_UID}:${WORKER_UID}`,
      readonlyRootFilesystem: true,
      privileged: false,
      linuxParameters,
      volumes: [
        EcsVolume.host({ name: 'scratch', containerPath: SCRATCH_FOLDER, readonly: false }),
        EcsVolume.host({
          name: 'host',
          hostPath: HOST_FOLDER,
          containerPath: HOST_FOLDER_IN_CONTAINER,
          readonly: true,
        }),
        EcsVolume.host({
          name: 'cache',
          hostPath: CACHE_FOLDER,
          containerPath: CACHE_FOLDER_IN_CONTAINER,
          readonly: false,
        }),
        ...(props.gpus === undefined ? [] : [kernelsVolume()]),
      ],
      // The image sets SPOTREEL_BLENDER_VERSION.
      environment: {
        // ECS on EC2 gives containers credentials, but no region.
        AWS_REGION: Aws.REGION,
        HOME: SCRATCH_FOLDER,
        TMPDIR: SCRATCH_FOLDER,
        SPOTREEL_CACHE: CACHE_FOLDER_IN_CONTAINER,
        SPOTREEL_SPOT_NOTICE: SPOT_NOTICE_IN_CONTAINER,
        SPOTREEL_STOP_SECONDS: String(FINISH_SECONDS),
        // The worker names this setting if Blender runs out of memory.
        SPOTREEL_MEMORY_MIB: String(props.memory.toMebibytes()),
        SPOTREEL_LOG_MIB: String(props.settings.logMiB),
        ...(props.gpus !== undefined && { SPOTREEL_KERNELS: KERNELS_FOLDER_IN_CONTAINER }),
        ...workerProxy(props.settings),
        ...props.environment,
      },
      logging: LogDriver.awsLogs({ logGroup: props.logGroup, streamPrefix: props.logPrefix }),
    });
  }
}

/** The compiled GPU kernels of a machine. */
function kernelsVolume(): EcsVolume {
  return EcsVolume.host({
    name: 'kernels',
    hostPath: KERNELS_FOLDER,
    containerPath: KERNELS_FOLDER_IN_CONTAINER,
    readonly: false,
  });
}

interface WorkerRoleProps {
  readonly bucket: IBucket;
}

/** The worker may read scenes and renders, and write in `renders/`. */
class WorkerRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { bucket }: WorkerRoleProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: ownTasks(this),
      description: 'Workers: read scenes, write frames and videos',
    });
    grantBucketAccess(this.role, bucket, {
      read: [UPLOAD_PREFIX, OUTPUT_PREFIX],
      write: [OUTPUT_PREFIX],
      remove: [OUTPUT_PREFIX],
      abort: [OUTPUT_PREFIX],
      list: [UPLOAD_PREFIX, OUTPUT_PREFIX],
    });
  }
}

export interface JobDefinitionsProps {
  readonly settings: Settings;
  readonly bucket: IBucket;
}

/** The arguments of the worker, as in `workerArgv`, with parameters that a person who submits by hand can set. */
const RENDER_COMMAND = [
  ...['render', '-i', 'Ref::input', '-o', 'Ref::output'],
  ...['-f', 'Ref::framesPerSlice', '-t', 'Ref::totalFrames'],
];
const STITCH_COMMAND = ['stitch', '-i', 'Ref::input', '-o', 'Ref::output'];

/** The worker trusts this and not the manifest, because people can change the manifest in the bucket. */
const scriptsEnvironment = ({ allowScripts }: Settings) => ({
  ...(allowScripts && { SPOTREEL_ALLOW_SCRIPTS: '1' }),
});

/** The properties that all job definitions share. */
type SharedProps = Pick<WorkerJobProps, 'executionRole' | 'jobRole' | 'logGroup' | 'settings'>;

/** The render job definitions of one Blender version. */
export interface RenderJobDefinitions {
  /** Full version; `undefined` if the version in a given image is unknown. */
  readonly blenderVersion: string | undefined;
  readonly render: WorkerJob;
  /** The same with one GPU; only if the farm has GPUs. */
  readonly gpuRender?: WorkerJob;
}

/** The render and stitch jobs that the queues accept. By hand: `aws batch submit-job --parameters input=…,output=…`. */
export class JobDefinitions extends Construct {
  /** One for each Blender version, the oldest first. */
  readonly renders: readonly RenderJobDefinitions[];
  /** Has the image of the newest Blender, because that opens every scene to mix its sound. */
  readonly stitch: WorkerJob;
  /** The log of all jobs. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, { settings, bucket }: JobDefinitionsProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Log', {
      retention: settings.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const images = new WorkerImages(this, 'Images', { settings });
    const executionRole = new Role(this, 'ExecutionRole', {
      assumedBy: ownTasks(this),
      description: 'ECS for workers: pulls the image, writes the log',
    });
    images.grantPull(executionRole);
    const { role: jobRole } = new WorkerRole(this, 'Worker', { bucket });
    const { logGroup } = this;
    const shared = { executionRole, jobRole, logGroup, settings };
    this.renders = images.images.map((image) => this.renderJobs(image, shared));
    this.stitch = new WorkerJob(this, 'Stitch', {
      ...shared,
      image: images.newest,
      logPrefix: 'stitch',
      command: STITCH_COMMAND,
      vcpus: settings.stitchVcpus,
      memory: Size.mebibytes(settings.stitchMemoryMib),
      timeout: Duration.minutes(settings.stitchTimeoutMinutes),
      // The stitch job computes the cost of the render from the machines.
      environment: {
        SPOTREEL_MACHINES: JSON.stringify(machinesOf(settings)),
        ...scriptsEnvironment(settings),
      },
    });
  }

  /** The render job definitions for the Lambdas and the command line: ARNs, which include the revision. */
  get renderDefinitions(): RenderDefinition[] {
    return this.renders.map(({ blenderVersion, render, gpuRender }) => ({
      ...(blenderVersion !== undefined && { blenderVersion }),
      jobDefinition: render.definition.jobDefinitionArn,
      ...(gpuRender && { gpuJobDefinition: gpuRender.definition.jobDefinitionArn }),
    }));
  }

  private renderJobs(image: WorkerImage, shared: SharedProps): RenderJobDefinitions {
    const { settings } = shared;
    const { blenderVersion } = image;
    const series = blenderVersion === undefined ? '' : seriesOf(blenderVersion);
    const job: WorkerJobProps = {
      ...shared,
      image,
      logPrefix: 'render',
      command: RENDER_COMMAND,
      parameters: { framesPerSlice: '1' },
      vcpus: settings.renderVcpus,
      memory: Size.mebibytes(settings.renderMemoryMib),
      timeout: Duration.minutes(settings.renderTimeoutMinutes),
      environment: {
        // Without this Blender would use all vCPUs of the machine.
        SPOTREEL_THREADS: String(settings.renderVcpus),
        SPOTREEL_HANG_SECONDS: String(settings.hangMinutes * 60),
        // For plans without this option.
        ...(settings.persistentData !== 'auto' && { SPOTREEL_PERSISTENT_DATA: settings.persistentData }),
        ...scriptsEnvironment(settings),
      },
    };
    const render = new WorkerJob(this, `Render${series}`, job);
    if (settings.gpuVcpus === 0) return { blenderVersion, render };
    const gpuRender = new WorkerJob(this, `GpuRender${series}`, { ...job, logPrefix: 'gpu', gpus: 1 });
    return { blenderVersion, render, gpuRender };
  }
}
