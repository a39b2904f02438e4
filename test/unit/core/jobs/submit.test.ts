import { SpotreelError } from '../../../../core/errors';
import { type RenderRequest, submitRender } from '../../../../core/jobs/submit';
import { parseWorkerArgv } from '../../../../core/jobs/worker';
import { parseManifest } from '../../../support/documents';
import { contents, dependency, examine, facts } from '../../../support/made-scenes';
import { jobsUrl, manifestUrl } from '../../../support/render-urls';
import { SCENE, setUpSubmit, SOURCE, withBlenders } from '../../../support/submit-scene';

test('submitRender submits an array of slices and a stitch job that waits for it', async () => {
  const { batch, services, request } = await setUpSubmit();
  const { jobs, render: submitted, manifest } = await submitRender(request, services);
  const [render, stitch] = batch.jobs.map((job) => job.request);
  const output = `memory://films/renders/${manifest.renderId}`;
  const tagged = { tags: { 'spotreel:render': manifest.renderId }, propagateTags: true };
  expect(submitted.folder.href).toBe(`${output}/`);
  expect(render).toEqual({
    ...tagged,
    jobName: `${manifest.renderId}_Rendering`,
    jobQueue: 'queue',
    jobDefinition: 'render',
    arrayProperties: { size: 3 },
    containerOverrides: {
      command: ['render', '-i', 'memory://films/uploads/my shot.blend', '-o', output, '-f', '8', '-t', '20'],
    },
  });
  expect(stitch).toEqual({
    ...tagged,
    jobName: `${manifest.renderId}_Stitching`,
    jobQueue: 'queue',
    jobDefinition: 'stitch',
    dependsOn: [{ jobId: jobs.render.jobId, type: 'SEQUENTIAL' }],
    containerOverrides: { command: ['stitch', '-i', output, '-o', output] },
  });
});

test('submitRender gives both jobs the tag of the farm', async () => {
  const { batch, services, request } = await setUpSubmit();
  const { manifest } = await submitRender(request, { ...services, farmName: 'main' });
  const tags = { 'spotreel:farm': 'main', 'spotreel:render': manifest.renderId };
  expect(batch.jobs.map((job) => job.request.tags)).toEqual([tags, tags]);
});

test('submitRender gives both jobs the tags of the first request', async () => {
  const { batch, services, request } = await setUpSubmit();
  const plain = await submitRender({ ...request, name: 'plain' }, services);
  expect(plain.manifest.tags).toBeUndefined();
  const { manifest } = await submitRender({ ...request, tags: { artist: 'ann' } }, services);
  expect(manifest.tags).toEqual({ artist: 'ann' });
  const tags = batch.jobs.slice(2).map((job) => job.request.tags);
  const both = { artist: 'ann', 'spotreel:render': manifest.renderId };
  expect(tags).toEqual([both, both]);
  const again = await submitRender({ ...request, tags: { artist: 'bo' } }, services);
  expect(again.manifest).toEqual(manifest);
  expect(batch.jobs).toHaveLength(4);
});

test('submitRender makes a plain job for one slice, because AWS Batch refuses an array of one', async () => {
  const { batch, services, request } = await setUpSubmit();
  await submitRender({ ...request, options: { frames: '1-8', framesPerSlice: 8 } }, services);
  expect(batch.jobs[0]?.request.arrayProperties).toBeUndefined();
});

test('the worker’s command has the figures of the plan', async () => {
  const { batch, services, request } = await setUpSubmit();
  const { manifest } = await submitRender(request, services);
  const command = parseWorkerArgv(batch.jobs[0]!.request.containerOverrides!.command!);
  expect(command).toMatchObject({
    framesPerSlice: manifest.framesPerSlice,
    totalFrames: manifest.frameCount,
  });
});

test('submitRender writes the manifest and the job ids', async () => {
  const { storage, services, request } = await setUpSubmit();
  const { render, manifest, jobs } = await submitRender(request, services);
  expect(parseManifest(await storage.get(manifestUrl(render.folder)))).toEqual(manifest);
  expect(JSON.parse(Buffer.from(await storage.get(jobsUrl(render.folder))).toString())).toEqual(jobs);
});

