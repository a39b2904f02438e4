import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installFakeBlender } from '../test/support/fake-blender';
import { measure, type Measured } from './measure';
import { isSpotreel, ROOT } from './ways';

/** A plan of 10,000 frames, drawn by a fake Blender so that only Spotreel's own work is seen. */
export async function manyFrames(folder: string): Promise<Measured> {
  await mkdir(folder, { recursive: true });
  const environment = installFakeBlender(join(folder, 'blender'), { width: 64, height: 36 });
  const scene = join(ROOT, 'examples/clock.blend');
  const flags = ['-o', join(folder, 'out'), '--frames', '1-10000', '--resolution-percent', '10'];
  const command = [process.execPath, join(ROOT, 'dist/spotreel.js'), 'render', scene, ...flags];
  return measure(command, { environment, isOwn: isSpotreel });
}
