import { Aws, type Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
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
import { type IRole, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ILogGroup, LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { retryStrategy } from '../../core/jobs/batch';
import type { RenderDefinition } from '../../core/jobs/farm';
import { OUTPUT_PREFIX, UPLOAD_PREFIX } from '../../core/render/keys';
import type { Machines } from '../../core/render/options';
import { grantBucketAccess } from './grants';
import {
  CACHE_FOLDER,
  CACHE_FOLDER_IN_CONTAINER,
  FINISH_SECONDS,
  HOST_FOLDER,
  HOST_FOLDER_IN_CONTAINER,
  SCRATCH_FOLDER,
  SPOT_NOTICE_IN_CONTAINER,
  TMP_FOLDER,
  WORKER_UID,
} from './machines';
import { seriesOf, type WorkerImage, WorkerImages, type WorkerImagesProps } from './worker-images';

interface WorkerJobProps {
  readonly image: WorkerImage;
  /** The worker's own rights. */
  readonly jobRole: IRole;
  /** The rights that ECS has on the worker's behalf: pulling the image, writing the log. */
  readonly executionRole: IRole;
  readonly logGroup: ILogGroup;
  /** Of the log of one attempt; the worker keeps to it. */
  readonly logSize: Size;
  /** Attempts of a job, 1 to 10. */
  readonly attempts: number;
  /** First part of the names of its log streams. */
  readonly logPrefix: string;
  /** The container's command; `Ref::name` stands for a parameter of the job. */
  readonly command: readonly string[];
  /** Parameters of a job that names none. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly vcpus: number;
  readonly memory: Size;
  readonly gpus?: number;
  /** What its worker is told besides what all of them are. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Of one attempt. A job that takes longer is stopped and not tried again. */
  readonly timeout: Duration;
}

/**
 * One job definition. Its container can write to its scratch volume, to a small `/tmp` and to the machine's cache, and to
 * nothing else. The volume is the container's own, made by Docker and gone with it: a folder of the host would be shared
 * with every other render's containers there, as the cache is, which is made for that.
 */
class WorkerJob extends Construct {
  readonly definition: EcsJobDefinition;

  constructor(scope: Construct, id: string, props: WorkerJobProps) {
    super(scope, id);
    const { evaluateOnExit = [], attempts } = retryStrategy(props.attempts);
    this.definition = new EcsJobDefinition(this, 'Definition', {
      container: this.container(props),
      ...(props.parameters && { parameters: { ...props.parameters } }),
      retryAttempts: attempts,
      retryStrategies: evaluateOnExit.map(({ action, ...on }) =>
        RetryStrategy.of(Action[action], Reason.custom(on)),
      ),
      timeout: props.timeout,
      // The farm's tag shows on the bill of what ECS runs, too.
      propagateTags: true,
    });
  }

  private container(props: WorkerJobProps): EcsEc2ContainerDefinition {
    const linuxParameters = new LinuxParameters(this, 'Linux', {
      // Hands SIGTERM on, and buries what Blender leaves behind.
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
      ],
      // Blender's version is the image's own to say (SPOTREEL_BLENDER_VERSION).
      environment: {
        // ECS on EC2 tells containers their credentials, but not their region.
        AWS_REGION: Aws.REGION,
        HOME: SCRATCH_FOLDER,
        TMPDIR: SCRATCH_FOLDER,
        SPOTREEL_CACHE: CACHE_FOLDER_IN_CONTAINER,
        SPOTREEL_SPOT_NOTICE: SPOT_NOTICE_IN_CONTAINER,
        SPOTREEL_STOP_SECONDS: String(FINISH_SECONDS),
        // The figure to raise where it was too little.
        SPOTREEL_MEMORY_MIB: String(props.memory.toMebibytes()),
        SPOTREEL_LOG_MIB: String(props.logSize.toMebibytes()),
        ...props.environment,
      },
      logging: LogDriver.awsLogs({ logGroup: props.logGroup, streamPrefix: props.logPrefix }),
    });
  }
}

export interface WorkerRoleProps {
  readonly bucket: IBucket;
}

/** What the worker may do: read scenes and what was rendered, write under `renders/`. */
class WorkerRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { bucket }: WorkerRoleProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'Workers: scenes in, frames and videos out',
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

export interface JobDefinitionsProps extends WorkerImagesProps {
  readonly bucket: IBucket;
  readonly attempts: number;
  readonly renderVcpus: number;
  readonly renderMemory: Size;
  readonly renderTimeout: Duration;
  /** After so long without a word or a frame a Blender counts as hung. */
  readonly hangTime: Duration;
  /** Of the log of one attempt. */
  readonly logSize: Size;
  readonly stitchVcpus: number;
  readonly stitchMemory: Size;
  readonly stitchTimeout: Duration;
  /** Whether there is a definition for machines with GPUs as well. */
  readonly gpu: boolean;
  /** Whether scenes may run their scripts. */
  readonly allowScripts: boolean;
  /** By which the stitch job reckons what the render has cost. */
  readonly machines: Machines;
  readonly logRetention: RetentionDays;
}

/** The worker's argv with a job's parameters in it: `workerArgv` as somebody who submits by hand would fill it in. */
const RENDER_COMMAND = [
  ...['render', '-i', 'Ref::input', '-o', 'Ref::output'],
  ...['-f', 'Ref::framesPerSlice', '-t', 'Ref::totalFrames'],
];
const STITCH_COMMAND = ['stitch', '-i', 'Ref::input', '-o', 'Ref::output'];

/** The worker believes this and not the manifest, which lies in the bucket. */
const scriptsEnvironment = ({ allowScripts }: JobDefinitionsProps) => ({
  ...(allowScripts && { SPOTREEL_ALLOW_SCRIPTS: '1' }),
});

/** What all job definitions share. */
type Shared = Pick<WorkerJobProps, 'executionRole' | 'jobRole' | 'logGroup' | 'logSize' | 'attempts'>;

/** What renders by one Blender. */
export interface RenderJobDefinitions {
  /** Full version; `undefined` where nobody knows. */
  readonly blenderVersion: string | undefined;
  readonly render: WorkerJob;
  /** Where the farm has GPUs: the same, with one of them. */
  readonly gpuRender?: WorkerJob;
}

/** What the farm's queues can be asked to run. Usable by hand: `aws batch submit-job --parameters input=…,output=…`. */
export class JobDefinitions extends Construct {
  /** One a Blender, the oldest first. */
  readonly renders: readonly RenderJobDefinitions[];
  /** By the newest Blender's image: it opens every scene, to mix its sound. */
  readonly stitch: WorkerJob;
  /** Of every job. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: JobDefinitionsProps) {
    super(scope, id);
    const { bucket, imageUri, blenderVersions, ocio, attempts, logSize } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const images = new WorkerImages(this, 'Images', { imageUri, blenderVersions, ocio });
    const executionRole = new Role(this, 'ExecutionRole', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'ECS on behalf of workers: the image and the log',
    });
    images.grantPull(executionRole);
    const { role: jobRole } = new WorkerRole(this, 'Worker', { bucket });
    const { logGroup } = this;
    const worker = { executionRole, jobRole, logGroup, logSize, attempts };
    this.renders = images.images.map((image) => this.renderJobs(image, worker, props));
    this.stitch = new WorkerJob(this, 'Stitch', {
      ...worker,
      image: images.newest,
      logPrefix: 'stitch',
      command: STITCH_COMMAND,
      vcpus: props.stitchVcpus,
      memory: props.stitchMemory,
      timeout: props.stitchTimeout,
      environment: { SPOTREEL_MACHINES: JSON.stringify(props.machines), ...scriptsEnvironment(props) },
    });
  }

  /** The render job definitions as Lambda and command line are told them: ARNs, which name their revision. */
  get renderDefinitions(): RenderDefinition[] {
    return this.renders.map(({ blenderVersion, render, gpuRender }) => ({
      ...(blenderVersion !== undefined && { blenderVersion }),
      jobDefinition: render.definition.jobDefinitionArn,
      ...(gpuRender && { gpuJobDefinition: gpuRender.definition.jobDefinitionArn }),
    }));
  }

  private renderJobs(image: WorkerImage, worker: Shared, props: JobDefinitionsProps): RenderJobDefinitions {
    const { blenderVersion } = image;
    const series = blenderVersion === undefined ? '' : seriesOf(blenderVersion);
    const job: WorkerJobProps = {
      ...worker,
      image,
      logPrefix: 'render',
      command: RENDER_COMMAND,
      parameters: { framesPerSlice: '1' },
      vcpus: props.renderVcpus,
      memory: props.renderMemory,
      timeout: props.renderTimeout,
      environment: {
        // Blender would count the whole machine's.
        SPOTREEL_THREADS: String(props.renderVcpus),
        SPOTREEL_HANG_SECONDS: String(props.hangTime.toSeconds()),
        ...scriptsEnvironment(props),
      },
    };
    const render = new WorkerJob(this, `Render${series}`, job);
    if (!props.gpu) return { blenderVersion, render };
    const gpuRender = new WorkerJob(this, `GpuRender${series}`, { ...job, logPrefix: 'gpu', gpus: 1 });
    return { blenderVersion, render, gpuRender };
  }
}
