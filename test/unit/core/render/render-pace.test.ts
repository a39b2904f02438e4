import type { Manifest } from '../../../../core/render/manifest';
import { type EarlierRenders, findPace, Render } from '../../../../core/render/render';
import { StorageError } from '../../../../core/storage/storage';
import { MemoryStorage } from '../../../support/memory-storage';
import { manifestFor } from '../../../support/stored-render';

const OUTPUT = new URL('memory://films/renders/');
const AT = '2026-01-01T00:00:00.000Z';

function shot(name = 'shot') {
  const storage = new MemoryStorage();
  return { storage, render: Render.at(OUTPUT, name, storage) };
}

describe('findPace', () => {
  /** A render of one slice of two frames of so many seconds, after a start of 7 seconds. */
  async function rendered(
    storage: MemoryStorage,
    renderId: string,
    seconds: number,
    changes: Partial<Manifest> = {},
  ): Promise<void> {
    const render = Render.at(OUTPUT, renderId, storage);
    await render.manifest.write(manifestFor(renderId, 2, changes));
    const frames = [1, 2].map((frame) => ({ frame, seconds, storedAt: AT, bytes: 1 }));
    const stoppedAt = new Date(Date.parse(AT) + 2 * seconds * 1000 + 7000).toISOString();
    const attempt = { attempt: 1, startedAt: AT, stoppedAt, exitCode: 0, kept: 0, frames, failed: [] };
    await render.slice(0).write({ version: 1, slice: 0, attempts: [attempt] });
  }
  /** Lets the clock of storage advance. */
  async function later(storage: MemoryStorage): Promise<void> {
    const before = Date.now();
    const probe = new URL('memory://films/clock');
    do await storage.put(probe, '');
    while ((await storage.head(probe))!.lastModified.getTime() <= before);
  }
  const plan = (changes: Partial<Manifest> = {}) => manifestFor('shot-00000000', 100, changes);
  const source = { url: 's3://films/uploads/shot.blend', etag: 'e', size: 1 };
  const older = { source: { ...source, etag: 'older' } };

  test('reads the seconds and the start of an earlier render of the file', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12);
    const pace = { frameSeconds: 12, startSeconds: 7, from: 'render', isOfSameFile: true, sliceCount: 1 };
    expect(await findPace(plan(), OUTPUT, storage)).toEqual(pace);
  });

  test('recognizes an estimate', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111-estimate', 12);
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ from: 'estimate' });
  });

  test('reads a render of another version of the file', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12, older);
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12, isOfSameFile: false });
  });

  test('prefers a render of the same file', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12);
    await rendered(storage, 'shot-22222222', 99, older);
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test.each<[string, Partial<Manifest>]>([
    ['size', { resolution: { width: 8, height: 4 } }],
    ['engine', { engine: 'BLENDER_EEVEE' }],
    ['scene', { scene: 'Other' }],
    ['device', { options: { device: 'GPU' } }],
    ['number of samples', { options: { samples: 9 } }],
    ['number of threads', { options: { threads: 9 } }],
    ['camera', { options: { camera: 'Left' } }],
    ['choice of kept data', { options: { persistentData: 'off' } }],
    ['file of the same name', { ...older, scenePath: 'other/shot.blend' }],
  ])('ignores a render of another %s', async (_, changes) => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12, changes);
    expect(await findPace(plan(), OUTPUT, storage)).toBeUndefined();
  });

  test('takes the seconds of another range of frames, whatever the video', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12, { options: { frames: '1-2', video: 'prores' } });
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test.each(['shot-2-11111111', 'other-11111111', 'shot-name', 'shot'])(
    'ignores the render %s',
    async (id) => {
      const { storage } = shot();
      await rendered(storage, id, 12);
      expect(await findPace(plan(), OUTPUT, storage)).toBeUndefined();
    },
  );

  test('skips a render without a frame and one with a damaged plan', async () => {
    const { storage, render } = shot('shot-22222222');
    await rendered(storage, 'shot-11111111', 12);
    await Render.at(OUTPUT, 'shot-33333333', storage).manifest.write(manifestFor('shot-33333333', 2));
    await storage.put(render.manifest.url, 'damaged');
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test('treats kept data by default as auto', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12, { options: { persistentData: 'auto' } });
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test('finds a render behind the newer ones of other cameras', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12);
    await later(storage);
    for (let i = 0; i < 9; i += 1)
      await rendered(storage, `shot-2222222${i}`, 99, { options: { camera: `${i}` } });
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test('takes the newest of 40 renders, whatever their names', async () => {
    const { storage } = shot();
    for (let i = 10; i < 50; i += 1) await rendered(storage, `shot-111111${i}`, 99);
    await later(storage);
    await rendered(storage, 'shot-ffffffff', 12);
    expect(await findPace(plan(), OUTPUT, storage)).toMatchObject({ frameSeconds: 12 });
  });

  test('lists no more than 1,000 names', async () => {
    const { storage } = shot();
    let listed = 0;
    jest.spyOn(storage, 'listFolder').mockImplementation(async function* () {
      for (let i = 0; i < 5000; i += 1) {
        listed += 1;
        yield { name: `shot-010-${i}` };
      }
    });
    expect(await findPace(plan(), OUTPUT, storage)).toBeUndefined();
    expect(listed).toBe(1000);
  });

  test('lists and reads the plans once for all cameras', async () => {
    const { storage } = shot();
    await rendered(storage, 'shot-11111111', 12, { options: { camera: 'Left' } });
    const [listing, head] = [jest.spyOn(storage, 'listFolder'), jest.spyOn(storage, 'head')];
    const earlier: EarlierRenders = new Map();
    const paceOf = (camera: string) => findPace(plan({ options: { camera } }), OUTPUT, storage, earlier);
    expect(await paceOf('Right')).toBeUndefined();
    expect(await paceOf('Left')).toMatchObject({ frameSeconds: 12 });
    expect([listing.mock.calls.length, head.mock.calls.length]).toEqual([1, 1]);
  });

  test('knows no pace if storage refuses the listing', async () => {
    const { storage } = shot();
    const denied = new StorageError('denied', OUTPUT, 'no permission');
    jest.spyOn(storage, 'list').mockImplementation(() => {
      throw denied;
    });
    expect(await findPace(plan(), OUTPUT, storage)).toBeUndefined();
  });
});
