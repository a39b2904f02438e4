import { existsSync } from 'node:fs';
import { makeScene } from '../support/blender';
import { manifestOf, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();

const render = (scene: string, ...flags: string[]) =>
  spotreel(['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none', ...flags]);

/** As of an add-on. */
const LUXCORE = `
class Lux(bpy.types.RenderEngine):
    bl_idname, bl_label = 'LUXCORE', 'LuxCore'
bpy.utils.register_class(Lux)
scene.render.engine = 'LUXCORE'`;

describe('the engine', () => {
  test('render refuses an unknown engine of the user before it creates anything', async () => {
    const scene = await makeScene(at('shot.blend'));
    const refused = await render(scene, '--engine', 'luxcore');
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--engine luxcore: unknown engine; give cycles, eevee or workbench'),
    });
    expect(existsSync(at('out'))).toBe(false);
  });

  test("render refuses a scene of an add-on's engine, and renders it with another engine", async () => {
    const scene = await makeScene(at('lux.blend'), LUXCORE);
    const refused = await render(scene);
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('engine LUXCORE belongs to an add-on'),
    });
    expect(existsSync(at('out'))).toBe(false);
    expect(await render(scene, '--engine', 'cycles')).toMatchObject({ exitCode: 0 });
    expect(manifestOf(onlyRender(at('out')))).toMatchObject({
      engine: 'CYCLES',
      options: { engine: 'CYCLES' },
    });
  });
});
