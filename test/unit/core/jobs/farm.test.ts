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
])('chooseDefinition renders a file of 4.2 on a farm with %j by %s', (versions, chosen) => {
  const farm = withBlenders(...versions);
  expect(chooseDefinition(file, farm).blenderVersion).toBe(chosen);
  expect(targetFaults(scene, { ...farmOf(), ...farm }, 'farm')).toEqual([]);
});

test('chooseDefinition takes an unknown Blender if no known one suits', () => {
  const unknown = { jobDefinition: 'given' };
  const { renderDefinitions } = withBlenders('4.1.0');
  expect(chooseDefinition(file, { renderDefinitions: [unknown] })).toBe(unknown);
  const both = { renderDefinitions: [...renderDefinitions, unknown] };
  expect(chooseDefinition(file, both)).toBe(unknown);
  expect(targetFaults(scene, { ...farmOf(), ...both }, 'farm')).toEqual([]);
});

test('the fault of a farm with older Blenders names them, and the newest can be forced', () => {
  const farm = withBlenders('4.1.0', '3.6.9', '4.0.2');
  expect(targetFaults(scene, { ...farmOf(), ...farm }, 'farm')).toEqual([
    expect.objectContaining({
      code: 'blender-too-old',
      message: expect.stringContaining('the farm has Blender 3.6, 4.0 and 4.1;'),
    }),
  ]);
  expect(chooseDefinition(file, farm).blenderVersion).toBe('4.1.0');
});

test('chooseDefinition keeps to the Blender of the plan', () => {
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

  test.each<RenderOptions>([{}, { device: 'CPU' }])(
    'with %j send both jobs to the usual queue',
    (options) => {
      const wanted = { ...file, options };
      const render = { jobQueue: 'queue', jobDefinition: 'render' };
      expect(chooseTargets(wanted, withGpus)).toEqual({ render, stitch });
      expect(targetFaults({ ...scene, options }, without, 'farm')).toEqual([]);
    },
  );

  test('send only the render job to the GPU queue', () => {
    const options = { device: 'GPU' } as const;
    expect(chooseTargets({ ...file, options }, withGpus)).toEqual({
      render: { jobQueue: 'gpu queue', jobDefinition: 'gpu render' },
      stitch,
    });
    expect(targetFaults({ ...scene, options }, withGpus, 'farm')).toEqual([]);
  });

  test('refuse a GPU on a farm without GPUs, even with force', () => {
    const options = { device: 'GPU', force: true } as const;
    const fault = expect.objectContaining({
      code: 'no-gpu',
      kind: 'usage',
      message: expect.stringContaining('the setting gpuVcpus'),
    });
    expect(targetFaults({ ...scene, options }, without, 'farm')).toEqual([fault]);
    expect(() => chooseTargets({ ...file, options }, without)).toThrow(fault);
  });

  test('decide the number of slices by what their queue can render at once', async () => {
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

  test('make each job be looked up in its own queue after a lost answer', async () => {
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

test('submitRender accepts a scene that is newer than the Blender with force', async () => {
  const { services, request } = await setUpSubmit();
  const checked = { ...services, ...withBlenders('3.3.0') };
  await expect(submitRender(request, checked)).rejects.toMatchObject({ code: 'blender-too-old' });
  const forced = { ...request, options: { ...request.options, force: true as const } };
  const first = await submitRender(forced, checked);
  expect(first.manifest.findings?.[0]).toMatchObject({ code: 'blender-too-old', severity: 'warning' });
  // And again, now with its manifest.
  expect((await submitRender(forced, checked)).jobs).toEqual(first.jobs);
});

describe('a farm with another Blender', () => {
  const before = withBlenders('5.2.0');
  const after = withBlenders('4.5.1', '5.2.0');

  test('has the same render and jobs for the same upload', async () => {
    const { batch, services, request } = await setUpSubmit();
    const first = await submitRender(request, { ...services, ...before });
    expect(await submitRender(request, { ...services, ...after })).toEqual(first);
    expect(batch.jobs).toHaveLength(2);
  });

  test('renders missing frames by the Blender of the first frames', async () => {
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

  test('renders missing frames by another Blender if the first is gone', async () => {
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

  test.each([undefined, false])(
    'are refused by a farm whose setting is %s, even with force',
    (allowsScripts) => {
      const targets = { ...farmOf('5.2.0'), allowsScripts };
      expect(targetFaults({ ...scene, options }, targets, 'farm')).toEqual([fault]);
      expect(() => refuseTargets({ ...scene, options }, targets, 'farm')).toThrow(fault);
    },
  );

  test('are optional on a farm that allows them', () => {
    const targets = { ...farmOf('5.2.0'), allowsScripts: true };
    for (const asked of [options, {}])
      expect(targetFaults({ ...scene, options: asked }, targets, 'farm')).toEqual([]);
  });
});
