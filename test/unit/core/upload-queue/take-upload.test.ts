import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { StorageError } from '../../../../core/storage/storage';
import { findUploads } from '../../../../core/upload-queue/find-uploads';
import { takeUpload } from '../../../../core/upload-queue/take-upload';
import { SCENE, withBlenders } from '../../../support/submit-scene';

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
  const take = async () => takeUpload((await findUploads(DIRECTORY, storage))[0]!, services);
  const json = async (renderId: string, name: string) =>
    JSON.parse(Buffer.from(await storage.get(new URL(`${renderId}/${name}`, OUTPUT))).toString('utf8'));
  return { storage, services, take, json };
}

test('a scene is planned, with the options that stand beside it', async () => {
  const { storage, take, json } = world();
  await storage.put(SHOT, SCENE);
  await storage.put(new URL(`${SHOT.href}.json`), '{"frames": "1-10", "name": "Take-2"}');
  expect(await take()).toMatchObject({ outcome: 'queued', renderId: 'Take-2' });
  expect(await json('Take-2', 'manifest.json')).toMatchObject({
    options: { frames: '1-10' },
    frameCount: 10,
  });
});

test('taken twice, it is the same render', async () => {
  const { storage, take } = world();
  await storage.put(SHOT, SCENE);
  const [first, second] = [await take(), await take()];
  expect(first).toMatchObject({ outcome: 'queued', renderId: expect.stringMatching(/^shot-[0-9a-f]{8}$/) });
  expect(second).toEqual(first);
});

test.each<[string, Uint8Array, string, string]>([
  ['no scene', Buffer.from('hello'), '{}', 'not-blend'],
  ['half a scene', SCENE.subarray(0, 1000), '{}', 'truncated'],
  ['options that are wrong', SCENE, '{"samples": 0}', 'bad-metadata'],
  ['a scene that is not in it', SCENE, '{"scene": "Nope"}', 'no-such-scene'],
])('%s is refused, and its status says why', async (_, bytes, sidecar, code) => {
  const { storage, take, json } = world();
  await storage.put(SHOT, bytes);
  await storage.put(new URL(`${SHOT.href}.json`), sidecar);
  const taken = await take();
  if (taken.outcome !== 'refused') throw new Error(taken.outcome);
  expect(taken.error.code).toBe(code);
  expect(await json(taken.renderId, 'status.json')).toMatchObject({ state: 'refused', findings: [{ code }] });
});

test('a scene that is newer than the Blender here is refused', async () => {
  const { storage, take } = world('3.3.0');
  await storage.put(SHOT, SCENE);
  expect(await take()).toMatchObject({ outcome: 'refused', error: { code: 'blender-too-old' } });
});

test('one that is replaced or taken away while it is read leaves nothing behind', async () => {
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

test('a fault of the machine is thrown, and refuses nothing', async () => {
  const { storage, take } = world();
  await storage.put(SHOT, SCENE);
  jest.spyOn(storage, 'open').mockRejectedValue(new StorageError('denied', SHOT, 'not allowed'));
  await expect(take()).rejects.toThrow('not allowed');
});
