import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileStorage } from '../../../../core/storage/file-storage';
import { fileUrl, StorageError } from '../../../../core/storage/storage';
import { findUploads, Stillness, takeUpload, uploadFingerprint } from '../../../../core/watch-folder/uploads';
import { sceneWithCameras } from '../../../support/camera-scene';
import { MemoryStorage } from '../../../support/memory-storage';
import { useScratchFolder } from '../../../support/scratch-folder';
import { SCENE, withBlenders } from '../../../support/submit-scene';

describe('find uploads', () => {
  const DIRECTORY = new URL('memory://films/');

  async function folderOf(...keys: string[]) {
    const storage = new MemoryStorage();
    for (const key of keys) await storage.put(new URL(key, DIRECTORY), key);
    return storage;
  }

  test('findUploads finds only visible scenes at the top and in projects', async () => {
    const storage = await folderOf(
      'uploads/shot.blend',
      'uploads/Other.BLEND',
      'uploads/shot.blend1',
      'uploads/wood.png',
      'uploads/._shot.blend',
      'uploads/.sync/x.blend',
      'uploads/film/a.blend',
      'uploads/film/lib/props.blend',
      'renders/shot/x.blend',
    );
    const { uploads: found } = await findUploads(DIRECTORY, storage);
    expect(found.map(({ key, url }) => [key, url.href])).toEqual([
      ['uploads/Other.BLEND', 'memory://films/uploads/Other.BLEND'],
      ['uploads/shot.blend', 'memory://films/uploads/shot.blend'],
      ['uploads/film/a.blend', 'memory://films/uploads/film/a.blend'],
    ]);
  });

  test('the version of an upload changes with its scene and sidecar', async () => {
    const storage = await folderOf('uploads/shot.blend', 'uploads/other.blend.json');
    const version = async () => (await findUploads(DIRECTORY, storage)).uploads[0]!.version;
    const versions = [await version()];
    await storage.put(new URL('uploads/shot.blend.json', DIRECTORY), '{}');
    versions.push(await version());
    await storage.put(new URL('uploads/shot.blend.json', DIRECTORY), '{"samples": 4}');
    versions.push(await version());
    await storage.put(new URL('uploads/shot.blend', DIRECTORY), 'longer than before');
    versions.push(await version());
    expect(new Set(versions).size).toBe(4);
  });

  test('the fingerprint of a scene in a project changes with every file of the project', async () => {
    const storage = await folderOf('uploads/film/a.blend', 'uploads/film/tex/wood.png', 'uploads/shot.blend');
    const prints = async () => {
      const { uploads } = await findUploads(DIRECTORY, storage);
      return Promise.all(uploads.map((upload) => uploadFingerprint(upload, DIRECTORY, storage)));
    };
    const [shot, film] = await prints();
    await storage.put(new URL('uploads/film/tex/wood.png', DIRECTORY), 'half of it');
    const [shotAgain, filmAgain] = await prints();
    expect(shotAgain).toBe(shot);
    expect(filmAgain).not.toBe(film);
  });

  test('one search lists a project with two scenes once', async () => {
    const storage = await folderOf('uploads/film/a.blend', 'uploads/film/b.blend', 'uploads/other/c.blend');
    const { uploads } = await findUploads(DIRECTORY, storage);
    const list = jest.spyOn(storage, 'list');
    const known = new Map();
    const prints = [];
    for (const upload of uploads) prints.push(await uploadFingerprint(upload, DIRECTORY, storage, known));
    expect(list.mock.calls.map(([folder]) => folder.pathname)).toEqual(['/uploads/film/', '/uploads/other/']);
    const alone = uploads.map((upload) => uploadFingerprint(upload, DIRECTORY, storage));
    expect(await Promise.all(alone)).toEqual(prints);
  });

  test('findUploads finds other uploads beside an unreadable project', async () => {
    const storage = await folderOf('uploads/shot.blend', 'uploads/closed/a.blend', 'uploads/film/b.blend');
    const listFolder = storage.listFolder.bind(storage);
    const denied = new StorageError('denied', DIRECTORY, 'permission denied');
    jest.spyOn(storage, 'listFolder').mockImplementation((folder) => {
      if (folder.pathname.endsWith('/closed/')) throw denied;
      return listFolder(folder);
    });
    const { uploads, unread } = await findUploads(DIRECTORY, storage);
    expect(uploads.map(({ key }) => key)).toEqual(['uploads/shot.blend', 'uploads/film/b.blend']);
    expect(unread).toEqual([{ key: 'uploads/closed/', error: denied }]);
  });
});

