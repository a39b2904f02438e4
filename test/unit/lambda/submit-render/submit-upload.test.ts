import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { awsError } from '../../../../core/aws-error';
import { SpotreelError } from '../../../../core/errors';
import { asciiName } from '../../../../core/render/keys';
import { Render } from '../../../../core/render/render';
import { childUrl } from '../../../../core/storage/storage';
import { secondsToNextDelivery } from '../../../../lambda/submit-render/submit-upload';
import { objectCreated } from '../../../support/aws-events';
import { sceneWithCameras } from '../../../support/camera-scene';
import { FaultyProcess } from '../../../support/faulty-calls';
import { SCENE, UploadWorld } from '../../../support/upload-world';

describe('an upload becomes a render', () => {
  test.each([
    ['uploads/shot.blend', /^shot-[0-9a-f]{8}$/],
    ['uploads/my shot.blend', /^my-shot-/],
    ['uploads/my+shot.blend', /^my-shot-/],
    ['uploads/a%20b%2B.blend', /^a-20b-2B-/],
    ['uploads/Übung 映画🎬.blend', /^Übung-映画-[0-9a-f]{8}$/],
    ['uploads/my film/Shot 1.BLEND', /^Shot-1-/],
  ])('%s', async (key, renderId) => {
    const world = new UploadWorld();
    expect(await world.deliver(await world.upload(key))).toBe(true);
    const [render] = world.batch.jobs;
    expect(render?.request.containerOverrides?.command).toContain(`memory://films/${key}`);
    const keys = await world.keys();
    const id = keys.map((one) => one.split('/')[1]!).find((part) => renderId.test(part));
    expect(render?.request.jobName).toBe(`${asciiName(id!)}_Rendering`);
    expect(keys).toEqual([`renders/${id}/jobs.json`, `renders/${id}/manifest.json`, key].toSorted());
    expect(world.notifications).toEqual([]);
  });

  test('with the options in its metadata', async () => {
    const world = new UploadWorld();
    const metadata = { frames: '1-10', 'frames-per-slice': '3', name: 'Take-2', 'somebody-elses': 'x' };
    await world.deliver(await world.upload('uploads/shot.blend', metadata));
    expect(world.jobNames()).toEqual(['Take-2_Rendering', 'Take-2_Stitching']);
    expect(world.batch.jobs[0]?.request.arrayProperties).toEqual({ size: 4 });
    expect(await world.json('renders/Take-2/manifest.json')).toMatchObject({
      options: { frames: '1-10', framesPerSlice: 3 },
    });
  });

  test('for each camera in its metadata once, even if delivered twice', async () => {
    const world = new UploadWorld();
    const metadata = { camera: 'Right,Left', name: 'Take', 'max-cost': '4' };
    const event = await world.upload('uploads/shot.blend', metadata, sceneWithCameras('Left', 'Right'));
    await world.deliver(event);
    await world.deliver(event);
    expect(world.jobNames().filter((name) => name.endsWith('_Rendering'))).toEqual([
      'Take-Right_Rendering',
      'Take-Left_Rendering',
    ]);
    expect(await world.json('renders/Take-Left/manifest.json')).toMatchObject({
      options: { camera: 'Left' },
      group: 'Take',
      cap: { maxUsd: 2 },
    });
  });

  test('with slices by the seconds per frame of an earlier render', async () => {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/shot.blend', { frames: '1-2' }));
    const manifest = (await world.keys()).find((key) => key.endsWith('/manifest.json'))!;
    const render = Render.in(childUrl(world.bucket, manifest.replace('manifest.json', '')), world.storage);
    const at = new Date(0).toISOString();
    const frames = [{ frame: 1, seconds: 100, storedAt: at, bytes: 1 }];
    const attempt = { attempt: 1, startedAt: at, kept: 0, frames, failed: [] };
    await render.slice(0).write({ version: 1, slice: 0, attempts: [attempt] });
    await world.deliver(await world.upload('uploads/shot.blend', { frames: '1-300', name: 'whole' }));
    expect(await world.json('renders/whole/manifest.json')).toMatchObject({
      framesPerSlice: 5,
      pace: { frameSeconds: 100, startSeconds: 0, from: 'render' },
    });
  });

  test('again for the same bytes with other options', async () => {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/shot.blend'));
    await world.deliver(await world.upload('uploads/shot.blend', { samples: '8' }));
    expect(new Set(world.jobNames()).size).toBe(4);
  });
});

