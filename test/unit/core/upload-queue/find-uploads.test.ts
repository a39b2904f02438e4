import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { StorageError } from '../../../../core/storage/storage';
import { findUploads, uploadFingerprint } from '../../../../core/upload-queue/find-uploads';

const DIRECTORY = new URL('memory://films/');

async function folderOf(...keys: string[]) {
  const storage = new MemoryStorage();
  for (const key of keys) await storage.put(new URL(key, DIRECTORY), key);
  return storage;
}

test('scenes at the top and in projects; nothing that is deeper, hidden, a backup or an output', async () => {
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

test('another version once the scene or its sidecar is another', async () => {
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

test('a scene in a project waits for all that lies in there, one at the top for itself', async () => {
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

test('a project is listed once in a look, however many scenes lie in it', async () => {
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

test('a project that cannot be read hides no other upload', async () => {
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
