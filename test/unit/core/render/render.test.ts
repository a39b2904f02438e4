import { basename } from 'node:path';
import type { Manifest } from '../../../../core/render/manifest';
import { Render } from '../../../../core/render/render';
import { MemoryStorage } from '../../../support/memory-storage';
import { failureUrl, frameUrl, gapsUrl } from '../../../support/render-urls';
import { manifestFor } from '../../../support/stored-render';

const OUTPUT = new URL('memory://films/renders/');
const AT = '2026-01-01T00:00:00.000Z';

function shot(name = 'shot') {
  const storage = new MemoryStorage();
  return { storage, render: Render.at(OUTPUT, name, storage) };
}

async function withFiles(...names: string[]) {
  const { storage, render } = shot();
  for (const name of names) await storage.put(new URL(name, render.folder), 'x');
  return render;
}

async function failed(render: Render, ...frames: number[]): Promise<void> {
  for (const frame of frames) {
    const reason = `reason ${frame}`;
    await render.failure(frame).write({ version: 1, frame, slice: 0, tries: 2, reason, failedAt: AT });
  }
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a cap', () => {
  test('is found by listing if its name is that of a render', async () => {
    const storage = new MemoryStorage();
    for (const renderId of ['shot', 'прогулка'])
      await Render.at(OUTPUT, renderId, storage).cap.write({ version: 1, renderId, maxUsd: 5, at: AT });
    for (const other of ['caps/notes.txt', 'caps/a/b.json', 'caps/-.json'])
      await storage.put(new URL(`memory://films/${other}`), 'x');
    const found = await collect(Render.allWithCap(OUTPUT, storage));
    expect(found.map(({ renderId }) => renderId)).toEqual(['shot', 'прогулка']);
    expect((await found[1]!.cap.read())?.maxUsd).toBe(5);
  });

  test('keeps the later request of concurrent updates', async () => {
    const { render } = shot();
    const times = Array.from({ length: 4 }, (_, i) => new Date(i).toISOString());
    await Promise.all(
      times.map((at, i) =>
        render.cap.update((before) =>
          before && before.at >= at ? undefined : { version: 1, renderId: 'shot', maxUsd: i + 1, at },
        ),
      ),
    );
    expect(await render.cap.read()).toMatchObject({ maxUsd: 4 });
  });
});

test('Render.all lists all folders of an output, and no files', async () => {
  const storage = new MemoryStorage();
  for (const name of ['a/jobs.json', 'b%20c/x', 'notes.txt']) await storage.put(new URL(name, OUTPUT), 'x');
  const found = await collect(Render.all(OUTPUT, storage));
  expect(found.map(({ renderId }) => renderId).toSorted()).toEqual(['a', 'b c']);
});

describe('frames', () => {
  const manifest = manifestFor('shot', 4);

  test('are stored if they are in the plan and have a file', async () => {
    const render = await withFiles(
      'frames/0001.png',
      'frames/0003.png',
      'frames/0009.png',
      'frames/0002.tmp',
    );
    const seen: string[] = [];
    const stored = await render.storedFrames(manifest, ({ url }) => seen.push(basename(url.pathname)));
    expect([...stored]).toEqual([1, 3]);
    expect(seen).toEqual(['0001.png', '0003.png']);
  });

  test('are missing without a file, also those that failed', async () => {
    const render = await withFiles('frames/0001.png', 'frames/0003.png');
    await failed(render, 4, 3, 9);
    const { missing, failed: givenUp } = await render.missingFrames(manifest);
    expect([...missing]).toEqual([2, 4]);
    expect([...givenUp]).toEqual([4]);
  });

  test('are missing after the video showed damage until they are written again', async () => {
    const render = await withFiles(
      'frames/0001.png',
      'frames/0002.png',
      'frames/0003.png',
      'frames/0004.png',
    );
    const gapsAt = (at: Date) => ({
      ...{ version: 1 as const, at: at.toISOString(), frameCount: 4, marked: false },
      gaps: [{ frame: 2, reason: 'it is torn', shown: 1 }],
    });
    await render.gaps.write(gapsAt(new Date(Date.now() + 60_000)));
    expect([...(await render.missingFrames(manifest)).missing]).toEqual([2]);
    await render.gaps.write(gapsAt(new Date(0)));
    expect((await render.missingFrames(manifest)).missing.size).toBe(0);
  });

  test('are found if any file is in their folder', async () => {
    expect(await (await withFiles('frames/notes.txt')).hasFrames()).toBe(true);
    expect(await (await withFiles('frames.txt')).hasFrames()).toBe(false);
  });
});

