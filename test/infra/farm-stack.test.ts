import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { farmDescriptionSchema } from '../../core/jobs/farm';
import { ROOT } from '../support/source-files';
import { allProperties, expectCounts, flat, grants, onlyProperties, synthFarm } from './synth-farm';

const { farmTemplate, storageTemplate } = synthFarm({ farmName: 'studio' });

test('the farm parameter has everything that the command line reads', () => {
  const { Name, Value } = onlyProperties(farmTemplate, 'AWS::SSM::Parameter');
  expect(Name).toBe('/spotreel/studio');
  expect(farmDescriptionSchema.parse(JSON.parse(flat(Value)))).toEqual({
    version: 1,
    name: 'studio',
    region: '<AWS::Region>',
    bucket: '<RefFilmBucket>',
    uploadPrefix: 'uploads/',
    outputPrefix: 'renders/',
    capPrefix: 'caps/',
    jobQueue: '<ComputeQueue.JobQueueArn>',
    renderDefinitions: [{ blenderVersion: '5.2.3', jobDefinition: '<JobsRender52Definition>' }],
    stitchJobDefinition: '<JobsStitchDefinition>',
    parallel: 64,
    machines: {
      renderVcpus: 4,
      stitchVcpus: 4,
      renderMemoryMib: 14000,
      stitchMemoryMib: 7000,
      instanceTypes: ['default_x86_64'],
    },
    logGroup: '<JobsLog>',
    topicArn: '<NoticesTopic>',
  });
});

test('the farm parameter has no Blender version for a given image', () => {
  const { Value } = onlyProperties(
    synthFarm({ imageUri: 'example.org/spotreel:1', blenderVersions: ['4.5.0', '5.2.0'] }).farmTemplate,
    'AWS::SSM::Parameter',
  );
  expect(farmDescriptionSchema.parse(JSON.parse(flat(Value))).renderDefinitions).toEqual([
    { jobDefinition: '<JobsRenderDefinition>' },
  ]);
});

test('the farm parameter names the GPU queue if the farm has GPUs', () => {
  const settings = { gpuVcpus: 16, blenderVersions: ['4.5.0', '5.2.0'] };
  const { Value } = onlyProperties(synthFarm(settings).farmTemplate, 'AWS::SSM::Parameter');
  expect(farmDescriptionSchema.parse(JSON.parse(flat(Value)))).toMatchObject({
    renderDefinitions: ['4.5.0', '5.2.0'].map((blenderVersion) => {
      const series = blenderVersion.replaceAll('.', '').slice(0, 2);
      return {
        blenderVersion,
        jobDefinition: `<JobsRender${series}Definition>`,
        gpuJobDefinition: `<JobsGpuRender${series}Definition>`,
      };
    }),
    gpu: { jobQueue: '<ComputeGpuQueue.JobQueueArn>', parallel: 4 },
    machines: { gpuInstanceTypes: ['g4dn', 'g5', 'g6'] },
  });
});

test('the farm parameter of an earlier version is readable', () => {
  const { Value } = onlyProperties(farmTemplate, 'AWS::SSM::Parameter');
  const { machines, ...before } = JSON.parse(flat(Value));
  expect(machines).toBeDefined();
  expect(farmDescriptionSchema.safeParse(before).success).toBe(true);
});

test('the farm parameter names the On-Demand queue and its number of slices', () => {
  const { Value } = onlyProperties(synthFarm({ onDemandVcpus: 9 }).farmTemplate, 'AWS::SSM::Parameter');
  expect(farmDescriptionSchema.parse(JSON.parse(flat(Value)))).toMatchObject({
    onDemand: { jobQueue: '<ComputeOnDemandQueue.JobQueueArn>', parallel: 2 },
  });
});

test('the stack outputs say where to upload a scene', () => {
  const { UploadTo } = storageTemplate.findOutputs('UploadTo');
  expect(flat(UploadTo?.Value)).toBe('s3://<FilmBucket>/uploads/');
});

test('an idle farm has no NAT gateway, fixed address, key, secret or provisioned Lambda that costs money', () => {
  for (const type of [
    'AWS::EC2::NatGateway',
    'AWS::EC2::EIP',
    'AWS::KMS::Key',
    'AWS::SecretsManager::Secret',
  ]) {
    expectCounts(farmTemplate, { [type]: 0 });
    expectCounts(storageTemplate, { [type]: 0 });
  }
  expect(JSON.stringify(farmTemplate.toJSON())).not.toContain('ProvisionedConcurrency');
});

test('the role of machines allows only the calls of the ECS agent', () => {
  expect(Object.keys(grants(farmTemplate, 'MachineRole')).toSorted()).toEqual([
    'ecs:DeregisterContainerInstance',
    'ecs:DiscoverPollEndpoint',
    'ecs:Poll',
    'ecs:RegisterContainerInstance',
    'ecs:StartTelemetrySession',
    'ecs:SubmitAttachmentStateChanges',
    'ecs:SubmitContainerStateChange',
    'ecs:SubmitTaskStateChange',
    'ecs:TagResource',
    'ecs:UpdateContainerInstancesState',
  ]);
});

test('no role has a managed policy of AWS', () => {
  const roles = allProperties(farmTemplate, 'AWS::IAM::Role');
  expect(roles.filter(({ properties }) => properties.ManagedPolicyArns !== undefined)).toEqual([]);
});

test('synth fails on a wrong setting with one plain message', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/tsx/dist/cli.mjs'), join(ROOT, 'bin/app.ts')],
    { env: { PATH: process.env.PATH, SPOTREEL_ATTEMPTS: '11' }, encoding: 'utf8' },
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^wrong settings; .*:\n {2}SPOTREEL_ATTEMPTS \(attempts\) is 11: must be an integer from 1 to 10\n$/,
  );
});