describe('the submit Lambda starts nothing for', () => {
  test.each([
    ['an asset', 'uploads/film/lib/props.blend'],
    ['a backup', 'uploads/shot.blend1'],
    ['an output', 'renders/shot/frames/0001.png'],
  ])('%s', async (_, key) => {
    const world = new UploadWorld();
    expect(await world.deliver(await world.upload(key))).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    expect(world.log).toEqual([expect.objectContaining({ event: 'upload-ignored', why: 'no-scene', key })]);
  });

  test('an event of another bucket', async () => {
    const world = new UploadWorld();
    const body = (await world.upload('uploads/shot.blend')).replaceAll('films', 'others');
    expect(await world.deliver(body)).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    expect(world.log).toEqual([expect.objectContaining({ level: 'warn', why: 'other-bucket' })]);
  });

  test('an object that is missing or was replaced', async () => {
    const world = new UploadWorld();
    const old = await world.upload('uploads/shot.blend', {}, Buffer.from('old'));
    const now = await world.upload('uploads/shot.blend');
    expect(await world.deliver(old)).toBe(true);
    expect(
      await world.deliver(
        JSON.stringify(objectCreated({ bucket: 'films', key: 'uploads/x.blend', etag: 'e' })),
      ),
    ).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    await world.deliver(now);
    expect(world.batch.jobs).toHaveLength(2);
    expect(world.log.map(({ event }) => event)).toEqual([
      'upload-outdated',
      'upload-outdated',
      'upload-submitted',
    ]);
  });

  test('an object that is replaced while it is read', async () => {
    const world = new UploadWorld();
    const body = await world.upload('uploads/shot.blend');
    const open = world.storage.open.bind(world.storage);
    world.storage.open = async (url) => {
      await world.upload('uploads/shot.blend', {}, Buffer.concat([SCENE, Buffer.from('x')]));
      return open(url);
    };
    expect(await world.deliver(body)).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    expect(world.notifications).toEqual([]);
  });
});

