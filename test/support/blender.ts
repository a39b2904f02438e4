import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SceneMaker } from './scene-maker';

const run = promisify(execFile);

/** Lines of Python at the start of every scene script: `scene` is small and quick to render. */
const PREPARE = `
import bpy
scene = bpy.context.scene
scene.render.engine = 'CYCLES'
scene.cycles.samples = 1
scene.cycles.use_denoising = False
scene.render.resolution_x = 64
scene.render.resolution_y = 48
scene.frame_end = 6
`;

let maker: SceneMaker | undefined;
// A Blender for each file of tests; it starts with the first scene.
afterAll(() => maker?.stop());

/** Makes a real .blend with real Blender: its default scene, small, changed by Python `lines`. */
export async function makeScene(path: string, lines = '', compress = false): Promise<string> {
  if (!maker || maker.hasEnded) maker = new SceneMaker();
  await maker.make({ script: `${PREPARE}\n${lines}`, path, compress });
  return path;
}

/** Runs real Blender in the background; gives what it printed. */
export async function blender(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await run('blender', ['--background', '-noaudio', ...args], {
    env: { ...process.env, ...environment },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
