import { RemovalPolicy, type Duration, type Size } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { WorkerImage, type WorkerImageProps } from './worker-image';
import { WorkerJob, type WorkerProps } from './worker-job';
import { WorkerRole } from './worker-role';

export interface JobDefinitionsProps extends WorkerImageProps {
  readonly bucket: IBucket;
  readonly attempts: number;
  readonly renderVcpus: number;
  readonly renderMemory: Size;
  readonly renderTimeout: Duration;
  readonly stitchVcpus: number;
  readonly stitchMemory: Size;
  readonly stitchTimeout: Duration;
  /** Whether there is a definition for machines with GPUs as well. */
  readonly gpu: boolean;
  readonly logRetention: RetentionDays;
}

/** The worker's argv with a job's parameters in it: `workerArgv` as somebody who submits by hand would fill it in. */
const RENDER_COMMAND = [
  ...['render', '-i', 'Ref::input', '-o', 'Ref::output'],
  ...['-f', 'Ref::framesPerSlice', '-t', 'Ref::totalFrames'],
];
const STITCH_COMMAND = ['stitch', '-i', 'Ref::input', '-o', 'Ref::output'];

/** What the farm's queue can be asked to run. Usable by hand: `aws batch submit-job --parameters input=…,output=…`. */
export class JobDefinitions extends Construct {
  readonly render: WorkerJob;
  readonly stitch: WorkerJob;
  /** Where the farm has GPUs: the same as `render`, with one of them. */
  readonly gpuRender?: WorkerJob;
  /** Of every job. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: JobDefinitionsProps) {
    super(scope, id);
    const { bucket, renderVcpus, renderMemory, renderTimeout, imageUri, blenderVersion } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const image = new WorkerImage(this, 'Image', { imageUri, blenderVersion });
    const executionRole = new Role(this, 'ExecutionRole', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'ECS on behalf of workers: the image and the log',
    });
    image.grantPull(executionRole);
    const { role: jobRole } = new WorkerRole(this, 'Worker', { bucket });
    const { logGroup } = this;
    const worker: WorkerProps = { image, executionRole, jobRole, logGroup, attempts: props.attempts };
    const render = {
      ...worker,
      logPrefix: 'render',
      command: RENDER_COMMAND,
      parameters: { framesPerSlice: '1' },
      vcpus: renderVcpus,
      memory: renderMemory,
      timeout: renderTimeout,
    };
    this.render = new WorkerJob(this, 'Render', render);
    this.stitch = new WorkerJob(this, 'Stitch', {
      ...worker,
      logPrefix: 'stitch',
      command: STITCH_COMMAND,
      vcpus: props.stitchVcpus,
      memory: props.stitchMemory,
      timeout: props.stitchTimeout,
    });
    if (props.gpu)
      this.gpuRender = new WorkerJob(this, 'GpuRender', { ...render, logPrefix: 'gpu', gpus: 1 });
  }
}
