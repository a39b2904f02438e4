import fc from 'fast-check';
import { SpotreelError } from '../../../../core/errors';
import {
  chooseDefinition,
  chooseTargets,
  type JobTargets,
  refuseTargets,
  targetFaults,
} from '../../../../core/jobs/farm';
import { submitRender } from '../../../../core/jobs/submit';
import type { RenderOptions } from '../../../../core/render/options';
import { setUpSubmit, withBlenders } from '../../../support/submit-scene';

const file = { blenderVersion: { major: 4, minor: 2 } };
const scene = { ...file, options: {}, source: { url: 's3://films/shot.blend' } };
const farmOf = (...versions: string[]): JobTargets => ({
  ...withBlenders(...versions),
  jobQueue: 'queue',
  parallel: 8,
  stitchDefinition: 'stitch',
});

test.each([
  [['3.6.9', '4.2.0', '4.5.1', '5.2.0'], '4.2.0'],
  [['5.2.0', '4.10.0', '4.3.2'], '4.3.2'],
  [['4.1.0', '5.2.0'], '5.2.0'],
])('a file of 4.2 on a farm with %j is rendered by %s', (versions, chosen) => {
  const farm = withBlenders(...versions);
  expect(chooseDefinition(file, farm).blenderVersion).toBe(chosen);
  expect(targetFaults(scene, { ...farmOf(), ...farm }, 'farm')).toEqual([]);
});

test('a Blender that nobody knows is taken to suit where none is known to', () => {
  const unknown = { jobDefinition: 'given' };
  const { renderDefinitions } = withBlenders('4.1.0');
  expect(chooseDefinition(file, { renderDefinitions: [unknown] })).toBe(unknown);
  const both = { renderDefinitions: [...renderDefinitions, unknown] };
  expect(chooseDefinition(file, both)).toBe(unknown);
  expect(targetFaults(scene, { ...farmOf(), ...both }, 'farm')).toEqual([]);
});

test('with none that suits, it is said which there are, and the newest is what can be forced', () => {
  const farm = withBlenders('4.1.0', '3.6.9', '4.0.2');
  expect(targetFaults(scene, { ...farmOf(), ...farm }, 'farm')).toEqual([
    expect.objectContaining({
      code: 'blender-too-old',
      message: expect.stringContaining('the farm has Blender 3.6, 4.0 and 4.1;'),
    }),
  ]);
  expect(chooseDefinition(file, farm).blenderVersion).toBe('4.1.0');
});

test('what a plan names is kept to, whatever else there is', () => {
  const versions = ['4.2.0', '4.5.1', '5.0.0', '5.2.3'];
  const law = fc.property(fc.shuffledSubarray(versions, { minLength: 1 }), (some) => {
    const planned = some[0]!.replace(/\d+$/, '9');
    const chosen = chooseDefinition({ ...file, renderBlenderVersion: planned }, withBlenders(...some));
    return chosen.blenderVersion === some[0];
  });
  expect(fc.check(law)).toMatchObject({ failed: false });
});

describe('devices', () => {
  const without = farmOf('5.2.0');
  const withGpus: JobTargets = {
    ...without,
    gpu: { jobQueue: 'gpu queue', parallel: 3 },
    renderDefinitions: [{ jobDefinition: 'render', gpuJobDefinition: 'gpu render' }],
  };
  const stitch = { jobQueue: 'queue', jobDefinition: 'stitch' };

  test.each<RenderOptions>([{}, { device: 'CPU' }])('with %j both jobs go to the queue', (options) => {
    const wanted = { ...file, options };
    const render = { jobQueue: 'queue', jobDefinition: 'render' };
    expect(chooseTargets(wanted, withGpus)).toEqual({ render, stitch });
    expect(targetFaults({ ...scene, options }, without, 'farm')).toEqual([]);
  });

  test('a GPU is for the render job alone', () => {
    const options = { device: 'GPU' } as const;
    expect(chooseTargets({ ...file, options }, withGpus)).toEqual({
      render: { jobQueue: 'gpu queue', jobDefinition: 'gpu render' },
      stitch,
    });
    expect(targetFaults({ ...scene, options }, withGpus, 'farm')).toEqual([]);
  });

  test('no farm without GPUs renders by one: not even by force', () => {
    const options = { device: 'GPU', force: true } as const;
    const fault = expect.objectContaining({
      code: 'no-gpu',
      kind: 'usage',
      message: expect.stringContaining('the setting gpuVcpus'),
    });
    expect(targetFaults({ ...scene, options }, without, 'farm')).toEqual([fault]);
    expect(() => chooseTargets({ ...file, options }, without)).toThrow(fault);
  });

  test('the plan’s slices are as many as the queue that it goes to can render at once', async () => {
    const { services, request } = await setUpSubmit();
    const slices = async (options: RenderOptions) =>
      (
        await submitRender(
          { ...request, options: { frames: '1-6', ...options } },
          { ...services, ...withGpus },
        )
      ).manifest.sliceCount;
    expect(await slices({ device: 'GPU' })).toBe(3);
    expect(await slices({ device: 'CPU' })).toBe(6);
  });

  test('after a lost answer, each job is looked for in its own queue', async () => {
    const { batch, services, request } = await setUpSubmit();
    const gpu = { ...request, options: { device: 'GPU' } as const };
    batch.fault = (call, when) => {
      if (call === 'submitJob' && when === 'after' && batch.jobs.length === 2) {
        throw new SpotreelError('batch-unavailable', 'passing', 'no answer');
      }
    };
    await expect(submitRender(gpu, { ...services, ...withGpus })).rejects.toThrow('no answer');
    batch.fault = () => undefined;
    const { jobs } = await submitRender(gpu, { ...services, ...withGpus });
    expect(batch.jobs.map(({ jobId, request: { jobQueue } }) => [jobId, jobQueue])).toEqual([
      [jobs.render.jobId, 'gpu queue'],
      [jobs.stitch.jobId, 'queue'],
    ]);
  });
});

