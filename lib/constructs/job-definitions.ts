import { RemovalPolicy, type Duration, type Size } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Machines } from '../../core/contract/machines';
import type { RenderDefinition } from '../../core/contract/render-definitions';
import type { WorkerImage } from './worker-image';
import { seriesOf, WorkerImages, type WorkerImagesProps } from './worker-images';
import { WorkerJob, type WorkerJobProps } from './worker-job';
import { WorkerRole } from './worker-role';

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
export interface RenderJobs {
  /** Full version; `undefined` where nobody knows. */
  readonly blenderVersion: string | undefined;
  readonly render: WorkerJob;
  /** Where the farm has GPUs: the same, with one of them. */
  readonly gpuRender?: WorkerJob;
}

/** What the farm's queues can be asked to run. Usable by hand: `aws batch submit-job --parameters input=…,output=…`. */
export class JobDefinitions extends Construct {
  /** One a Blender, the oldest first. */
  readonly renders: readonly RenderJobs[];
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

  private renderJobs(image: WorkerImage, worker: Shared, props: JobDefinitionsProps): RenderJobs {
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
