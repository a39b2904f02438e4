import type { Manifest } from '../../core/contract/manifest';

/** What Blender is started with. */
export interface BlenderStart {
  /** The `.blend` on this machine. */
  readonly file: string;
  readonly manifest: Pick<Manifest, 'scene' | 'options'> & Partial<Pick<Manifest, 'engine' | 'colors'>>;
  /** Where the frames are saved. */
  readonly directory: string;
  /** The script that renders frame after frame. */
  readonly script: string;
  /** 0: as many as there are cores. */
  readonly threads: number;
}

/**
 * Blender's argument list. The order matters: Blender acts on each argument as it meets it. `-Y` (scripts off; `-y`: on) must
 * stand before the file, or its scripts have run by then; factory settings come first so that nobody's add-ons and preferences change
 * the pictures; `-S` only prints a line for an unknown scene, so the script checks it again. Not `-F`: the script is to see
 * which format the scene itself has, and says where frames are saved, too.
 */
export function blenderArgs({ file, manifest, directory, script, threads }: BlenderStart): string[] {
  const { scene, options } = manifest;
  const { camera, engine, samples, resolutionPercent, device, force, allowScripts } = options;
  const sceneEngine = engine === undefined ? manifest.engine : undefined;
  const asked = { camera, engine, sceneEngine, samples, resolutionPercent, device, force, allowScripts };
  const { colors } = manifest;
  const job = { scene, directory, colors, ...asked };
  return [...opening(file, scene, allowScripts), ...running(script, threads, job)];
}

/** What Blender is started with to mix the sound of a scene. */
export interface MixStart extends Pick<BlenderStart, 'file' | 'manifest' | 'script' | 'threads'> {
  /** Both inclusive. */
  readonly frames: { readonly start: number; readonly end: number };
  /** Of the FLAC file. */
  readonly path: string;
}

/** Blender's argument list to mix sound, in the same order. A mixdown needs no audio device, so `-noaudio` does no harm. */
export function mixArgs({ file, manifest, script, threads, frames, path }: MixStart): string[] {
  const { scene, options } = manifest;
  const { start, end } = frames;
  return [
    ...opening(file, scene, options.allowScripts),
    ...running(script, threads, { scene, camera: options.camera, start, end, path }),
  ];
}

function opening(file: string, scene: string, allowScripts = false): string[] {
  const scripts = allowScripts ? '-y' : '-Y';
  return ['--background', '-noaudio', '--factory-startup', scripts, file, '-S', scene];
}

function running(script: string, threads: number, job: object): string[] {
  const python = ['--python-exit-code', '1', '--python', script];
  return ['-t', String(threads), ...python, '--', JSON.stringify(job)];
}
