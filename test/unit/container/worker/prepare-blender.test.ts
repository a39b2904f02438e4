import { existsSync, readdirSync } from 'node:fs';
import { prepareBlender, prepareMix } from '../../../../container/worker/prepare-blender';
import { makeScratch } from '../../../../container/worker/scratch';
import type { WorkerContext } from '../../../../container/worker/worker-context';
import { planRender } from '../../../../core/render/plan';
import { CountingStorage, facts, putAll } from '../../../support/made-scenes';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();

const FILES = ['film/lib.blend', 'film/song.WAV', 'film/take.mov', 'film/wood.png', 'film/sky.EXR'];

async function setUp(version: string) {
  const storage = new CountingStorage();
  const names = ['film/shot.blend', ...FILES];
  await putAll(storage, Object.fromEntries(names.map((name) => [`uploads/${name}`, 'x'])));
  const urlOf = (name: string) => `memory://films/uploads/${name}`;
  const etagOf = async (name: string) => (await storage.head(new URL(urlOf(name))))!.etag;
  const dependencies = await Promise.all(
    FILES.map(async (path) => ({ path, url: urlOf(path), size: 1, etag: await etagOf(path) })),
  );
  const manifest = planRender({
    renderId: 'shot',
    source: { url: urlOf('film/shot.blend'), etag: await etagOf('film/shot.blend'), size: 1 },
    facts: facts({ hasSoundStrips: true }),
    options: {},
    parallel: 1,
    now: new Date(0),
    checked: {
      scenePath: 'film/shot.blend',
      files: dependencies,
      findings: [],
      needsOneSlice: false,
      hasSpeakers: false,
    },
  });
  const context: WorkerContext = {
    storage,
    // No more is asked of it than to be there.
    environment: { SPOTREEL_BLENDER: process.execPath, SPOTREEL_BLENDER_VERSION: version },
    scratch: await makeScratch(at('scratch')),
    signal: new AbortController().signal,
    say: () => undefined,
    now: () => new Date(0),
  };
  return { manifest, context };
}

const FRAMES = { start: 5, end: 9 };

test('prepareBlender for sound fetches scene, libraries and sounds, but no pictures', async () => {
  const { manifest, context } = await setUp('3.4.1');
  const { command } = await prepareMix(manifest, FRAMES, at('mixed.flac'), context);
  expect(command).toContain(at('scratch/own/scene/film/shot.blend'));
  const fetched = FILES.filter((name) => existsSync(at('scratch/own/scene', name)));
  expect(fetched).toEqual(['film/lib.blend', 'film/song.WAV', 'film/take.mov']);
});

test('prepareBlender grants Blender its home and the saved folder, but not the folder of the worker', async () => {
  const { manifest, context } = await setUp('3.4.1');
  const { command, environment, directory } = await prepareBlender(manifest, context);
  const granted = command.slice(2, command.indexOf('--')).filter((argument) => argument.startsWith('/'));
  expect(granted).toEqual([at('scratch/blender'), at('scratch/saved')]);
  expect(directory).toBe(at('scratch/saved'));
  expect(environment).toMatchObject({ HOME: at('scratch/blender'), TMPDIR: at('scratch/blender') });
});

test('prepareBlender fetches nothing if Blender is too old', async () => {
  const { manifest, context } = await setUp('2.93.0');
  await expect(prepareMix(manifest, FRAMES, at('mixed.flac'), context)).rejects.toMatchObject({
    code: 'blender-too-old',
  });
  expect(readdirSync(at('scratch/own'))).toEqual([]);
});