test('submitRender makes one render for the same event twice', async () => {
  const { batch, services, request } = await setUpSubmit();
  const first = await submitRender(request, services);
  expect(await submitRender(request, services)).toEqual(first);
  expect(batch.jobs).toHaveLength(2);
});

describe('existing jobs', () => {
  async function withEnded(status: 'FAILED' | 'SUCCEEDED') {
    const set = await setUpSubmit();
    await submitRender(set.request, set.services);
    for (const job of set.batch.jobs) job.status = status;
    return set;
  }

  test.each([
    ['any', 'FAILED', 2],
    ['unfailed', 'FAILED', 4],
    ['unfailed', 'SUCCEEDED', 2],
    ['unfinished', 'SUCCEEDED', 4],
  ] as const)('with reuse %s: after %s jobs there are %i jobs in all', async (reuse, status, count) => {
    const { batch, services, request } = await withEnded(status);
    const { jobs } = await submitRender({ ...request, reuse }, services);
    expect(batch.jobs).toHaveLength(count);
    // The newest jobs are a pair.
    expect(batch.find(jobs.stitch.jobId).request.dependsOn?.[0]?.jobId).toBe(jobs.render.jobId);
  });
});

const refused = () => new SpotreelError('client-exception', 'usage', 'refused');

test('submitRender takes the first job back if the second is refused', async () => {
  const { batch, services, request } = await setUpSubmit();
  batch.fault = (call, when) => {
    if (call === 'submitJob' && when === 'before' && batch.jobs.length === 1) throw refused();
  };
  await expect(submitRender(request, services)).rejects.toThrow('refused');
  expect(batch.alive()).toEqual([]);
});

test('submitRender plans one render for concurrent events', async () => {
  const { storage, services, request } = await setUpSubmit();
  const both = await Promise.all([submitRender(request, services), submitRender(request, services)]);
  expect(both[0].manifest).toEqual(both[1].manifest);
  const manifests = [];
  for await (const { url } of storage.list(request.output))
    if (url.href.endsWith('manifest.json')) manifests.push(url);
  expect(manifests).toHaveLength(1);
});

describe('a given name', () => {
  test('is the render id', async () => {
    const { services, request } = await setUpSubmit();
    const { manifest } = await submitRender({ ...request, name: 'Take-2' }, services);
    expect(manifest.renderId).toBe('Take-2');
  });

  test.each<[string, Partial<RenderRequest>]>([
    ['other options', { options: { frames: '1-3' } }],
    ['another version of the scene', { source: { url: SOURCE, etag: 'other', size: 1 } }],
  ])('refuses %s under the same name', async (_, change) => {
    const { batch, services, request } = await setUpSubmit();
    await submitRender({ ...request, name: 'Take-2' }, services);
    await expect(submitRender({ ...request, ...change, name: 'Take-2' }, services)).rejects.toThrow(
      'choose another name',
    );
    expect(batch.jobs).toHaveLength(2);
  });
});

test('submitRender writes nothing if the farm cannot run the plan', async () => {
  const { storage, batch, services, request } = await setUpSubmit();
  await expect(submitRender(request, { ...services, ...withBlenders('3.3.0') })).rejects.toMatchObject({
    code: 'blender-too-old',
  });
  expect(batch.jobs).toEqual([]);
  for await (const { url } of storage.list(request.output)) throw new Error(`wrote ${url.href}`);
});

test('submitRender fails if the scene is replaced while it is read', async () => {
  const { storage, batch, services, request } = await setUpSubmit();
  await storage.put(SOURCE, Buffer.concat([SCENE, Buffer.from('more')]));
  await expect(submitRender(request, services)).rejects.toMatchObject({ code: 'changed', url: SOURCE });
  expect(batch.jobs).toEqual([]);
});

test('submitRender submits no jobs for a damaged scene', async () => {
  const { storage, batch, services, request } = await setUpSubmit();
  await storage.put(SOURCE, SCENE.subarray(0, 1000));
  const damaged = { ...request, source: (await storage.head(SOURCE))! };
  await expect(submitRender(damaged, services)).rejects.toMatchObject({ code: 'truncated', kind: 'scene' });
  expect(batch.jobs).toEqual([]);
});

