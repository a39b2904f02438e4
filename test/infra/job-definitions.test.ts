import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { retryStrategy } from '../../core/jobs/batch';
import { parseWorkerArgv } from '../../core/jobs/worker';
import { WORKER_UID } from '../../lib/constructs/machines';
import { WORKER_FILES } from '../../lib/built-files';
import { runsHeavy } from '../support/heavy';
import { ROOT } from '../support/source-files';
import { expectCounts, flat, grants, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate } = synthFarm();
const MACHINES = {
  renderVcpus: 4,
  stitchVcpus: 4,
  renderMemoryMib: 14000,
  stitchMemoryMib: 7000,
  instanceTypes: ['default_x86_64'],
};
const definition = (id: string, template = farmTemplate): Definition =>
  onlyProperties(template, 'AWS::Batch::JobDefinition', `Jobs${id}`);

interface Definition {
  readonly ContainerProperties: Readonly<Record<string, unknown>> & {
    readonly Command: string[];
    readonly Environment: ReadonlyArray<{ readonly Name: string; readonly Value: unknown }>;
    readonly LogConfiguration: { readonly Options: Readonly<Record<string, unknown>> };
  };
  readonly RetryStrategy: {
    readonly Attempts: number;
    readonly EvaluateOnExit: Array<Record<string, string>>;
  };
  readonly Parameters?: Readonly<Record<string, string>>;
  readonly Timeout: unknown;
  readonly PropagateTags: boolean;
  readonly ResourceRetentionPolicy: unknown;
}

describe.each(['Render', 'Stitch'])('the %s job definition', (id) => {
  const { ContainerProperties: container, RetryStrategy: retry, ...rest } = definition(id);

  test('retries by exactly the rules of retryStrategy, in order', () => {
    const { attempts, evaluateOnExit = [] } = retryStrategy(5);
    expect(retry.Attempts).toBe(attempts);
    expect(retry.EvaluateOnExit).toEqual(
      evaluateOnExit.map((rule) =>
        Object.fromEntries(
          Object.entries(rule).map(([name, value]) => [name[0]!.toUpperCase() + name.slice(1), value]),
        ),
      ),
    );
  });

  test('retries after a reclaimed machine or a container that could not start', () => {
    expect(retry.EvaluateOnExit.length).toBeLessThanOrEqual(5);
    expect(retry.EvaluateOnExit.slice(0, 2)).toEqual([
      { Action: 'RETRY', OnStatusReason: 'Host EC2*' },
      { Action: 'RETRY', OnReason: 'Cannot*' },
    ]);
    expect(retry.EvaluateOnExit.at(-1)).toEqual({
      Action: 'EXIT',
      OnExitCode: '*',
      OnStatusReason: 'Essential container in task exited*',
    });
    expect(retry.EvaluateOnExit.slice(0, -1).every(({ Action }) => Action === 'RETRY')).toBe(true);
  });

  test('runs without privileges on a read-only root file system', () => {
    expect(container).toMatchObject({
      User: `${WORKER_UID}:${WORKER_UID}`,
      ReadonlyRootFilesystem: true,
      Privileged: false,
      LinuxParameters: { InitProcessEnabled: true, Tmpfs: [{ ContainerPath: '/tmp', Size: 64 }] },
    });
  });

  test('mounts its own volume, the machine’s cache and, read-only, the Spot notice', () => {
    expect(container.MountPoints).toEqual([
      { SourceVolume: 'scratch', ContainerPath: '/scratch', ReadOnly: false },
      { SourceVolume: 'host', ContainerPath: '/spotreel/host', ReadOnly: true },
      { SourceVolume: 'cache', ContainerPath: '/spotreel/cache', ReadOnly: false },
    ]);
    // Without a path, Docker creates one for each container.
    expect(container.Volumes).toEqual([
      { Name: 'scratch', Host: {} },
      { Name: 'host', Host: { SourcePath: '/run/spotreel' } },
      { Name: 'cache', Host: { SourcePath: '/var/lib/spotreel/cache' } },
    ]);
    expect(container.Environment).toEqual([
      { Name: 'AWS_REGION', Value: { Ref: 'AWS::Region' } },
      { Name: 'HOME', Value: '/scratch' },
      { Name: 'TMPDIR', Value: '/scratch' },
      { Name: 'SPOTREEL_CACHE', Value: '/spotreel/cache' },
      { Name: 'SPOTREEL_SPOT_NOTICE', Value: '/spotreel/host/spot-notice.json' },
      { Name: 'SPOTREEL_STOP_SECONDS', Value: '80' },
      { Name: 'SPOTREEL_MEMORY_MIB', Value: id === 'Render' ? '14000' : '7000' },
      { Name: 'SPOTREEL_LOG_MIB', Value: '64' },
      ...(id === 'Render'
        ? [
            { Name: 'SPOTREEL_THREADS', Value: '4' },
            { Name: 'SPOTREEL_HANG_SECONDS', Value: '3600' },
          ]
        : [{ Name: 'SPOTREEL_MACHINES', Value: JSON.stringify(MACHINES) }]),
    ]);
  });

  test('logs to the log group of the farm', () => {
    expect(container.LogConfiguration).toMatchObject({
      LogDriver: 'awslogs',
      Options: { 'awslogs-stream-prefix': id.toLowerCase() },
    });
    expect(flat(container.LogConfiguration.Options['awslogs-group'])).toBe('<JobsLog>');
    expect(onlyProperties(farmTemplate, 'AWS::Logs::LogGroup', 'JobsLog').RetentionInDays).toBe(30);
  });

  test('keeps its earlier revisions, which a farm uses while it is deployed', () => {
    expect(rest.ResourceRetentionPolicy).toEqual({ SkipDeregisterOnUpdate: true });
  });

  test('propagates its tags', () => {
    expect(rest.PropagateTags).toBe(true);
  });
});