describe('the submit Lambda', () => {
  test.each<[string, Record<string, string>, Uint8Array, string]>([
    ['a file without a scene', {}, Buffer.from('hello'), 'not-blend'],
    ['a truncated scene', {}, SCENE.subarray(0, 1000), 'truncated'],
    ['an unknown scene name', { scene: 'Nope' }, SCENE, 'no-such-scene'],
    ['invalid frames', { frames: 'all' }, SCENE, 'bad-metadata'],
    ['an invalid name', { name: '../x' }, SCENE, 'bad-metadata'],
  ])('refuses %s with one message', async (_, metadata, bytes, code) => {
    const world = new UploadWorld();
    const body = await world.upload('uploads/shot.blend', metadata, bytes);
    expect(await world.deliver(body)).toBe(true);
    expect(await world.deliver(body)).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    const [statusKey] = (await world.keys()).filter((key) => key.endsWith('status.json'));
    const status = await world.json(statusKey!);
    expect(status).toMatchObject({
      state: 'refused',
      source: { url: 'memory://films/uploads/shot.blend' },
      findings: [{ code }],
      notifiedAt: expect.any(String),
    });
    // Once, though the event came twice.
    expect(world.notifications).toHaveLength(1);
    expect(world.notifications[0]?.subject).toBe(`Render ${String(status.renderId)} was refused`);
    expect(world.notifications[0]?.message).toContain(String(status.reason));
    expect(world.notifications[0]?.message).toContain('memory://films/uploads/shot.blend');
  });

  test.each([
    [['3.4.1'], '3.4.1'],
    [['5.2.0'], '5.2.0'],
    [['3.3.0', '3.6.9', '4.5.1'], '3.6.9'],
    [[undefined], undefined],
  ])('renders a scene of Blender 3.4 on a farm with %j by %s', async (versions, chosen) => {
    const world = new UploadWorld(versions);
    await world.deliver(await world.upload('uploads/shot.blend'));
    expect(world.batch.jobs.map(({ request }) => request.jobDefinition)).toEqual([
      `render ${chosen}`,
      'stitch',
    ]);
  });

  test('refuses a scene newer than all Blenders of the farm', async () => {
    const world = new UploadWorld(['2.93.18', '3.3.0']);
    await world.deliver(await world.upload('uploads/shot.blend'));
    expect(world.batch.jobs).toHaveLength(0);
    expect(world.notifications[0]?.message).toContain(
      'the farm has Blender 2.93 and 3.3; deploy the farm with 3.4.0 or newer in the setting blenderVersions',
    );
  });

  test('refuses a render on GPU if the farm has no GPUs', async () => {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/shot.blend', { device: 'gpu' }));
    expect(world.batch.jobs).toHaveLength(0);
    expect(world.notifications[0]?.message).toContain('the farm has no GPUs: deploy it with');
  });

  test('does not write a refusal to another render with the same name', async () => {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/a.blend', { name: 'Take-1' }));
    await world.deliver(await world.upload('uploads/b.blend', { name: 'Take-1' }));
    expect(world.jobNames()).toHaveLength(2);
    const statuses = (await world.keys()).filter((key) => key.endsWith('status.json'));
    expect(statuses).toEqual([expect.stringMatching(/^renders\/b-[0-9a-f]{8}\/status\.json$/)]);
    expect(world.notifications[0]?.message).toContain('choose another name');
  });

  test('does not write a refusal to a render of the same name that it no longer accepts', async () => {
    const world = new UploadWorld();
    world.allowsScripts = true;
    await world.deliver(await world.upload('uploads/a.blend', { name: 'Take-1', 'allow-scripts': 'true' }));
    world.allowsScripts = false;
    await world.deliver(await world.upload('uploads/b.blend', { name: 'Take-1' }));
    const statuses = (await world.keys()).filter((key) => key.endsWith('status.json'));
    expect(statuses).toEqual([expect.stringMatching(/^renders\/b-[0-9a-f]{8}\/status\.json$/)]);
  });

  test('does not write a refusal to a render of the same name that a newer version planned', async () => {
    const world = new UploadWorld();
    await world.storage.put(childUrl(world.output, 'Take-1/manifest.json'), '{"version": 2}');
    await world.deliver(await world.upload('uploads/b.blend', { name: 'Take-1' }));
    const statuses = (await world.keys()).filter((key) => key.endsWith('status.json'));
    expect(statuses).toEqual([expect.stringMatching(/^renders\/b-[0-9a-f]{8}\/status\.json$/)]);
  });

  test('renders a fixed scene that is uploaded again', async () => {
    const world = new UploadWorld();
    await world.deliver(await world.upload('uploads/shot.blend', {}, Buffer.from('hello')));
    await world.deliver(await world.upload('uploads/shot.blend'));
    expect(world.jobNames()).toHaveLength(2);
  });
});

describe('the preflight of an upload', () => {
  const fixture = (name: string) => readFileSync(join(__dirname, '../../../fixtures/blend-contents', name));

  test('records missing files in the plan with force, and fetches the others', async () => {
    const world = new UploadWorld();
    await world.upload('uploads/film/still.png', {}, Buffer.from('still'));
    expect(
      await world.deliver(
        await world.upload('uploads/film/strips.blend', { force: 'true' }, fixture('strips.blend')),
      ),
    ).toBe(true);
    expect(world.jobNames()).toHaveLength(2);
    const key = (await world.keys()).find((one) => one.endsWith('manifest.json'))!;
    const { dependencies, findings, scenePath } = await world.json(key);
    expect(scenePath).toBe('strips.blend');
    expect(dependencies).toMatchObject([
      { path: 'still.png', url: 'memory://films/uploads/film/still.png', size: 5 },
    ]);
    const missing = expect.objectContaining({
      code: 'strip-missing',
      severity: 'warning',
      path: '//film.mp4',
    });
    expect(findings).toContainEqual(missing);
    expect(findings).not.toContainEqual(expect.objectContaining({ path: '//still.png' }));
  });

  test('refuses a scene with errors and lists each error', async () => {
    const world = new UploadWorld();
    expect(
      await world.deliver(await world.upload('uploads/film/files.blend', {}, fixture('files.blend'))),
    ).toBe(true);
    expect(world.batch.jobs).toEqual([]);
    const key = (await world.keys()).find((one) => one.endsWith('status.json'))!;
    const { findings, reason } = await world.json(key);
    expect(findings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ severity: 'error', code: 'no-camera' }),
        expect.objectContaining({ severity: 'error', code: 'library-missing', path: '//props.blend' }),
        expect.objectContaining({ severity: 'error', code: 'volume-missing', path: '//cloud_0001.vdb' }),
      ]),
    );
    expect(reason).toMatch(
      /^5 errors in memory:\/\/films\/uploads\/film\/files\.blend, the first: .*has no camera/,
    );
    expect(world.notifications[0]?.message).toContain('library "props.blend" needs //props.blend');
  });

  test('accepts a scene newer than the farm with force', async () => {
    const world = new UploadWorld(['3.3.0', '2.93.18']);
    await world.deliver(await world.upload('uploads/shot.blend', { force: 'true' }));
    expect(world.jobNames()).toHaveLength(2);
    expect(world.batch.jobs[0]?.request.jobDefinition).toBe('render 3.3.0');
  });
});

