import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';

const OUTPUT = new URL('memory://films/renders/');

function shot(name = 'shot') {
  const storage = new MemoryStorage();
  return { storage, render: Render.at(OUTPUT, name, storage) };
}

describe('a render', () => {
  test.each(['memory://films/renders', 'memory://films/renders/', 's3://films', 'file:///films/renders'])(
    'has its own folder in %s',
    (output) => {
      const { folder } = Render.at(new URL(output), 'shot-1234abcd', new MemoryStorage());
      expect(folder.href).toBe(`${output.replace(/\/$/, '')}/shot-1234abcd/`);
    },
  );

  test.each(['shot-1', 'прогулка', '歩く', 'ℵ_1'])('named %s is the same by its folder', (name) => {
    const { render, storage } = shot(name);
    expect(render.renderId).toBe(name);
    const same = Render.in(new URL(render.folder.href.slice(0, -1)), storage);
    expect(same.folder.href).toBe(render.folder.href);
    expect(same.renderId).toBe(name);
    expect(same.output.href).toBe(OUTPUT.href);
    expect(same.location).toBe(`memory://films/renders/${name}/`);
  });

  test.each(['..', '.', 'a/../..'])('cannot be named %s', (name) => {
    expect(() => shot(name)).toThrow(expect.objectContaining({ code: 'bad-url' }));
  });

  test('needs no request to know where its files are', () => {
    const { storage, render } = shot();
    const asked = [jest.spyOn(storage, 'get'), jest.spyOn(storage, 'head'), jest.spyOn(storage, 'list')];
    expect(render.manifest.url.href).toBe(`${render.folder.href}manifest.json`);
    for (const spy of asked) expect(spy).not.toHaveBeenCalled();
  });
});

test('a render has every file below its folder', () => {
  const { render } = shot();
  const places = {
    'manifest.json': render.manifest.url,
    'jobs.json': render.jobs.url,
    'submitting.json': render.claim.url,
    'status.json': render.status.url,
    'salvage.json': render.salvage.url,
    'gaps.json': render.gaps.url,
    'missing-files.json': render.missingFiles.url,
    'stitch.json': render.stitchRecord.url,
    'receipt.json': render.receipt.url,
    'retries/2.json': render.retry(2).url,
    'slices/12.json': render.slice(12).url,
    'failures/-7.json': render.failure(-7).url,
    'frames/-0003.png': render.frameUrl(-3),
    'masters/10000.exr': render.masterUrl(10000, 'exr'),
    'outputs/Depth/a%20b.png': render.outputUrl({ node: 'Depth', file: 'a b.png' }),
    'output.mp4': render.videoUrl(),
    'output.mov': render.videoUrl('prores'),
    'output.partial.webm': render.partialVideoUrl('vp9'),
    'poster.jpg': render.posterUrl,
    'contact-sheet.jpg': render.contactSheetUrl,
    'preview.mp4': render.previewUrl,
    'report.html': render.reportUrl,
    'thumbnails/0009.jpg': render.thumbnailUrl(9),
  };
  for (const [name, url] of Object.entries(places)) expect(render.nameOf(url)).toBe(name);
});

test('the local Batch is a hidden folder in the render’s folder', () => {
  const render = Render.at(new URL('file:///films/renders/'), 'shot', new MemoryStorage());
  expect(render.localBatchFolder).toBe('/films/renders/shot/.batch/');
});

describe('error codes of damaged documents', () => {
  test.each([
    ['manifest', 'bad-manifest', 'scene'],
    ['status', 'bad-status', 'internal'],
    ['gaps', 'bad-gaps', 'internal'],
  ] as const)('a damaged %s is %s', async (name, code, kind) => {
    const { render, storage } = shot();
    await storage.put(render[name].url, 'torn');
    await expect(render[name].read()).rejects.toMatchObject({ code, kind });
  });

  test('a damaged plan of a retry is bad-retry', async () => {
    const { render, storage } = shot();
    await storage.put(render.retry(1).url, 'torn');
    await expect(render.retries(1)).rejects.toMatchObject({ code: 'bad-retry', kind: 'scene' });
  });

  test('a manifest of a newer version is newer-manifest', async () => {
    const { render, storage } = shot();
    await storage.put(render.manifest.url, '{"version":2}');
    await expect(render.manifest.read()).rejects.toMatchObject({
      code: 'newer-manifest',
      message: expect.stringContaining('use that version'),
    });
  });
});

test('a cap is outside the folder of all renders', () => {
  expect(shot('прогулка').render.cap.url.href).toBe(
    `memory://films/caps/${encodeURIComponent('прогулка')}.json`,
  );
});
