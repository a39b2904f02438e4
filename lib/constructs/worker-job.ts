import { Aws, Size, type Duration } from 'aws-cdk-lib';
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
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { retryStrategy } from '../../core/contract/retry-strategy';
import { FINISH_SECONDS } from './stop-time';
import type { WorkerImage } from './worker-image';
import {
  CACHE_FOLDER,
  CACHE_FOLDER_IN_CONTAINER,
  HOST_FOLDER,
  HOST_FOLDER_IN_CONTAINER,
  SCRATCH_FOLDER,
  SPOT_NOTICE_IN_CONTAINER,
  TMP_FOLDER,
  WORKER_UID,
} from './worker-user';

export interface WorkerJobProps {
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
export class WorkerJob extends Construct {
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
