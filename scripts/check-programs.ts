import { askBlenderVersion, findProgram } from '../container/worker/programs';
import { codeOf } from '../core/errors';
import { oldBlender } from '../core/render/blender-version';

/**
 * For `setup.mjs`: looks for Blender and ffmpeg as a render does, and prints `{"missing":["ffmpeg"],"old":"Blender 3.4 is…"}`.
 */
async function main(): Promise<void> {
  const missing = (['blender', 'ffmpeg'] as const).filter((program) => pathOf(program) === undefined);
  const blender = pathOf('blender');
  const old = blender === undefined ? undefined : oldBlender(await askBlenderVersion(blender, process.env));
  process.stdout.write(`${JSON.stringify({ missing, old })}\n`);
}

function pathOf(program: 'blender' | 'ffmpeg'): string | undefined {
  try {
    return findProgram(program, process.env);
  } catch (error) {
    if (codeOf(error) === 'no-program') return undefined;
    throw error;
  }
}

void main();
