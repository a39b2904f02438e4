import { z } from 'zod';

const settingSchema = z.strictObject({ name: z.string(), value: z.string() });

/**
 * A job definition's container, as far as Spotreel's own go. Strict: settings that this fake does not support are refused.
 * https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html
 */
export const containerPropertiesSchema = z.strictObject({
  image: z.string(),
  command: z.array(z.string()),
  user: z.string(),
  privileged: z.literal(false),
  readonlyRootFilesystem: z.boolean(),
  environment: z.array(settingSchema),
  resourceRequirements: z.array(
    z.strictObject({ type: z.enum(['MEMORY', 'VCPU']), value: z.string().regex(/^\d+$/) }),
  ),
  linuxParameters: z.strictObject({
    initProcessEnabled: z.boolean(),
    tmpfs: z.array(
      z.strictObject({
        containerPath: z.string(),
        size: z.number(),
        mountOptions: z.array(z.string()).optional(),
      }),
    ),
    devices: z.array(z.never()).optional(),
  }),
  volumes: z.array(
    z.strictObject({
      name: z.string(),
      host: z.strictObject({ sourcePath: z.string().optional() }).optional(),
    }),
  ),
  mountPoints: z.array(
    z.strictObject({ sourceVolume: z.string(), containerPath: z.string(), readOnly: z.boolean() }),
  ),
  jobRoleArn: z.string(),
  // ECS's settings that a container does not see.
  executionRoleArn: z.string(),
  logConfiguration: z.unknown(),
});

export type ContainerProperties = z.infer<typeof containerPropertiesSchema>;

/** One container to run. */
export interface ContainerRun {
  readonly name: string;
  /** The image's id here. */
  readonly image: string;
  readonly properties: ContainerProperties;
  /** Without `Ref::`. */
  readonly command: readonly string[];
  /** The variables that Batch and ECS add to the definition's environment; they win. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder that plays the machine's root: `/run/spotreel` of the definition is below it. Labels its containers. */
  readonly machine: string;
  /** More folders and files of this machine, read-only: path here → path in the container. */
  readonly shown?: Readonly<Record<string, string>>;
  /** In place of the definition's. */
  readonly memoryMib?: number | undefined;
}

/**
 * The arguments of `docker` for a container like the one that ECS starts by Docker, by the documentation:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
 */
export function containerArgs(run: ContainerRun): string[] {
  const { properties, environment } = run;
  const { linuxParameters, user, readonlyRootFilesystem } = properties;
  const own = Object.fromEntries(properties.environment.map(({ name, value }) => [name, value]));
  const settings = Object.entries({ ...own, ...environment }).map(([name, value]) => `${name}=${value}`);
  return [
    ...['run', '--rm', '--name', run.name, '--label', run.machine],
    // As AWS Batch does: https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html
    ...['--network', 'host'],
    ...['--user', user, ...(readonlyRootFilesystem ? ['--read-only'] : [])],
    ...(linuxParameters.initProcessEnabled ? ['--init'] : []),
    ...linuxParameters.tmpfs.flatMap(tmpfsArgs),
    ...properties.mountPoints.flatMap((point) => volumeArgs(point, run)),
    ...Object.entries(run.shown ?? {}).flatMap(([here, there]) => ['--volume', `${here}:${there}:ro`]),
    ...properties.resourceRequirements.flatMap((one) =>
      resourceArgs(one.type === 'MEMORY' && run.memoryMib ? { ...one, value: String(run.memoryMib) } : one),
    ),
    ...settings.flatMap((setting) => ['--env', setting]),
    run.image,
    ...run.command,
  ];
}

/**
 * The names of the Docker volumes that a container needs: one for each volume without a path of the host. The ECS agent
 * creates them before the container and removes them after it (`initializeDockerLocalVolumes` in its task.go).
 */
export function volumeNames({ name, properties }: ContainerRun): string[] {
  return properties.volumes
    .filter(({ host }) => host?.sourcePath === undefined)
    .map((volume) => `${name}-${volume.name}`);
}

type LinuxParameters = ContainerProperties['linuxParameters'];

function tmpfsArgs({ containerPath, size, mountOptions = [] }: LinuxParameters['tmpfs'][number]): string[] {
  return ['--tmpfs', `${containerPath}:${[`size=${size}m`, ...mountOptions].join(',')}`];
}

function volumeArgs(
  { sourceVolume, containerPath, readOnly }: ContainerProperties['mountPoints'][number],
  { name, properties, machine }: ContainerRun,
): string[] {
  const volume = properties.volumes.find((one) => one.name === sourceVolume);
  if (!volume) throw new Error(`the job definition has no volume ${sourceVolume}`);
  const path = volume.host?.sourcePath;
  const source = path === undefined ? `${name}-${sourceVolume}` : `${machine}${path}`;
  return ['--volume', `${source}:${containerPath}${readOnly ? ':ro' : ''}`];
}

function resourceArgs({ type, value }: ContainerProperties['resourceRequirements'][number]): string[] {
  // A hard limit of memory, and shares of the processor: 1024 a vCPU.
  return type === 'MEMORY' ? ['--memory', `${value}m`] : ['--cpu-shares', String(Number(value) * 1024)];
}

/** `Ref::name` replaced by the job's parameter of that name. */
export function fillIn(command: readonly string[], parameters: Readonly<Record<string, string>>): string[] {
  return command.map((argument) => {
    if (!argument.startsWith('Ref::')) return argument;
    const value = parameters[argument.slice('Ref::'.length)];
    if (value === undefined) throw new Error(`the job has no parameter for ${argument}`);
    return value;
  });
}
