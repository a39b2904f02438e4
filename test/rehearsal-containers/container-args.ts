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
 * The arguments of `podman` for a container like the one that ECS starts by Docker, by the documentation:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
 */
export function containerArgs(run: ContainerRun): string[] {
  const { properties, environment } = run;
  const { linuxParameters, user, readonlyRootFilesystem } = properties;
  const own = Object.fromEntries(properties.environment.map(({ name, value }) => [name, value]));
  const settings = Object.entries({ ...own, ...environment }).map(([name, value]) => `${name}=${value}`);
  return [
    // podman 4.3 asks systemd for a timer even for `HEALTHCHECK NONE`. Its own tmpfs on /run and elsewhere is not ECS's.
    ...[
      'run',
      '--rm',
      '--name',
      run.name,
      '--label',
      run.machine,
      '--no-healthcheck',
      '--read-only-tmpfs=false',
    ],
    ...['--user', user, ...(readonlyRootFilesystem ? ['--read-only'] : [])],
    // Debian has it in another place than podman expects.
    ...(linuxParameters.initProcessEnabled ? ['--init', '--init-path', '/usr/bin/catatonit'] : []),
    ...linuxParameters.tmpfs.flatMap(tmpfsArgs),
    ...properties.mountPoints.flatMap((point) => volumeArgs(point, properties, run.machine)),
    ...Object.entries(run.shown ?? {}).flatMap(([here, there]) => ['--volume', `${here}:${there}:ro`]),
    ...properties.resourceRequirements.flatMap((one) =>
      resourceArgs(one.type === 'MEMORY' && run.memoryMib ? { ...one, value: String(run.memoryMib) } : one),
    ),
    ...settings.flatMap((setting) => ['--env', setting]),
    run.image,
    ...run.command,
  ];
}

type LinuxParameters = ContainerProperties['linuxParameters'];

function tmpfsArgs({ containerPath, size, mountOptions = [] }: LinuxParameters['tmpfs'][number]): string[] {
  return ['--tmpfs', `${containerPath}:${[`size=${size}m`, ...mountOptions].join(',')}`];
}

function volumeArgs(
  { sourceVolume, containerPath, readOnly }: ContainerProperties['mountPoints'][number],
  { volumes }: ContainerProperties,
  machine: string,
): string[] {
  const volume = volumes.find(({ name }) => name === sourceVolume);
  if (!volume) throw new Error(`the job definition has no volume ${sourceVolume}`);
  const source = volume.host?.sourcePath;
  // Without a path of the host it is created and deleted with the container.
  const mount = source === undefined ? containerPath : `${machine}${source}:${containerPath}`;
  return ['--volume', source !== undefined && readOnly ? `${mount}:ro` : mount];
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
