import { blenderArgs, mixArgs } from '../../../../container/worker/blender-args';

const start = {
  file: '/scratch/a film/shot.blend',
  manifest: { scene: '-Y "x"; $(rm)', options: { samples: 4, resolutionPercent: 10 } },
  directory: '/scratch/frames',
  script: '/app/render_frames.py',
  threads: 2,
};
const args = blenderArgs(start);

test('scripts of the file are switched off before it is opened', () => {
  expect(args.indexOf('-Y')).toBeGreaterThan(-1);
  expect(args.indexOf('-Y')).toBeLessThan(args.indexOf(start.file));
  expect(args.indexOf('--factory-startup')).toBeLessThan(args.indexOf(start.file));
});

test('the scene is named, threads are given, and the format is left to the script, which is to see the scene’s own', () => {
  expect(args.slice(args.indexOf('-S'), args.indexOf('-S') + 2)).toEqual(['-S', start.manifest.scene]);
  expect(args).not.toContain('-F');
  expect(args.slice(args.indexOf('-t'), args.indexOf('-t') + 2)).toEqual(['-t', '2']);
});

test('the job goes to the script as one argument, after everything that Blender reads', () => {
  expect(args.at(-2)).toBe('--');
  expect(JSON.parse(args.at(-1)!)).toEqual({
    scene: start.manifest.scene,
    directory: '/scratch/frames',
    samples: 4,
    resolutionPercent: 10,
  });
});

test('the job has the engine that was saved, unless another one is asked for', () => {
  const jobOf = (options: object) => {
    const manifest = { scene: 'Cut', engine: 'BLENDER_EEVEE', options };
    return JSON.parse(blenderArgs({ ...start, manifest }).at(-1)!);
  };
  expect(jobOf({})).toMatchObject({ sceneEngine: 'BLENDER_EEVEE' });
  expect(jobOf({ engine: 'CYCLES' })).toMatchObject({ engine: 'CYCLES' });
  expect(jobOf({ engine: 'CYCLES' })).not.toHaveProperty('sceneEngine');
});

test('sound is mixed of the scene and the frames, with scripts of the file off', () => {
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

test('scripts are switched on only where the options allow them, for frames and for sound', () => {
  const manifest = { scene: 'Cut', options: { allowScripts: true } } as const;
  const allowed = blenderArgs({ ...start, manifest });
  const mix = mixArgs({ ...start, manifest, frames: { start: 1, end: 2 }, path: '/scratch/m.flac' });
  for (const argv of [allowed, mix]) {
    expect(argv).not.toContain('-Y');
    expect(argv.indexOf('-y')).toBe(argv.indexOf(start.file) - 1);
  }
  expect(JSON.parse(allowed.at(-1)!)).toMatchObject({ allowScripts: true });
});