test('only slices with GPUs mount the machine’s compiled kernels and know where they are', () => {
  const { farmTemplate: gpus } = synthFarm({ gpuVcpus: 16 });
  const kernelsOf = (id: string) => {
    const { Environment, ...container } = definition(id, gpus).ContainerProperties;
    const ofKernels = (list: unknown) =>
      Array.isArray(list) ? list.filter((one) => JSON.stringify(one).includes('kernels')) : [];
    return [container.MountPoints, container.Volumes, Environment].flatMap(ofKernels);
  };
  expect(kernelsOf('GpuRender52')).toEqual([
    { SourceVolume: 'kernels', ContainerPath: '/spotreel/kernels', ReadOnly: false },
    { Name: 'kernels', Host: { SourcePath: '/var/lib/spotreel/kernels' } },
    { Name: 'SPOTREEL_KERNELS', Value: '/spotreel/kernels' },
  ]);
  expect([...kernelsOf('Render52'), ...kernelsOf('Stitch')]).toEqual([]);
});

test('job definitions have the configured vCPUs, memory and time limit', () => {
  const asked = synthFarm({
    renderVcpus: 8,
    renderMemoryMib: 30_000,
    renderTimeoutMinutes: 90,
    hangMinutes: 5,
    logMiB: 16,
    stitchVcpus: 2,
    stitchMemoryMib: 3_000,
    stitchTimeoutMinutes: 10,
    attempts: 9,
  }).farmTemplate;
  const figures = (id: string, template = farmTemplate) => {
    const { ContainerProperties: container, Timeout, RetryStrategy: retry } = definition(id, template);
    const told = container.Environment.filter(({ Name }) => /_(THREADS|HANG_SECONDS|MIB)$/.test(Name));
    return {
      required: container.ResourceRequirements,
      told: told.map(({ Value }) => Value),
      Timeout,
      attempts: retry.Attempts,
    };
  };
  const required = (memory: string, vcpus: string) => [
    { Type: 'MEMORY', Value: memory },
    { Type: 'VCPU', Value: vcpus },
  ];
  expect(figures('Render')).toEqual({
    required: required('14000', '4'),
    told: ['14000', '64', '4', '3600'],
    Timeout: { AttemptDurationSeconds: 43_200 },
    attempts: 5,
  });
  expect(figures('Stitch')).toMatchObject({ Timeout: { AttemptDurationSeconds: 7_200 } });
  expect(figures('Render', asked)).toEqual({
    required: required('30000', '8'),
    told: ['30000', '16', '8', '300'],
    Timeout: { AttemptDurationSeconds: 5_400 },
    attempts: 9,
  });
  expect(figures('Stitch', asked)).toEqual({
    required: required('3000', '2'),
    told: ['3000', '16'],
    Timeout: { AttemptDurationSeconds: 600 },
    attempts: 9,
  });
});

