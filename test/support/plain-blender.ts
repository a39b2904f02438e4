import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blender } from './blender';
import { comparePictures } from './compare-pictures';
import { onlyRender } from './render-folder';
import { spotreel } from './spotreel';

/** Renders the range of a scene with Blender alone, scripts off; gives the folder of its frames. */
export async function renderPlainly(file: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await blender(['--factory-startup', '-Y', file, '-o', join(folder, '####'), '-a']);
  return folder;
}

/** Renders a scene with Spotreel; gives the folder of its frames. */
export async function renderFrames(file: string, folder: string, ...flags: string[]): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { exitCode, stderr } = await spotreel(['render', file, '-o', folder, '--video', 'none', ...flags]);
  if (exitCode !== 0) throw new Error(stderr);
  return join(onlyRender(folder), 'frames');
}

/** The greatest difference of each frame in `frames` from the one of the same name in `reference`, in levels of 8 bits. */
export function differences(frames: string, reference: string): Record<string, number> {
  const names = readdirSync(frames).filter((name) => name.endsWith('.png'));
  const read = (folder: string, name: string) => readFileSync(join(folder, name));
  const pairs = names.map((name) => [name, comparePictures(read(reference, name), read(frames, name)).max]);
  return Object.fromEntries(pairs);
}
