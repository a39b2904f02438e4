import { blenderArgs, mixArgs } from '../../../../container/worker/blender-args';

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