describe('the files that a scene needs', () => {
  const texture = new URL('memory://films/uploads/film/wood.png');

  async function withTexture(text?: string) {
    const set = await setUpSubmit();
    if (text !== undefined) await set.storage.put(texture, text);
    const examination = await examine(
      'uploads/film/my%20shot.blend',
      contents([dependency('//wood.png')]),
      set.storage,
    );
    return { ...set, request: { ...set.request, examination } };
  }

  test('are in the manifest with their versions and the path of the scene', async () => {
    const { storage, services, request } = await withTexture('wood');
    const { manifest } = await submitRender(request, services);
    const { etag } = (await storage.head(texture))!;
    expect(manifest).toMatchObject({
      scenePath: 'my shot.blend',
      dependencies: [{ path: 'wood.png', url: 'memory://films/uploads/film/wood.png', size: 4, etag }],
      findings: [],
    });
  });

  test('are in the manifest with their warnings', async () => {
    const { services, request } = await withTexture();
    const { manifest } = await submitRender(request, services);
    expect(manifest).toMatchObject({
      dependencies: [],
      findings: [{ code: 'image-missing', severity: 'warning' }],
    });
  });

  test('are part of the render’s identity with filesCount only', async () => {
    const [before, after] = [await withTexture(), await withTexture('wood')];
    const idOf = async ({ services, request }: typeof before, filesCount: boolean) =>
      (await submitRender({ ...request, filesCount }, services)).manifest.renderId;
    expect(await idOf(after, true)).not.toBe(await idOf(before, true));
    expect(await idOf(after, false)).toBe(await idOf(before, false));
    expect(await idOf(before, false)).toBe(await idOf(before, true));
  });

  test('of another version are refused under the same name', async () => {
    const { storage, batch, services, request } = await withTexture('wood');
    const named = { ...request, name: 'Take-2', filesCount: true };
    await submitRender(named, services);
    expect((await submitRender(named, services)).manifest.renderId).toBe('Take-2');
    await storage.put(texture, 'oak');
    const examination = await examine(
      'uploads/film/my%20shot.blend',
      contents([dependency('//wood.png')]),
      storage,
    );
    await expect(submitRender({ ...named, examination }, services)).rejects.toMatchObject({
      code: 'name-taken',
    });
    expect(batch.jobs).toHaveLength(2);
  });
});

test('submitRender reports all faults at once and writes nothing', async () => {
  const { storage, batch, services, request } = await setUpSubmit();
  const held = contents([dependency('//lib.blend', { kind: 'library' }), dependency('//wood.png')]);
  const examination = await examine(
    'uploads/film/my%20shot.blend',
    held,
    storage,
    facts({ hasCamera: false, fps: 0 }),
  );
  await expect(submitRender({ ...request, examination }, services)).rejects.toMatchObject({
    code: 'preflight',
    kind: 'scene',
    findings: [
      { code: 'no-camera' },
      { code: 'bad-frame-rate' },
      { code: 'library-missing' },
      { code: 'image-missing' },
    ],
  });
  expect(batch.jobs).toEqual([]);
  for await (const { url } of storage.list(request.output)) throw new Error(`wrote ${url.href}`);
});

describe('submitRender with a known pace', () => {
  const pace = { frameSeconds: 100, startSeconds: 5, from: 'render' } as const;

  test('plans slices by it, asked for with the plan and the folder of renders', async () => {
    const { services, request } = await setUpSubmit();
    const findPace = jest.fn(async () => pace);
    const asked = { ...request, options: { frames: '1-20' } };
    const { manifest } = await submitRender(asked, { ...services, findPace });
    expect(manifest).toMatchObject({ framesPerSlice: 4, sliceCount: 5, pace });
    expect(findPace).toHaveBeenCalledWith(expect.objectContaining({ frameCount: 20 }), request.output);
  });

  test('does not ask for it if the user gives the frames per slice', async () => {
    const { services, request } = await setUpSubmit();
    const findPace = jest.fn(async () => pace);
    await submitRender(request, { ...services, findPace });
    expect(findPace).not.toHaveBeenCalled();
  });

  test('plans slices by the number of frames if none is found', async () => {
    const { services, request } = await setUpSubmit();
    const asked = { ...request, options: { frames: '1-20' } };
    const { manifest } = await submitRender(asked, { ...services, findPace: async () => undefined });
    expect(manifest).toMatchObject({ framesPerSlice: 10, sliceCount: 2 });
  });
});