describe('failures', () => {
  test('are listed in order, with the reasons of the first hundred', async () => {
    const { render, storage } = shot();
    await failed(render, ...Array.from({ length: 115 }, (_, i) => i - 2));
    await storage.put(render.failure(1).url, 'torn');
    await storage.put(new URL('failures/notes.txt', render.folder), 'no frame');
    const { frames, first } = await render.failures(new Set([-1, 112]));
    expect(frames).toEqual([-2, ...Array.from({ length: 112 }, (_, i) => i)]);
    expect(first).toHaveLength(100);
    expect(first.slice(0, 3)).toEqual([
      { frame: -2, reason: 'reason -2' },
      { frame: 0, reason: 'reason 0' },
      { frame: 1, reason: 'no reason was noted' },
    ]);
  });
});

describe('slices', () => {
  test('are read by number, without unreadable ones', async () => {
    const { render, storage } = shot();
    for (const slice of [10, 2, 1]) await render.slice(slice).write({ version: 1, slice, attempts: [] });
    await storage.put(render.slice(3).url, 'torn');
    expect((await render.slices()).map(({ slice }) => slice)).toEqual([1, 2, 10]);
    expect(await collect(render.sliceFiles())).toHaveLength(4);
  });
});

describe('files of earlier versions', () => {
  const EARLIER_JOBS = {
    render: { jobId: 'r', jobName: 'shot_Rendering' },
    stitch: { jobId: 's', jobName: 'shot_Retry1_Stitching' },
  };
  const EARLIER_RETRY = { number: 1, why: 'asked', frames: 0 };

  test.each([
    [0, 'video'],
    [3, 'frames'],
  ])('a retry of %i slices in jobs.json has the kind %s', async (slices, kind) => {
    const { render, storage } = shot();
    const retry = { ...EARLIER_RETRY, slices };
    await storage.put(render.jobs.url, JSON.stringify({ ...EARLIER_JOBS, retry }));
    expect((await render.jobs.require()).retry).toEqual({ ...retry, kind });
  });

  test.each([
    [[], 'video'],
    [[{ start: 0, end: 2, step: 1 }], 'frames'],
  ])('a retry plan with the slices %j has the kind %s', async (slices, kind) => {
    const { render, storage } = shot();
    const plan = { version: 1, number: 1, createdAt: AT, why: 'asked', slices, frames: [], jobQueue: 'spot' };
    await storage.put(render.retry(1).url, JSON.stringify(plan));
    expect(await render.retry(1).require()).toEqual({ ...plan, kind });
  });

  test('a retry in status.json has a kind', async () => {
    const { render, storage } = shot();
    const status = {
      version: 1,
      renderId: 'shot',
      state: 'complete',
      at: AT,
      retry: { ...EARLIER_RETRY, slices: 0 },
      findings: [],
      links: { folder: 's3://films/renders/shot/' },
    };
    await storage.put(render.status.url, JSON.stringify(status));
    expect((await render.status.require()).retry).toMatchObject({ kind: 'video', slices: 0 });
  });
});