describe('stillness', () => {
  const look = (...pairs: Array<[key: string, fingerprint: string]>) =>
    pairs.map(([key, fingerprint]) => ({ key, fingerprint }));

  test('settle returns an upload that did not change for five seconds', () => {
    const stillness = new Stillness();
    const settled = [0, 2000, 4000, 4999, 5000].map((at) => stillness.settle(look(['a', '1']), at).size);
    expect(settled).toEqual([0, 0, 0, 0, 1]);
  });

  test('settle waits again for a changed upload, without delaying others', () => {
    const stillness = new Stillness();
    stillness.settle(look(['a', '1'], ['b', '1']), 0);
    stillness.settle(look(['a', '2'], ['b', '1']), 4000);
    expect([...stillness.settle(look(['a', '2'], ['b', '1']), 5000)]).toEqual(['b']);
    expect([...stillness.settle(look(['a', '2'], ['b', '1']), 9000)]).toEqual(['a', 'b']);
  });

  test('settle waits again for an upload that was missing once', () => {
    const stillness = new Stillness();
    stillness.settle(look(['a', '1']), 0);
    stillness.settle([], 3000);
    expect([...stillness.settle(look(['a', '1']), 6000)]).toEqual([]);
  });
});

describe('take upload', () => {
  const DIRECTORY = new URL('memory://films/');
  const OUTPUT = new URL('memory://films/renders/');
  const SHOT = new URL('memory://films/uploads/shot.blend');

  function world(blender = '3.4.1') {
    const storage = new MemoryStorage();
    const services = {
      storage,
      directory: DIRECTORY,
      output: OUTPUT,
      now: () => new Date(0),
      jobQueue: 'local',
      parallel: 2,
      ...withBlenders(blender),
      stitchDefinition: 'stitch',
      place: 'here',
      hasDisplay: false,
    } as const;
    const take = async () => takeUpload((await findUploads(DIRECTORY, storage)).uploads[0]!, services);
    const json = async (renderId: string, name: string) =>
      JSON.parse(Buffer.from(await storage.get(new URL(`${renderId}/${name}`, OUTPUT))).toString('utf8'));
    return { storage, services, take, json };
  }

  test('takeUpload plans a scene with the options of its sidecar', async () => {
    const { storage, take, json } = world();
    await storage.put(SHOT, SCENE);
    await storage.put(new URL(`${SHOT.href}.json`), '{"frames": "1-10", "name": "Take-2"}');
    expect(await take()).toMatchObject({ outcome: 'queued', renderId: 'Take-2' });
    expect(await json('Take-2', 'manifest.json')).toMatchObject({
      options: { frames: '1-10' },
      frameCount: 10,
    });
  });

  test('takeUpload plans one render for each camera, in one group', async () => {
    const { storage, take, json } = world();
    await storage.put(SHOT, sceneWithCameras('Left', 'Right'));
    await storage.put(new URL(`${SHOT.href}.json`), '{"camera": "all", "name": "Take"}');
    const taken = await take();
    expect(taken).toMatchObject({
      outcome: 'queued',
      renderId: 'Take-Left',
      more: [{ renderId: 'Take-Right' }],
    });
    expect(await json('Take-Right', 'manifest.json')).toMatchObject({
      options: { camera: 'Right' },
      group: 'Take',
    });
  });

  test('takeUpload rejects an unknown camera', async () => {
    const { storage, take } = world();
    await storage.put(SHOT, sceneWithCameras('Left'));
    await storage.put(new URL(`${SHOT.href}.json`), '{"camera": "Nope"}');
    expect(await take()).toMatchObject({ outcome: 'refused', error: { code: 'no-such-camera' } });
  });

  test('takeUpload returns the same render for the same upload', async () => {
    const { storage, take } = world();
    await storage.put(SHOT, SCENE);
    const [first, second] = [await take(), await take()];
    expect(first).toMatchObject({ outcome: 'queued', renderId: expect.stringMatching(/^shot-[0-9a-f]{8}$/) });
    expect(second).toEqual(first);
  });

  test.each<[string, Uint8Array, string, string]>([
    ['a file that is not a scene', Buffer.from('hello'), '{}', 'not-blend'],
    ['half a scene', SCENE.subarray(0, 1000), '{}', 'truncated'],
    ['an invalid option', SCENE, '{"samples": 0}', 'bad-metadata'],
    ['the name of a missing scene', SCENE, '{"scene": "Nope"}', 'no-such-scene'],
  ])('takeUpload rejects %s and writes the reason to its status', async (_, bytes, sidecar, code) => {
    const { storage, take, json } = world();
    await storage.put(SHOT, bytes);
    await storage.put(new URL(`${SHOT.href}.json`), sidecar);
    const taken = await take();
    if (taken.outcome !== 'refused') throw new Error(taken.outcome);
    expect(taken.error.code).toBe(code);
    expect(await json(taken.renderId, 'status.json')).toMatchObject({
      state: 'refused',
      findings: [{ code }],
    });
  });

  test('takeUpload rejects a scene that is newer than the installed Blender', async () => {
    const { storage, take } = world('3.3.0');
    await storage.put(SHOT, SCENE);
    expect(await take()).toMatchObject({ outcome: 'refused', error: { code: 'blender-too-old' } });
  });

  test('takeUpload leaves no files of an upload that changes meanwhile', async () => {
    for (const change of ['replaced', 'deleted', 'replaced by no scene'] as const) {
      const { storage, take } = world();
      await storage.put(SHOT, SCENE);
      const open = storage.open.bind(storage);
      jest.spyOn(storage, 'open').mockImplementation(async (url) => {
        if (change === 'deleted') await storage.delete(SHOT);
        else await storage.put(SHOT, change === 'replaced' ? Buffer.concat([SCENE, SCENE]) : 'x');
        return open(url);
      });
      expect({ change, taken: await take() }).toEqual({ change, taken: { outcome: 'outdated' } });
      const left: string[] = [];
      for await (const { url } of storage.list(OUTPUT)) left.push(url.href);
      expect(left).toEqual([]);
    }
  });

  test('takeUpload throws a fault of the machine instead of rejecting the upload', async () => {
    const { storage, take } = world();
    await storage.put(SHOT, SCENE);
    jest.spyOn(storage, 'open').mockRejectedValue(new StorageError('denied', SHOT, 'not allowed'));
    await expect(take()).rejects.toThrow('not allowed');
  });

  describe('on a disk, where Blender opens the original scene', () => {
    const at = useScratchFolder();
    /** Links `//props.blend`, among others. */
    const LINKING = join(__dirname, '../../../fixtures/blend-contents/files.blend');

    async function take() {
      const [directory, storage] = [fileUrl(`${at()}/`), new FileStorage()];
      const { uploads } = await findUploads(directory, storage);
      const upload = uploads.find(({ key }) => key === 'uploads/film/shot.blend');
      const output = fileUrl(`${at('renders')}/`);
      return takeUpload(upload!, { ...world().services, directory, storage, output });
    }

    test('takeUpload rejects a scene with an unreadable library, also with force', async () => {
      mkdirSync(at('uploads/film'), { recursive: true });
      copyFileSync(LINKING, at('uploads/film/shot.blend'));
      writeFileSync(at('uploads/film/shot.blend.json'), '{"force": true}');
      writeFileSync(at('uploads/film/props.blend'), 'no library that this reader knows');
      expect(await take()).toMatchObject({ outcome: 'refused', error: { code: 'outside-upload' } });
    });

    test('takeUpload rejects a link to a scene of another project', async () => {
      mkdirSync(at('private'));
      writeFileSync(at('private/shot.blend'), SCENE);
      mkdirSync(at('uploads/film'), { recursive: true });
      symlinkSync(at('private/shot.blend'), at('uploads/film/shot.blend'));
      expect(await take()).toMatchObject({ outcome: 'refused', error: { code: 'outside-upload' } });
    });

    test('takeUpload plans a scene without other files', async () => {
      mkdirSync(at('uploads/film'), { recursive: true });
      writeFileSync(at('uploads/film/shot.blend'), SCENE);
      expect(await take()).toMatchObject({ outcome: 'queued' });
    });
  });

  test('takeUpload rejects an upload that causes an internal error', async () => {
    const { storage, take, json } = world();
    await storage.put(SHOT, SCENE);
    jest.spyOn(storage, 'open').mockRejectedValue(new TypeError('x is not a function'));
    const taken = await take();
    if (taken.outcome !== 'refused') throw new Error(taken.outcome);
    expect(await json(taken.renderId, 'status.json')).toMatchObject({
      state: 'refused',
      reason: expect.stringContaining('x is not a function'),
    });
  });
});
