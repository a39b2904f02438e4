import { existsSync, readdirSync } from 'node:fs';
import {
  blenderArgs,
  mixArgs,
  prepareBlender,
  prepareMix,
  withDefaults,
} from '../../../../../container/worker/blender/prepare';
import type { WorkerContext } from '../../../../../container/worker/context';
import { makeScratch } from '../../../../../container/worker/context';
import type { Manifest } from '../../../../../core/render/manifest';
import { planRender } from '../../../../../core/scene/plan';
import { CountingStorage, facts, putAll } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

describe('withDefaults', () => {
  test('takes the farm’s default where the plan does not choose', () => {
    const options = withDefaults({ samples: 4 }, { SPOTREEL_PERSISTENT_DATA: 'off' });
    expect(options).toEqual({ samples: 4, persistentData: 'off' });
  });

  test.each(['auto', 'on'] as const)(
    'keeps %s of the plan, whatever the farm’s default',
    (persistentData) => {
      const options = withDefaults({ persistentData }, { SPOTREEL_PERSISTENT_DATA: 'off' });
      expect(options).toEqual({ persistentData });
    },
  );

  test.each([{}, { SPOTREEL_PERSISTENT_DATA: 'perhaps' }])('has no default from %j', (environment) => {
    expect(withDefaults({}, environment)).toEqual({});
  });
});

describe('blender args', () => {
  const start = {
    file: '/scratch/a film/shot.blend',
    manifest: { scene: '-Y "x"; $(rm)', options: { samples: 4, resolutionPercent: 10 } },
    directory: '/scratch/frames',
    script: '/app/render_frames.py',
    threads: 2,
  };
  const args = blenderArgs(start);

  test('the arguments of Blender switch scripts off before the scene', () => {
    expect(args.indexOf('-Y')).toBeGreaterThan(-1);
    expect(args.indexOf('-Y')).toBeLessThan(args.indexOf(start.file));
    expect(args.indexOf('--factory-startup')).toBeLessThan(args.indexOf(start.file));
  });

  test('the arguments of Blender name scene and threads but not the output format', () => {
    expect(args.slice(args.indexOf('-S'), args.indexOf('-S') + 2)).toEqual(['-S', start.manifest.scene]);
    expect(args).not.toContain('-F');
    expect(args.slice(args.indexOf('-t'), args.indexOf('-t') + 2)).toEqual(['-t', '2']);
  });

  test('the arguments of Blender end with the job as one argument for the script', () => {
    expect(args.at(-2)).toBe('--');
    expect(JSON.parse(args.at(-1)!)).toEqual({
      scene: start.manifest.scene,
      directory: '/scratch/frames',
      samples: 4,
      resolutionPercent: 10,
    });
  });

  test('the job for the script says when to keep data between frames', () => {
    const manifest = { scene: 'Cut', options: { persistentData: 'off' as const } };
    expect(JSON.parse(blenderArgs({ ...start, manifest }).at(-1)!)).toMatchObject({ persistentData: 'off' });
  });

  test('the job for the script has the saved engine unless the options name another', () => {
    const jobOf = (options: object) => {
      const manifest = { scene: 'Cut', engine: 'BLENDER_EEVEE', options };
      return JSON.parse(blenderArgs({ ...start, manifest }).at(-1)!);
    };
    expect(jobOf({})).toMatchObject({ sceneEngine: 'BLENDER_EEVEE' });
    expect(jobOf({ engine: 'CYCLES' })).toMatchObject({ engine: 'CYCLES' });
    expect(jobOf({ engine: 'CYCLES' })).not.toHaveProperty('sceneEngine');
  });

  test('the arguments of the mixdown name scene and frames, with scripts off', () => {
    const frames = { start: 5, end: 9 };
    const mix = mixArgs({
      ...start,
      manifest: { scene: 'Cut', options: {} },
      script: '/app/mix_sound.py',
      frames,
      path: '/scratch/m.flac',
    });
    expect(mix.indexOf('-Y')).toBeLessThan(mix.indexOf(start.file));
    expect(mix.slice(mix.indexOf(start.file)).slice(1, 3)).toEqual(['-S', 'Cut']);
    expect(mix.at(-2)).toBe('--');
    expect(JSON.parse(mix.at(-1)!)).toEqual({ scene: 'Cut', start: 5, end: 9, path: '/scratch/m.flac' });
  });

  test('the arguments of Blender allow scripts only if the options do, for frames and sound', () => {
    const manifest = { scene: 'Cut', options: { allowScripts: true } } as const;
    const allowed = blenderArgs({ ...start, manifest });
    const mix = mixArgs({ ...start, manifest, frames: { start: 1, end: 2 }, path: '/scratch/m.flac' });
    for (const argv of [allowed, mix]) {
      expect(argv).not.toContain('-Y');
      expect(argv.indexOf('-y')).toBe(argv.indexOf(start.file) - 1);
    }
    expect(JSON.parse(allowed.at(-1)!)).toMatchObject({ allowScripts: true });
  });
});

describe('prepare blender', () => {
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

  test('prepareBlender gives Blender the threads of the plan rather than those of the job', async () => {
    const { manifest, context } = await setUp('3.4.1');
    const threadsOf = async (options: object) => {
      const environment = { ...context.environment, SPOTREEL_THREADS: '8' };
      const { command } = await prepareBlender({ ...manifest, options }, { ...context, environment });
      return command[command.indexOf('-t') + 1];
    };
    expect(await threadsOf({})).toBe('8');
    expect(await threadsOf({ threads: 2 })).toBe('2');
  });

  test('prepareBlender keeps the GPU kernels of a render in a folder that only Blenders of its plan share', async () => {
    const { manifest, context } = await setUp('3.4.1');
    const environment = { ...context.environment, SPOTREEL_KERNELS: at('kernels') };
    const kernelsOf = async (options: Manifest['options']) => {
      const prepared = await prepareBlender({ ...manifest, options }, { ...context, environment });
      const { CUDA_CACHE_PATH: cuda, OPTIX_CACHE_PATH: optix } = prepared.environment;
      const granted = prepared.command.filter((argument) => argument.startsWith(at('kernels')));
      return { cuda, optix, granted };
    };
    const first = await kernelsOf({ device: 'GPU' });
    expect(first.cuda).toMatch(/kernels\/[0-9a-f]{32}$/);
    expect(first).toEqual({ cuda: first.cuda, optix: first.cuda, granted: [first.cuda] });
    expect(await kernelsOf({ device: 'GPU' })).toEqual(first);
    expect((await kernelsOf({ device: 'GPU', samples: 9 })).cuda).not.toBe(first.cuda);
    expect(await kernelsOf({})).toEqual({ granted: [] });
    expect(readdirSync(at('kernels'))).toHaveLength(2);
  });

  test('prepareBlender fetches nothing if Blender is too old', async () => {
    const { manifest, context } = await setUp('2.93.0');
    await expect(prepareMix(manifest, FRAMES, at('mixed.flac'), context)).rejects.toMatchObject({
      code: 'blender-too-old',
    });
    expect(readdirSync(at('scratch/own'))).toEqual([]);
  });
});
