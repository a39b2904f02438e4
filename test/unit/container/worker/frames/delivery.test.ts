import { copyFileSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { deliverFrame } from '../../../../../container/worker/frames/delivery';
import { MOST_OUTPUTS } from '../../../../../core/render/keys';
import { Render } from '../../../../../core/render/render';
import { CALL_FAULTS, FaultyProcess } from '../../../../support/faulty-calls';
import { MemoryStorage } from '../../../../support/memory-storage';
import { useScratchFolder } from '../../../../support/scratch-folder';
import { ROOT } from '../../../../support/source-files';

describe('frame delivery', () => {
  const at = useScratchFolder();
  const FOLDER = new URL('memory://films/renders/clock/');
  const MANIFEST = { resolution: { width: 32, height: 18 } };
  const RENDER = Render.in(FOLDER, new MemoryStorage());
  const MASTER = RENDER.masterUrl(7, 'exr');
  const FRAME = RENDER.frameUrl(7);
  const FAILURE = RENDER.failure(7).url;

  /** As Blender leaves it: a PNG, and an OpenEXR with all its passes. */
  function saveFrame() {
    writeFileSync(at('0007.png'), PNG.sync.write(new PNG(MANIFEST.resolution)));
    copyFileSync(join(ROOT, 'test/fixtures/masters/3.4-layers.exr'), at('0007.exr'));
    return { frame: 7, path: at('0007.png'), master: { path: at('0007.exr'), ending: 'exr' } } as const;
  }

  const deliver = (saved: Parameters<typeof deliverFrame>[0], storage: MemoryStorage) =>
    deliverFrame(saved, { manifest: MANIFEST, render: Render.in(FOLDER, storage), own: at('own') });

  beforeEach(() => mkdirSync(at('own')));

  describe.each([1, 2, 3])('a worker that fails at storage call %i', (call) => {
    test.each(CALL_FAULTS)(
      '(%s) leaves no failure record beside a stored frame and no frame without its master',
      async (fault) => {
        const storage = new MemoryStorage();
        await storage.put(FAILURE, '{}');
        const seen = new FaultyProcess(call, fault).see(storage);
        const place = { manifest: MANIFEST, render: Render.in(FOLDER, seen), own: at('own') };
        const delivered = deliverFrame(saveFrame(), place);
        await expect(delivered).rejects.toThrow(/the call failed|the process is gone/);
        const frame = await storage.head(FRAME);
        expect(frame && (await storage.head(FAILURE))).toBeUndefined();
        expect(frame && !(await storage.head(MASTER))).toBeFalsy();
      },
    );
  });

  test('frame delivery moves a frame and its master from scratch to storage', async () => {
    const storage = new MemoryStorage();
    expect(await deliver(saveFrame(), storage)).toEqual({ bytes: expect.any(Number) });
    expect(await storage.head(FRAME)).toBeDefined();
    expect((await storage.get(MASTER)).byteLength).toBe(2119);
    expect(readdirSync(at(), { recursive: true })).toEqual(['own']);
  });

  test('frame delivery moves only the frame if there is no master', async () => {
    const storage = new MemoryStorage();
    const { frame, path } = saveFrame();
    await deliver({ frame, path }, storage);
    expect(await storage.head(FRAME)).toBeDefined();
    expect(await storage.head(MASTER)).toBeUndefined();
  });

  test.each([
    ['is missing', 'nothing.exr', 'Blender reported the EXR file of frame 7 as saved but wrote no file'],
    ['is a link', 'link.exr', 'Blender saved the EXR file of frame 7 as a symbolic link, not a file'],
    ['is a folder', 'folder', 'Blender saved the EXR file of frame 7 as a folder, not a file'],
    ['has another name', 'hard.exr', 'Blender saved the EXR file of frame 7 as a hard link to another file'],
    ['is empty', 'empty.exr', 'Blender saved a bad EXR file: it is empty'],
    ['is not an OpenEXR file', '0007.png', 'Blender saved a bad EXR file: it is not an OpenEXR file'],
  ])('frame delivery fails the frame and stores nothing if the master %s', async (_, name, fault) => {
    const storage = new MemoryStorage();
    const saved = saveFrame();
    writeFileSync(at('empty.exr'), '');
    mkdirSync(at('folder'));
    linkSync(saved.master.path, at('hard.exr'));
    symlinkSync(saved.master.path, at('link.exr'));
    const master = { path: at(name), ending: 'exr' } as const;
    expect(await deliver({ ...saved, master }, storage)).toEqual({ fault });
    expect(await storage.head(FRAME)).toBeUndefined();
    expect(await storage.head(MASTER)).toBeUndefined();
  });
});

describe('output delivery', () => {
  const at = useScratchFolder();
  const FOLDER = new URL('memory://films/renders/clock/');
  const RENDER = Render.in(FOLDER, new MemoryStorage());
  const FRAME = RENDER.frameUrl(7);
  const MANIFEST = { resolution: { width: 64, height: 48 } };
  const MASK = { node: 'Mask', file: 'sub/Image0007.png' };
  const DEPTH = { node: 'Tiefe_ü', file: 'z 0007.tif' };

  beforeEach(() => {
    mkdirSync(at('own'));
    mkdirSync(at('saved'));
  });

  /** As Blender leaves it: a frame, and pictures of other sizes. */
  function saveFrame() {
    writeFileSync(at('saved/0007.png'), PNG.sync.write(new PNG(MANIFEST.resolution)));
    copyFileSync(join(ROOT, 'test/fixtures/masters/5.2-picture.png'), at('saved/7-0.output'));
    copyFileSync(join(ROOT, 'test/fixtures/masters/3.4-picture.tif'), at('saved/7-1.output'));
    const outputs = [
      { ...MASK, path: at('saved/7-0.output') },
      { ...DEPTH, path: at('saved/7-1.output') },
    ];
    return { frame: 7, path: at('saved/0007.png'), outputs };
  }

  const deliver = (saved: Parameters<typeof deliverFrame>[0], storage: MemoryStorage) =>
    deliverFrame(saved, { manifest: MANIFEST, render: Render.in(FOLDER, storage), own: at('own') });

  test('output delivery moves files of File Output nodes from scratch to storage', async () => {
    const storage = new MemoryStorage();
    expect(await deliver(saveFrame(), storage)).toEqual({ bytes: expect.any(Number) });
    for (const output of [MASK, DEPTH]) expect(await storage.head(RENDER.outputUrl(output))).toBeDefined();
    expect(await storage.head(FRAME)).toBeDefined();
    expect(readdirSync(at(), { recursive: true, encoding: 'utf8' }).toSorted()).toEqual(['own', 'saved']);
  });

  test.each([1, 2, 3, 4])(
    'a worker that fails at storage call %i leaves no frame without its output files',
    async (call) => {
      const storage = new MemoryStorage();
      const seen = new FaultyProcess(call, 'answer lost').see(storage);
      const delivered = deliverFrame(saveFrame(), {
        manifest: MANIFEST,
        render: Render.in(FOLDER, seen),
        own: at('own'),
      });
      await expect(delivered).rejects.toThrow('the call failed');
      const frame = await storage.head(FRAME);
      for (const output of [MASK, DEPTH]) {
        expect(frame && !(await storage.head(RENDER.outputUrl(output)))).toBeFalsy();
      }
    },
  );

  test.each<[string, object, RegExp]>([
    [
      'is a link',
      { path: 'link' },
      /saved file "z 0007.tif" of File Output node "Tiefe_ü" as a symbolic link/,
    ],
    ['is a second name of a file', { path: 'hard' }, /as a hard link/],
    ['is missing', { path: 'nothing' }, /as saved but wrote no file/],
    ['is cut off', { path: 'cut' }, /bad file "z 0007.tif" of File Output node "Tiefe_ü": it is cut off/],
    ['is of another kind than its name', { file: 'a.exr' }, /bad file "a.exr" .*: it is not an OpenEXR file/],
    ['is of an unknown kind', { file: 'a.mp4' }, /a format that Spotreel cannot check/],
    ['leads out of its folder', { file: '../../frames/0001.png' }, /files with invalid names/],
    ['has a node that leads out', { node: '..' }, /files with invalid names/],
  ])('output delivery fails the frame if a file %s', async (_, changes, fault) => {
    const storage = new MemoryStorage();
    const { outputs, ...saved } = saveFrame();
    symlinkSync(outputs[1]!.path, at('link'));
    writeFileSync(at('other'), '');
    linkSync(at('other'), at('hard'));
    const whole = PNG.sync.write(new PNG(MANIFEST.resolution));
    writeFileSync(at('cut'), Buffer.concat([Buffer.from('49492a00ff000000', 'hex'), whole.subarray(0, 20)]));
    const { path, ...names } = changes as { path?: string };
    const bad = { ...outputs[1]!, ...names, ...(path !== undefined && { path: at(path) }) };
    const delivery = await deliver({ ...saved, outputs: [outputs[0]!, bad] }, storage);
    expect(delivery).toEqual({ fault: expect.stringMatching(fault) });
    expect(await storage.head(FRAME)).toBeUndefined();
    expect(await storage.head(RENDER.outputUrl(MASK))).toBeUndefined();
    expect(readdirSync(at('own'))).toEqual([]);
  });

  test('output delivery fails a frame with too many files', async () => {
    const { outputs, ...saved } = saveFrame();
    const many = Array.from({ length: MOST_OUTPUTS + 1 }, () => outputs[0]!);
    expect(await deliver({ ...saved, outputs: many }, new MemoryStorage())).toHaveProperty('fault');
  });
});
