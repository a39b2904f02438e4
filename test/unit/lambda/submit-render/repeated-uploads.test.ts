import { childUrl } from '../../../../core/storage/location';
import { UploadWorld } from '../../../support/upload-world';

/** What another uploader could change: everything outside `uploads/` but the jobs. */
async function kept(world: UploadWorld) {
  const keys = (await world.keys()).filter((key) => !key.startsWith('uploads/'));
  const contents = await Promise.all(keys.map(async (key) => [key, await world.json(key)] as const));
  return { ...Object.fromEntries(contents), jobs: world.jobNames(), messages: world.notifications.length };
}

/** A world in which somebody has uploaded `uploads/a.blend` with this metadata. */
async function uploaded(metadata: Record<string, string> = {}): Promise<UploadWorld> {
  const world = new UploadWorld();
  await world.deliver(await world.upload('uploads/a.blend', metadata));
  return world;
}

describe('an upload of the same bytes to the same key', () => {
  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['sets no cap', {}, { 'max-cost': '0.000001' }],
    ['lowers no cap', { 'max-cost': '5' }, { 'max-cost': '0.000001' }],
    ['raises no cap', { 'max-cost': '5' }, { 'max-cost': '5000' }],
    ['removes no cap', { 'max-cost': '5' }, {}],
    ['changes no tags', { tags: 'artist=ann' }, { tags: 'artist=eve' }],
    ['adds no tags', {}, { tags: 'artist=eve' }],
    [
      'changes neither cap nor tags of a named render',
      { name: 'Take-2' },
      { name: 'Take-2', 'max-cost': '1', tags: 'a=b' },
    ],
  ])('%s', async (_, first, second) => {
    const world = await uploaded(first);
    const before = await kept(world);
    expect(await world.deliver(await world.upload('uploads/a.blend', second))).toBe(true);
    expect(await kept(world)).toEqual(before);
  });

  test('does not restore a removed cap', async () => {
    const world = await uploaded({ 'max-cost': '5' });
    const cap = (await world.keys()).find((key) => key.startsWith('caps/'))!;
    await world.storage.delete(childUrl(world.bucket, cap));
    await world.deliver(await world.upload('uploads/a.blend', { 'max-cost': '5' }));
    expect(await world.keys()).not.toContain(cap);
  });

  test('is refused with bad options, without a change to the first render', async () => {
    const world = await uploaded();
    const before = await kept(world);
    await world.deliver(await world.upload('uploads/a.blend', { samples: '0' }));
    expect(await kept(world)).toMatchObject({ ...before, messages: 1 });
  });
});

describe('an upload to another key under the name of a render', () => {
  test.each<[string, Record<string, string>]>([
    ['with a cap', { 'max-cost': '0.000001' }],
    ['with tags', { tags: 'artist=eve' }],
    ['with other options', { frames: '1' }],
    ['with bad options', { samples: '0' }],
  ])('%s is refused without a change to that render', async (_, metadata) => {
    const world = await uploaded({ name: 'Take-2', tags: 'artist=ann', 'max-cost': '5' });
    const before = await kept(world);
    await world.deliver(await world.upload('uploads/b.blend', { name: 'Take-2', ...metadata }));
    expect(await kept(world)).toMatchObject({ ...before, messages: 1 });
    const added = (await world.keys()).filter((key) => !key.startsWith('uploads/') && !(key in before));
    expect(added).toEqual([expect.stringMatching(/^renders\/b-[0-9a-f]{8}\/status\.json$/)]);
  });
});

test('a delivery that failed before it wrote the cap leaves this to the next delivery', async () => {
  const world = new UploadWorld();
  const body = await world.upload('uploads/a.blend', { 'max-cost': '5' });
  const put = world.storage.put.bind(world.storage);
  const spy = jest.spyOn(world.storage, 'put').mockImplementation(async (url, ...rest) => {
    if (url.pathname.startsWith('/caps/')) throw new Error('cut off');
    return put(url, ...rest);
  });
  expect(await world.deliver(body)).toBe(false);
  spy.mockRestore();
  expect(world.jobNames()).toEqual([]);
  expect(await world.redeliver(body)).toBe(true);
  const cap = (await world.keys()).find((key) => key.startsWith('caps/'));
  expect(await world.json(cap!)).toMatchObject({ maxUsd: 5 });
});
