import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fetchScene, ocioOfScene } from '../../../../../container/worker/blender/prepare';
import type { WorkerContext } from '../../../../../container/worker/context';
import type { Manifest } from '../../../../../core/render/manifest';
import { CountingStorage, putAll } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

describe('ocio of scene', () => {
  const dependencies = [{ path: 'film/colors/config.ocio', url: 's3://films/x', size: 1 }];
  const plan = (ocio: string | undefined, url: string) => ({
    options: ocio === undefined ? {} : { ocio },
    source: { url, etag: 'e', size: 1 },
    scenePath: 'film/shots/shot.blend',
    dependencies,
  });
  const PLACED = '/scratch/scene/film/shots/shot.blend';

  test('ocioOfScene returns the configuration that was placed beside the scene', () => {
    const ocio = ocioOfScene(plan('//../colors/config.ocio', 's3://films/shot.blend'), PLACED);
    expect(ocio).toBe('/scratch/scene/film/colors/config.ocio');
  });

  test('ocioOfScene refuses a configuration that was not placed', () => {
    const find = () => ocioOfScene(plan('//../../../other.ocio', 's3://films/shot.blend'), PLACED);
    expect(find).toThrow('the plan lacks the OCIO configuration //../../../other.ocio');
  });

  test('ocioOfScene uses a configuration of this machine in place', () => {
    expect(ocioOfScene(plan('//../c.ocio', '/home/film/shot.blend'), '/home/film/shot.blend')).toBe(
      '/home/c.ocio',
    );
  });

  test('ocioOfScene returns the name of a built-in configuration', () => {
    expect(ocioOfScene(plan('ocio://default', 's3://films/shot.blend'), PLACED)).toBe('ocio://default');
    expect(ocioOfScene(plan(undefined, 's3://films/shot.blend'), PLACED)).toBeUndefined();
  });
});

describe('scene files', () => {
  const at = useScratchFolder();

  type Plan = Pick<Manifest, 'source' | 'scenePath' | 'dependencies'>;

  async function setUp(environment: NodeJS.ProcessEnv = {}) {
    const storage = new CountingStorage();
    await putAll(storage, {
      'uploads/film/shot.blend': 'scene',
      'uploads/film/tex/wood.png': 'wood',
      'uploads/submitted/abc/wood.png': 'other wood',
    });
    const etag = async (key: string) => (await storage.head(new URL(`memory://films/${key}`)))!.etag;
    const plan: Plan = {
      source: {
        url: 'memory://films/uploads/film/shot.blend',
        etag: await etag('uploads/film/shot.blend'),
        size: 5,
      },
      scenePath: 'film/shot.blend',
      dependencies: [
        {
          path: 'film/tex/wood.png',
          url: 'memory://films/uploads/film/tex/wood.png',
          etag: await etag('uploads/film/tex/wood.png'),
          size: 4,
        },
        {
          path: 'lib/oak.png',
          url: 'memory://films/uploads/submitted/abc/wood.png',
          etag: await etag('uploads/submitted/abc/wood.png'),
          size: 10,
        },
      ],
    };
    const child = (name: string, signal = new AbortController().signal): WorkerContext => ({
      storage,
      environment,
      scratch: { blender: at('b'), saved: at('s'), ffmpeg: at('f'), own: at(name) },
      signal,
      say: () => undefined,
      now: () => new Date(0),
    });
    return { storage, plan, child };
  }

  const tree = (name: string) =>
    readdirSync(at(name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath.slice(at(name).length)}/${entry.name}`)
      .toSorted();

  test('fetched scene files have exactly the layout that `//` paths expect', async () => {
    const { plan, child } = await setUp();
    const scene = await fetchScene(plan, child('one'));
    expect(scene).toBe(at('one/scene/film/shot.blend'));
    expect(tree('one')).toEqual(['/scene/film/shot.blend', '/scene/film/tex/wood.png', '/scene/lib/oak.png']);
    expect(readFileSync(at('one/scene/lib/oak.png'), 'utf8')).toBe('other wood');
  });

  test('children with a shared cache fetch each file once, even if they start together', async () => {
    const { storage, plan, child } = await setUp({ SPOTREEL_CACHE: at('cache') });
    const scenes = await Promise.all(['one', 'two', 'three'].map((name) => fetchScene(plan, child(name))));
    for (const scene of scenes) expect(readFileSync(scene, 'utf8')).toBe('scene');
    expect(tree('three')).toEqual(tree('one'));
    expect(storage.counts.fetch).toBe(3);
  });

  test('children without a cache each fetch their own files', async () => {
    const { storage, plan, child } = await setUp();
    await Promise.all(['one', 'two'].map((name) => fetchScene(plan, child(name))));
    expect(storage.counts.fetch).toBe(6);
  });

  test('a plan of an older version without files fetches only the scene', async () => {
    const { plan, child } = await setUp();
    expect(await fetchScene({ source: plan.source }, child('one'))).toBe(at('one/scene/shot.blend'));
  });

  test.each([['../out.png'], ['/etc/out.png'], ['film/../../out.png'], ['a\\..\\..\\out.png'], ['']])(
    'the worker refuses a plan with a file %j',
    async (path) => {
      const { plan, child } = await setUp();
      const [first] = plan.dependencies!;
      const evil = { ...plan, dependencies: [{ ...first!, path }] };
      await expect(fetchScene(evil, child('one'))).rejects.toMatchObject({ code: 'bad-manifest' });
      expect(existsSync(at('out.png'))).toBe(false);
    },
  );

  test('the worker refuses a plan that takes a local file for a scene in a bucket', async () => {
    const { plan, child } = await setUp();
    const evil = { ...plan, dependencies: [{ path: 'a', url: '/etc/hostname', size: 1 }] };
    await expect(fetchScene(evil, child('one'))).rejects.toMatchObject({ code: 'bad-manifest' });
  });

  test.each([
    'memory://films/uploads/other/wood.png',
    'memory://films/uploads/wood.png',
    'memory://films/renders/other-1/frames/0001.png',
    'memory://others/uploads/film/wood.png',
  ])('the worker refuses a plan that takes a file outside the project, such as %s', async (url) => {
    const { storage, plan, child } = await setUp();
    const evil = { ...plan, dependencies: [{ path: 'a.png', url, size: 1 }] };
    await expect(fetchScene(evil, child('one'))).rejects.toMatchObject({ code: 'bad-manifest' });
    expect(storage.counts.fetch).toBe(0);
  });

  test.each([
    ['changed', 'put', /wood\.png was changed since/],
    ['not-found', 'delete', /film\/tex\/wood\.png existed when the render was planned and is missing now/],
  ] as const)('a child fails and names the file if it is %s since the plan', async (code, call, words) => {
    const { storage, plan, child } = await setUp();
    await storage[call](new URL('memory://films/uploads/film/tex/wood.png'), 'oak');
    const fetching = fetchScene(plan, child('one'));
    await expect(fetching).rejects.toMatchObject({ code, kind: 'scene' });
    await expect(fetching).rejects.toThrow(words);
  });

  test('a stopped child fetches no more files', async () => {
    const { storage, plan, child } = await setUp();
    await expect(fetchScene(plan, child('one', AbortSignal.abort()))).rejects.toMatchObject({
      kind: 'stopped',
    });
    expect(storage.counts.fetch).toBe(0);
  });
});
