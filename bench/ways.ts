import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { frameName } from '../core/render/keys';
import { measure, type Measured, run } from './measure';

/** A film to be made: frames 1 to `frames` of a scene, at `fps`. */
export interface Film {
  readonly scene: string;
  readonly frames: number;
  readonly fps: number;
  /** Emptied before each run. */
  readonly folder: string;
}

export const ROOT = join(__dirname, '..');

/** The example with `settings` of its scene's changed (lines of Python), saved compressed as `path`. */
export function saveExample(path: string, settings: readonly string[]): Promise<void> {
  const changes = [
    'import bpy',
    'scene = bpy.context.scene',
    ...settings,
    `bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(path)}, compress=True)`,
  ];
  return run(['blender', '-b', join(ROOT, 'examples/clock.blend'), '--python-expr', changes.join('\n')]);
}

/** One way to make a film, start to end. */
export type Way = (film: Film) => Promise<Measured>;

/** (a) One Blender over the whole range, then one ffmpeg: the baseline. */
export const plainBlender: Way = plainWith([]);

/** The same, with the data that Blender can keep between frames. */
export const plainKeeping: Way = plainWith([
  '--python-expr',
  'import bpy; bpy.context.scene.render.use_persistent_data = True',
]);

function plainWith(more: readonly string[]): Way {
  return (film) =>
    timed(async () => {
      const { scene, folder, frames } = film;
      const range = ['-s', '1', '-e', String(frames), '-a'];
      const output = ['-o', join(folder, '####'), '-F', 'PNG', '-x', '1'];
      await run(['blender', '-b', '-Y', scene, ...more, ...output, ...range]);
      await plainFfmpeg({ frames: film.folder, video: join(film.folder, 'output.mp4'), fps: film.fps });
    });
}

/** (b) Spotreel, with its defaults or with `flags`. */
export function spotreelWith(...flags: string[]): Way {
  return ({ scene, folder, frames }) => {
    const program = join(ROOT, 'dist/spotreel.js');
    const command = [
      process.execPath,
      program,
      'render',
      scene,
      '-o',
      folder,
      '--frames',
      `1-${frames}`,
      ...flags,
    ];
    return measure(command, { isOwn: isSpotreel });
  };
}

/** Whether a command line is one of Spotreel's own processes: not Blender, not ffmpeg, not this benchmark. */
export function isSpotreel(commandLine: string): boolean {
  return /dist\/(spotreel|worker)\.js (render|stitch) /.test(commandLine) && !commandLine.includes('setpriv');
}

/**
 * (c) The workshop's way: a process for each frame, the whole file copied for each, frames moved when done, then one
 * ffmpeg. Its jobs ask for one vCPU, so as many run at a time as there are cores.
 */
export const workshop: Way = (film) =>
  timed(async () => {
    const { scene, folder, frames } = film;
    const waiting = Array.from({ length: frames }, (_, i) => i + 1);
    const lane = async () => {
      for (let frame = waiting.shift(); frame !== undefined; frame = waiting.shift()) {
        const scratch = join(folder, `job-${frame}`);
        await mkdir(scratch, { recursive: true });
        const copy = join(scratch, basename(scene));
        await copyFile(scene, copy);
        const range = ['-s', String(frame), '-e', String(frame), '-a'];
        await run(['blender', '-noaudio', '-b', copy, '-E', 'CYCLES', '-o', join(scratch, '####'), ...range]);
        await rename(join(scratch, frameName(frame)), join(folder, frameName(frame)));
        await rm(scratch, { recursive: true });
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, lane));
    await plainFfmpeg({ frames: film.folder, video: join(film.folder, 'output.mp4'), fps: film.fps });
  });

/** A folder's frames from 1 on as an H.264 video, with the encoder's settings that Spotreel has. */
export function plainFfmpeg(film: { frames: string; video: string; fps: number }): Promise<void> {
  const input = ['-framerate', String(film.fps), '-i', join(film.frames, '%04d.png')];
  const codec = ['-c:v', 'libx264', '-preset', 'medium', '-crf', '18', '-pix_fmt', 'yuv420p'];
  return run(['ffmpeg', '-v', 'error', '-y', ...input, ...codec, '-movflags', '+faststart', film.video]);
}

async function timed(work: () => Promise<void>): Promise<Measured> {
  const began = process.hrtime.bigint();
  await work();
  return { seconds: Number(process.hrtime.bigint() - began) / 1e9, peakMemoryBytes: 0 };
}