describe('retries', () => {
  const plan = (number: number) => ({
    ...{
      version: 1 as const,
      kind: 'video' as const,
      number,
      createdAt: AT,
      why: 'asked' as const,
      slices: [],
      frames: [],
    },
    jobQueue: 'spot',
  });

  test('are counted by the names of their plans', async () => {
    const render = await withFiles('retries/2.json', 'retries/10.json', 'retries/011.json', 'retries/x.json');
    expect(await render.lastRetry()).toBe(10);
    expect(await shot().render.lastRetry()).toBe(0);
  });

  test('are read up to a number', async () => {
    const { render } = shot();
    for (const number of [1, 2, 3]) await render.retry(number).write(plan(number));
    expect((await render.retries(2)).map(({ number }) => number)).toEqual([1, 2]);
    await expect(render.retries(4)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('gaps', () => {
  const gaps = { version: 1 as const, at: AT, frameCount: 4, marked: false, gaps: [] };

  test('count for a job that was created earlier', async () => {
    const { render } = shot();
    expect(await render.gapsSince(0)).toBeUndefined();
    await render.gaps.write(gaps);
    expect(await render.gapsSince(Date.parse(AT))).toEqual(gaps);
    expect(await render.gapsSince(Date.parse(AT) + 1)).toBeUndefined();
    expect(await render.gapsSince(undefined)).toBeUndefined();
  });
});

describe('the time of a render', () => {
  const LATER = '2026-02-01T00:00:00.000Z';

  test('is that of its plan, also of one in a newer format', async () => {
    const { render, storage } = shot();
    await storage.put(render.manifest.url, JSON.stringify({ version: 2, createdAt: AT }));
    await storage.put(render.status.url, JSON.stringify({ at: LATER }));
    expect(await render.createdAt()).toBe(AT);
  });

  test('is that of its refusal if it was never planned', async () => {
    const { render, storage } = shot();
    expect(await render.createdAt()).toBeUndefined();
    await storage.put(render.status.url, JSON.stringify({ at: LATER }));
    expect(await render.createdAt()).toBe(LATER);
  });
});

describe('other files', () => {
  test('in the folder itself are listed by name', async () => {
    const render = await withFiles('report.html', 'output.mp4', 'frames/0001.png');
    expect([...(await render.ownFiles()).keys()].toSorted()).toEqual(['output.mp4', 'report.html']);
    expect(await collect(render.files())).toHaveLength(3);
  });

  test('of frames are listed with their numbers', async () => {
    const render = await withFiles(
      'frames/-0002.png',
      'frames/x.png',
      'masters/0003.exr',
      'masters/0003.txt',
    );
    const named = (files: ReadonlyArray<{ frame: number; name: string }>) =>
      files.map(({ frame, name }) => [frame, name]);
    expect(named(await collect(render.frameFiles()))).toEqual([[-2, '-0002.png']]);
    expect(named(await collect(render.masterFiles()))).toEqual([[3, '0003.exr']]);
  });

  test('of File Output nodes are listed if Spotreel gives such names', async () => {
    const render = await withFiles(
      'outputs/Depth/a/0001.png',
      'outputs/Mist/0001.png',
      'outputs/.x/0001.png',
    );
    const outputs = await collect(render.outputFiles());
    expect(outputs.map(({ node, file }) => [node, file])).toEqual([
      ['Depth', 'a/0001.png'],
      ['Mist', '0001.png'],
    ]);
    expect(await render.outputNodes()).toEqual(['Depth', 'Mist']);
  });

  test('are repairable unless they are plan, status or claim', async () => {
    const render = await withFiles('slices/0.json', 'failures/1.json', 'retries/1.json', 'slices/x.txt');
    const found = await render.repairable();
    expect(found.map(({ url }) => render.nameOf(url))).toEqual([
      'jobs.json',
      'stitch.json',
      'gaps.json',
      'receipt.json',
      'slices/0.json',
      'failures/1.json',
      'retries/1.json',
    ]);
    expect(await found[4]!.find()).toEqual({ damage: 'it is not JSON' });
    expect(await found[0]!.find()).toEqual({});
  });
});

test('the first plan counts if several are created', async () => {
  const { render } = shot();
  const [first, second]: Manifest[] = [manifestFor('shot', 4), manifestFor('shot', 5)];
  expect(await render.manifest.create(first!)).toEqual(first);
  expect(await render.manifest.create(second!)).toEqual(first);
  expect(await render.createdAt()).toBe(first!.createdAt);
});

test('missingFrames are frames without a file, and damaged ones until another file replaces them', async () => {
  const {
    storage,
    render: { folder },
  } = shot();
  const manifest = manifestFor('shot', 12, { framesPerSlice: 2, sliceCount: 6 });
  for (let frame = 1; frame <= 10; frame += 1) await storage.put(frameUrl(folder, frame), 'x');
  for (const frame of [5, 11]) {
    const failure = {
      version: 1,
      frame,
      slice: 0,
      tries: 2,
      reason: 'x',
      failedAt: '2026-01-01T00:00:00.000Z',
    };
    await storage.put(failureUrl(folder, frame), JSON.stringify(failure));
  }
  const { lastModified } = (await storage.head(frameUrl(folder, 3)))!;
  const gap = (frame: number) => ({ frame, reason: 'x', shown: 1 });
  const gaps = (at: Date) => ({
    version: 1,
    at: at.toISOString(),
    frameCount: 12,
    marked: false,
    gaps: [3, 11, 12].map(gap),
  });
  await storage.put(gapsUrl(folder), JSON.stringify(gaps(lastModified)));
  const found = await Render.in(folder, storage).missingFrames(manifest);
  expect({ missing: [...found.missing], failed: [...found.failed] }).toEqual({
    missing: [3, 11, 12],
    failed: [11],
  });
  // The frame is newer than the video.
  await storage.put(gapsUrl(folder), JSON.stringify(gaps(new Date(lastModified.getTime() - 1000))));
  expect([...(await Render.in(folder, storage).missingFrames(manifest)).missing]).toEqual([11, 12]);
});
