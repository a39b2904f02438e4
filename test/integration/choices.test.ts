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

describe('denoising without OpenImageDenoise', () => {
  test('inspect and render report it before a frame is tried', async () => {
    const scene = await makeScene(at('noisy.blend'), 'scene.cycles.use_denoising = True');
    const lacks = 'this Blender was built without OpenImageDenoise; install a Blender from blender.org';
    const inspected = await spotreel(['inspect', scene]);
    expect(inspected.stdout).toContain(
      `error: denoiser-missing: Cycles cannot render this scene with denoising: ${lacks}`,
    );
    const refused = await render(scene, '--force');
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(lacks) });
    expect(existsSync(at('out'))).toBe(false);
  });

  test('a scene that does not denoise is rendered', async () => {
    const scene = await makeScene(
      at('layer.blend'),
      'scene.cycles.use_denoising = True\nscene.view_layers[0].cycles.use_denoising = False',
    );
    expect(await render(scene)).toMatchObject({ exitCode: 0 });
  });
});

describe('a Blender that prints lines before its version', () => {
  test('is asked for its version', async () => {
    const scene = await makeScene(at('shot.blend'));
    const OCIO = '/usr/share/blender/datafiles/colormanagement/config.ocio';
    const environment = { OCIO };
    const result = await spotreel(['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none'], {
      environment,
    });
    expect(result).toMatchObject({ exitCode: 0 });
  });
});