test('the worker parses the command of a job definition with parameters filled in', () => {
  const parameters = {
    ...definition('Render').Parameters,
    input: 's3://film/uploads/my scene.blend',
    output: 's3://film/renders/by-hand/',
    totalFrames: '48',
  };
  const fillIn = (command: string[]) =>
    command.map((word) => Object.entries(parameters).find(([name]) => word === `Ref::${name}`)?.[1] ?? word);
  expect(parseWorkerArgv(fillIn(definition('Render').ContainerProperties.Command))).toEqual({
    command: 'render',
    input: parameters.input,
    output: parameters.output,
    framesPerSlice: 1,
    totalFrames: 48,
  });
  expect(parseWorkerArgv(fillIn(definition('Stitch').ContainerProperties.Command))).toEqual({
    command: 'stitch',
    input: parameters.input,
    output: parameters.output,
  });
});

test('the worker has only the permissions to read scenes and to read and write renders', () => {
  expect(grants(farmTemplate, 'JobsWorkerRole')).toEqual({
    's3:GetObject': ['<FnGetAttFilmBucketArn>/renders/*', '<FnGetAttFilmBucketArn>/uploads/*'],
    's3:PutObject': ['<FnGetAttFilmBucketArn>/renders/*'],
    's3:AbortMultipartUpload': ['<FnGetAttFilmBucketArn>/renders/*'],
    's3:DeleteObject': ['<FnGetAttFilmBucketArn>/renders/*'],
    's3:ListBucket': [
      '<FnGetAttFilmBucketArn> if {"StringLikeIfExists":{"s3:prefix":["uploads/*","renders/*"]}}',
    ],
  });
});

test('the execution role has only the permissions to pull the image and write the log', () => {
  const repository =
    'arn:<AWS::Partition>:ecr:<AWS::Region>:<AWS::AccountId>:repository/cdk-hnb659fds-container-assets-${AWS::AccountId}-${AWS::Region}';
  expect(grants(farmTemplate, 'JobsExecutionRole')).toEqual({
    'logs:CreateLogStream': ['<JobsLog.Arn>'],
    'logs:PutLogEvents': ['<JobsLog.Arn>'],
    'ecr:BatchCheckLayerAvailability': [repository],
    'ecr:BatchGetImage': [repository],
    'ecr:GetDownloadUrlForLayer': [repository],
    'ecr:GetAuthorizationToken': ['*'],
  });
});

if (runsHeavy('accounts'))
  test('images are built for x86 from container/Dockerfile, one for each Blender version', () => {
    const { app } = synthFarm({ blenderVersions: ['5.2.0', '4.5.1'] });
    const images = dockerImages(app.synth().directory);
    expect(images.map(({ source }) => source)).toEqual(
      ['4.5.1', '5.2.0'].map((version) =>
        expect.objectContaining({
          dockerBuildArgs: { BLENDER_VERSION: version },
          platform: 'linux/amd64',
        }),
      ),
    );
  });

test('each Blender version has its own image and render job definition, and the newest stitches', () => {
  const { farmTemplate: two } = synthFarm({ blenderVersions: ['5.2.0', '4.5.1'], gpuVcpus: 16 });
  const imageOf = (id: string) => JSON.stringify(definition(id, two).ContainerProperties.Image);
  expectCounts(two, { 'AWS::Batch::JobDefinition': 5 });
  expect(imageOf('Render45')).not.toBe(imageOf('Render52'));
  expect(imageOf('GpuRender45')).toBe(imageOf('Render45'));
  expect(imageOf('GpuRender52')).toBe(imageOf('Render52'));
  expect(imageOf('Stitch')).toBe(imageOf('Render52'));
});