test('a scene newer than the Blender there is rendered by force', async () => {
  const { services, request } = await setUpSubmit();
  const checked = { ...services, ...withBlenders('3.3.0') };
  await expect(submitRender(request, checked)).rejects.toMatchObject({ code: 'blender-too-old' });
  const forced = { ...request, options: { ...request.options, force: true as const } };
  const first = await submitRender(forced, checked);
  expect(first.manifest.findings?.[0]).toMatchObject({ code: 'blender-too-old', severity: 'warning' });
  // And again, now that its manifest is there.
  expect((await submitRender(forced, checked)).jobs).toEqual(first.jobs);
});

describe('a farm that gets another Blender', () => {
  const before = withBlenders('5.2.0');
  const after = withBlenders('4.5.1', '5.2.0');

  test('has the same render for the same upload, and the same jobs', async () => {
    const { batch, services, request } = await setUpSubmit();
    const first = await submitRender(request, { ...services, ...before });
    expect(await submitRender(request, { ...services, ...after })).toEqual(first);
    expect(batch.jobs).toHaveLength(2);
  });

  test('renders what a render still lacks by the Blender that it was begun with', async () => {
    const { batch, services, request } = await setUpSubmit();
    const { manifest } = await submitRender(request, { ...services, ...before });
    expect(manifest.renderBlenderVersion).toBe('5.2.0');
    for (const job of batch.jobs) job.status = 'FAILED';
    await submitRender({ ...request, reuse: 'unfailed' }, { ...services, ...after });
    expect(batch.jobs.map(({ request: { jobDefinition } }) => jobDefinition)).toEqual([
      'render 5.2.0',
      'stitch',
      'render 5.2.0',
      'stitch',
    ]);
  });

  test('renders by another where that one is gone', async () => {
    const { batch, services, request } = await setUpSubmit();
    await submitRender(request, { ...services, ...before });
    for (const job of batch.jobs) job.status = 'FAILED';
    await submitRender({ ...request, reuse: 'unfailed' }, { ...services, ...withBlenders('3.6.9', '4.5.1') });
    expect(batch.jobs[2]?.request.jobDefinition).toBe('render 3.6.9');
  });
});

describe('scripts', () => {
  const options = { allowScripts: true, force: true } as const;
  const fault = expect.objectContaining({
    code: 'scripts-refused',
    kind: 'usage',
    message: expect.stringContaining('the setting allowScripts: true'),
  });

  test.each([undefined, false])('a farm whose setting is %s refuses them, also by force', (allowsScripts) => {
    const targets = { ...farmOf('5.2.0'), allowsScripts };
    expect(targetFaults({ ...scene, options }, targets, 'farm')).toEqual([fault]);
    expect(() => refuseTargets({ ...scene, options }, targets, 'farm')).toThrow(fault);
  });

  test('a farm that allows them takes scenes with and without them', () => {
    const targets = { ...farmOf('5.2.0'), allowsScripts: true };
    for (const asked of [options, {}])
      expect(targetFaults({ ...scene, options: asked }, targets, 'farm')).toEqual([]);
  });
});