describe('a failed message is delivered again', () => {
  const fault = new SpotreelError('aws-unavailable', 'passing', 'try again');

  test('sooner at first than later', () => {
    const waits = [1, 2, 3, 4, 5, 6, 20].map((deliveries) => secondsToNextDelivery(deliveries, fault, 210));
    expect(waits).toEqual([60, 120, 240, 480, 960, 1080, 1080]);
  });

  test('once the claim of another runner has expired', () => {
    const claimed = new SpotreelError('being-submitted', 'passing', 'try again');
    expect(secondsToNextDelivery(1, claimed, 210)).toBe(210);
  });

  test('a minute after a passing fault of S3', async () => {
    const world = new UploadWorld();
    const body = await world.upload('uploads/shot.blend');
    expect(await world.deliver(body, new FaultyProcess(1))).toBe(false);
    expect(world.waits).toEqual([60]);
    expect(await world.deliver(body)).toBe(true);
    expect(world.waits).toHaveLength(1);
  });
});

/** The answer of AWS Batch for a deregistered job definition. */
function notActive(): SpotreelError {
  const answer = Object.assign(
    new Error('JobDefinition arn:aws:batch:…:job-definition/Render52:3 is not ACTIVE'),
    {
      name: 'ClientException',
      $metadata: { httpStatusCode: 400 },
    },
  );
  return awsError(answer, 'submit job', { name: 'AWS Batch', codes: { refused: 'client-exception' } });
}

describe('SQS delivers a message again after', () => {
  test('an invalid event', async () => {
    const world = new UploadWorld();
    expect(await world.deliver('hello')).toBe(false);
    expect(world.log).toEqual([
      expect.objectContaining({
        level: 'error',
        event: 'upload-failed',
        error: expect.objectContaining({ code: 'bad-event' }),
      }),
    ]);
  });

  test.each([
    ['a missing permission', 'denied'],
    ['a request that AWS Batch refuses', 'client-exception'],
    ['a request that another service refuses', 'aws-refused'],
  ])('%s', async (_, code) => {
    const world = new UploadWorld();
    world.batch.fault = (call) => {
      if (call === 'submitJob') throw new SpotreelError(code, 'usage', 'not possible');
    };
    expect(await world.deliver(await world.upload('uploads/shot.blend'))).toBe(false);
    expect(world.notifications).toEqual([]);
    expect((await world.keys()).filter((key) => key.endsWith('status.json'))).toEqual([]);
  });

  test.each([
    ['render job', 0],
    ['stitch job', 1],
  ])(
    'a deployment that replaced the definition of its %s, and the render starts after it',
    async (_, jobs) => {
      const world = new UploadWorld();
      world.batch.fault = (call, when) => {
        if (call === 'submitJob' && when === 'before' && world.batch.jobs.length === jobs) throw notActive();
      };
      const body = await world.upload('uploads/shot.blend');
      expect(await world.deliver(body)).toBe(false);
      world.batch.fault = () => undefined;
      expect(await world.redeliver(body, 1)).toBe(true);
      expect(world.batch.alive().map((name) => name.replace(/^.*_/, ''))).toEqual(['Rendering', 'Stitching']);
      expect(world.notifications).toEqual([]);
    },
  );
});