if (runsHeavy('accounts'))
  test('a patch release of Blender keeps the ids of job definitions', () => {
    const ids = (version: string) =>
      Object.keys(
        synthFarm({ blenderVersions: [version] }).farmTemplate.findResources('AWS::Batch::JobDefinition'),
      );
    expect(ids('5.2.3')).toEqual(ids('5.2.0'));
    expect(ids('5.3.0')).not.toEqual(ids('5.2.0'));
  });

interface DockerImage {
  readonly source: unknown;
}

function dockerImages(directory: string): DockerImage[] {
  const text = readFileSync(join(directory, 'SpotreelFarm.assets.json'), 'utf8');
  const assets: { dockerImages: Record<string, DockerImage> } = JSON.parse(text);
  return Object.values(assets.dockerImages);
}

test('the setting imageUri is used unchanged, and ECS may pull it from a private repository', () => {
  const anywhere = synthFarm({ imageUri: 'docker.io/studio/worker:7' });
  expect(definition('Render', anywhere.farmTemplate).ContainerProperties.Image).toBe(
    'docker.io/studio/worker:7',
  );
  expect(dockerImages(anywhere.app.synth().directory)).toEqual([]);
  expect(grants(anywhere.farmTemplate, 'JobsExecutionRole')['ecr:BatchGetImage']).toBeUndefined();
  const imageUri = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/studio/worker@sha256:0123';
  expect(grants(synthFarm({ imageUri }).farmTemplate, 'JobsExecutionRole')).toMatchObject({
    'ecr:BatchGetImage': ['arn:aws:ecr:eu-west-1:123456789012:repository/studio/worker'],
    'ecr:GetAuthorizationToken': ['*'],
  });
});

if (runsHeavy('accounts'))
  test('the setting imageUri with {version} gives one image for each Blender version', () => {
    const { farmTemplate: two } = synthFarm({
      imageUri: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/blender-{version}:studio-{version}',
      blenderVersions: ['5.2.0', '4.5.1'],
    });
    const uri = (version: string) =>
      `123456789012.dkr.ecr.eu-west-1.amazonaws.com/blender-${version}:studio-${version}`;
    const images = ['Render45', 'Render52', 'Stitch'].map(
      (id) => definition(id, two).ContainerProperties.Image,
    );
    expect(images).toEqual([uri('4.5.1'), uri('5.2.0'), uri('5.2.0')]);
    expect(grants(two, 'JobsExecutionRole')).toMatchObject({
      'ecr:BatchGetImage': ['4.5.1', '5.2.0'].map(
        (version) => `arn:aws:ecr:eu-west-1:123456789012:repository/blender-${version}`,
      ),
      'ecr:GetAuthorizationToken': ['*'],
    });
  });

describe('container/Dockerfile', () => {
  const dockerfile = readFileSync(join(ROOT, 'container/Dockerfile'), 'utf8');

  test('has the user of job definitions and firewall, who owns the scratch volume', () => {
    expect(dockerfile).toContain(`useradd --uid ${WORKER_UID} --gid ${WORKER_UID}`);
    expect(dockerfile).toMatch(new RegExp(`^USER ${WORKER_UID}:${WORKER_UID}$`, 'm'));
    expect(dockerfile).toContain('chown worker:worker /scratch');
  });

  test('copies all files of the worker', () => {
    const copied = /^COPY (.*) \/opt\/spotreel\/$/m.exec(dockerfile)?.[1]?.split(' ');
    expect(copied?.toSorted()).toEqual(['*.pl', '*.py', 'aws-s3.js', 'aws.js', 'worker.js']);
    expect(WORKER_FILES).toEqual(
      expect.arrayContaining(['aws-s3.js', 'render_frames.py', 'sandbox.pl', 'supervise.pl']),
    );
  });

  test('starts the worker', () => {
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "\/opt\/spotreel\/worker\.js"\]$/m);
  });
});

test('the render jobs of a farm with persistentData have its value as their default', () => {
  const { farmTemplate: template } = synthFarm({ persistentData: 'off' });
  expect(definition('Render', template).ContainerProperties.Environment).toContainEqual({
    Name: 'SPOTREEL_PERSISTENT_DATA',
    Value: 'off',
  });
});

test('the jobs of a farm without persistentData leave the choice to the worker', () => {
  expect(JSON.stringify(farmTemplate.toJSON())).not.toContain('SPOTREEL_PERSISTENT_DATA');
});
