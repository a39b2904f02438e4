import { copyFileSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { deliverFrame } from '../../../../container/worker/frame-delivery';
import { failureUrl, frameUrl, masterUrl } from '../../../../core/contract/keys';
import { MemoryStorage } from '../../../../core/storage/memory-storage';
import { CALL_FAULTS, FaultyProcess } from '../../../support/faulty-calls';
import { useScratchFolder } from '../../../support/scratch-folder';
import { ROOT } from '../../../support/source-files';

const at = useScratchFolder();
const FOLDER = new URL('memory://films/renders/clock/');
const MANIFEST = { resolution: { width: 32, height: 18 } };
const MASTER = masterUrl(FOLDER, 7, 'exr');

/** As Blender leaves it: a PNG, and an OpenEXR with all its passes. */
function saveFrame() {
  writeFileSync(at('0007.png'), PNG.sync.write(new PNG(MANIFEST.resolution)));
  copyFileSync(join(ROOT, 'test/fixtures/masters/3.4-layers.exr'), at('0007.exr'));
  return { frame: 7, path: at('0007.png'), master: { path: at('0007.exr'), ending: 'exr' } } as const;
}

const deliver = (saved: Parameters<typeof deliverFrame>[0], storage: MemoryStorage) =>
  deliverFrame(saved, { manifest: MANIFEST, folder: FOLDER, storage, own: at('own') });

beforeEach(() => mkdirSync(at('own')));

describe.each([1, 2, 3])('a worker that fails at storage call %i', (call) => {
  test.each(CALL_FAULTS)(
    '(%s) leaves no failure record beside a stored frame and no frame without its master',
    async (fault) => {
      const storage = new MemoryStorage();
      await storage.put(failureUrl(FOLDER, 7), '{}');
      const seen = new FaultyProcess(call, fault).see(storage);
      const place = { manifest: MANIFEST, folder: FOLDER, storage: seen, own: at('own') };
      const delivered = deliverFrame(saveFrame(), place);
      await expect(delivered).rejects.toThrow(/the call failed|the process is gone/);
      const frame = await storage.head(frameUrl(FOLDER, 7));
      expect(frame && (await storage.head(failureUrl(FOLDER, 7)))).toBeUndefined();
      expect(frame && !(await storage.head(MASTER))).toBeFalsy();
    },
  );
});

test('frame delivery moves a frame and its master from scratch to storage', async () => {
  const storage = new MemoryStorage();
  expect(await deliver(saveFrame(), storage)).toEqual({ bytes: expect.any(Number) });
  expect(await storage.head(frameUrl(FOLDER, 7))).toBeDefined();
  expect((await storage.get(MASTER)).byteLength).toBe(2119);
  expect(readdirSync(at(), { recursive: true })).toEqual(['own']);
});

test('frame delivery moves only the frame if there is no master', async () => {
  const storage = new MemoryStorage();
  const { frame, path } = saveFrame();
  await deliver({ frame, path }, storage);
  expect(await storage.head(frameUrl(FOLDER, 7))).toBeDefined();
  expect(await storage.head(MASTER)).toBeUndefined();
});

test.each([
  ['is missing', 'nothing.exr', 'Blender reported the EXR file of frame 7 as saved but wrote no file'],
  ['is a link', 'link.exr', 'Blender saved the EXR file of frame 7 as a symbolic link, not a file'],
  ['is a folder', 'folder', 'Blender saved the EXR file of frame 7 as a folder, not a file'],
  ['has another name', 'hard.exr', 'Blender saved the EXR file of frame 7 as a hard link to another file'],
  ['is empty', 'empty.exr', 'Blender saved a bad EXR file: it is empty'],
  ['is no OpenEXR file', '0007.png', 'Blender saved a bad EXR file: it is no OpenEXR file'],
])('frame delivery fails the frame and stores nothing if the master %s', async (_, name, fault) => {
  const storage = new MemoryStorage();
  const saved = saveFrame();
  writeFileSync(at('empty.exr'), '');
  mkdirSync(at('folder'));
  linkSync(saved.master.path, at('hard.exr'));
  symlinkSync(saved.master.path, at('link.exr'));
  const master = { path: at(name), ending: 'exr' } as const;
  expect(await deliver({ ...saved, master }, storage)).toEqual({ fault });
  expect(await storage.head(frameUrl(FOLDER, 7))).toBeUndefined();
  expect(await storage.head(MASTER)).toBeUndefined();
});
