import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { blender, makeScene } from '../support/blender';
import { runsHeavy } from '../support/heavy';
import { manifestOf, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';

jest.setTimeout(180_000);

const at = useScratchFolder();
const pixels = (path: string) => PNG.sync.read(readFileSync(path)).data;

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
      stderr: expect.stringContaining('--engine luxcore is invalid: give cycles, eevee or workbench'),
    });
    expect(existsSync(at('out'))).toBe(false);
  });

  if (runsHeavy('commands'))
    test("render renders a scene of an add-on's engine only with another engine", async () => {
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

if (runsHeavy('pixels'))
  test('render with other threads resumes the same render', async () => {
    const scene = await makeScene(at('shot.blend'));
    expect(await render(scene, '--threads', '1')).toMatchObject({ exitCode: 0 });
    expect(manifestOf(onlyRender(at('out'))).options).not.toHaveProperty('threads');
    expect(await render(scene, '--threads', '2')).toMatchObject({ exitCode: 0 });
    expect(readdirSync(at('out'))).toHaveLength(1);
  });

describe('cameras', () => {
  const CAMERAS = `
import math
scene.frame_end = 3
main = scene.camera
main.name = 'Cam A'
other = bpy.data.objects.new('Cam B', bpy.data.cameras.new('B'))
other.location, other.rotation_euler = (0, -6, 0), (math.pi / 2, 0, 0)
scene.collection.objects.link(other)
scene.timeline_markers.new('a', frame=1).camera = main
scene.timeline_markers.new('b', frame=3).camera = other`;

  test('render refuses an unknown camera before it creates anything', async () => {
    const scene = await makeScene(at('shot.blend'), CAMERAS);
    const refused = await render(scene, '--camera', 'Nope');
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(
        'camera "Nope" is unknown: scene "Scene" has the cameras "Cam A", "Cam B"',
      ),
    });
    expect(existsSync(at('out'))).toBe(false);
  });

  test('render makes a group of renders, one for each camera, despite markers', async () => {
    const scene = await makeScene(at('shot.blend'), CAMERAS);
    const result = await render(
      scene,
      '--frames',
      '3',
      '--camera',
      'Cam A',
      '--camera',
      'Cam B',
      '-n',
      'take',
    );
    expect(result).toMatchObject({ exitCode: 0 });
    for (const camera of ['Cam A', 'Cam B']) {
      const unbind = 'for marker in bpy.context.scene.timeline_markers: marker.camera = None';
      const choose = `bpy.context.scene.camera = bpy.data.objects['${camera}']`;
      const python = ['--python-expr', `import bpy\n${unbind}\n${choose}`];
      await blender(['-Y', scene, ...python, '-o', at(`${camera}-####`), '-F', 'PNG', '-x', '1', '-f', '3']);
    }
    const own = ['Cam A', 'Cam B'].map((camera) => pixels(at(`${camera}-0003.png`)));
    const made = ['take-Cam-A', 'take-Cam-B'].map((name) => pixels(join(at('out'), name, 'frames/0003.png')));
    expect(made).toEqual(own);
    expect(own[0]!.equals(own[1]!)).toBe(false);
    const { stdout } = await spotreel(['list', '-o', at('out')]);
    expect(stdout).toMatch(
      /^take: 2 cameras\n {2}take-Cam-B .* camera Cam B\n {2}take-Cam-A .* camera Cam A\n$/,
    );
  });
});

describe('denoising without OpenImageDenoise', () => {
  if (runsHeavy('commands'))
    test('inspect and render report it before the first frame', async () => {
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

  if (runsHeavy('pixels'))
    test('a scene that does not denoise renders', async () => {
      const scene = await makeScene(
        at('layer.blend'),
        'scene.cycles.use_denoising = True\nscene.view_layers[0].cycles.use_denoising = False',
      );
      expect(await render(scene)).toMatchObject({ exitCode: 0 });
    });
});

describe('colour configurations', () => {
  const BLENDERS = '/usr/share/blender/datafiles/colormanagement';
  const VIEW = '- !<View> {name: StudioShow, colorspace: Filmic Log}';

  /** Blender's own configuration with one more view. */
  function studioConfig(): string {
    cpSync(BLENDERS, at('studio'), { recursive: true });
    const config = at('studio/config.ocio');
    const text = readFileSync(config, 'utf8')
      .replace(/^ {4}- !<View> \{name: Filmic,.*$/m, `$&\n    ${VIEW}`)
      .replace('active_views: [', 'active_views: [StudioShow, ');
    writeFileSync(config, text);
    return config;
  }

  /** A scene with a view of the studio's, and its first frame by Blender itself. */
  async function studioScene(OCIO: string): Promise<{ scene: string; own: Buffer }> {
    const plain = await makeScene(at('plain.blend'));
    const scene = at('shot.blend');
    const save = `import bpy\nbpy.context.scene.view_settings.view_transform = 'StudioShow'\nbpy.ops.wm.save_as_mainfile(filepath='${scene}')`;
    await blender(['-Y', plain, '--python-exit-code', '1', '--python-expr', save], { OCIO });
    await blender(['-Y', scene, '-o', at('own-####'), '-F', 'PNG', '-x', '1', '-f', '1'], { OCIO });
    return { scene, own: pixels(at('own-0001.png')) };
  }

  if (runsHeavy('pixels'))
    test('render shows a view that Blender would replace only with OCIO', async () => {
      const OCIO = studioConfig();
      const { scene, own } = await studioScene(OCIO);
      const refused = await render(scene);
      expect(refused).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('view "StudioShow" is missing'),
      });
      expect(existsSync(at('out'))).toBe(false);
      const args = ['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none'];
      expect(await spotreel(args, { environment: { OCIO } })).toMatchObject({ exitCode: 0 });
      const folder = onlyRender(at('out'));
      expect(pixels(join(folder, 'frames/0001.png')).equals(own)).toBe(true);
      expect(manifestOf(folder)).toMatchObject({ options: { ocio: '//studio/config.ocio' } });
      const other = await spotreel([...args, '-n', 'other'], {
        environment: { OCIO: join(BLENDERS, 'config.ocio') },
      });
      expect(other).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(`view "StudioShow" is missing in the OCIO configuration ${BLENDERS}`),
      });
    });

  if (runsHeavy('commands'))
    test('--ocio wins over OCIO, and its files count for the render id', async () => {
      const config = studioConfig();
      const { scene, own } = await studioScene(config);
      const args = ['render', scene, '-o', at('out'), '--frames', '1', '--video', 'none', '--ocio', config];
      const OCIO = join(BLENDERS, 'config.ocio');
      const rendered = await spotreel(args, { environment: { OCIO } });
      expect(rendered).toMatchObject({
        exitCode: 0,
        stderr: expect.not.stringContaining('OCIO configuration'),
      });
      const folder = onlyRender(at('out'));
      expect(pixels(join(folder, 'frames/0001.png')).equals(own)).toBe(true);
      const { dependencies = [] } = manifestOf(folder);
      const paths = dependencies.map(({ url }) => url);
      expect(paths).toEqual(expect.arrayContaining([config, at('studio/luts/dci_xyz.spi1d')]));
      writeFileSync(at('studio/luts/dci_xyz.spi1d'), '\n', { flag: 'a' });
      expect(await spotreel(args)).toMatchObject({ exitCode: 0 });
      expect(readdirSync(at('out'))).toHaveLength(2);
    });

  test('render refuses a missing or invalid configuration before it creates anything', async () => {
    const scene = await makeScene(at('shot.blend'));
    writeFileSync(at('notes.ocio'), 'colours');
    const missing = await render(scene, '--ocio', at('gone.ocio'));
    expect(missing).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(`OCIO configuration ${at('gone.ocio')} is missing`),
    });
    const none = await render(scene, '--ocio', at('notes.ocio'));
    expect(none).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('is not an OCIO configuration'),
    });
    expect(existsSync(at('out'))).toBe(false);
  });

  if (runsHeavy('pixels'))
    test('a configuration that OpenColorIO cannot load is never replaced', async () => {
      const scene = await makeScene(at('shot.blend'));
      writeFileSync(at('damaged.ocio'), 'ocio_profile_version: 1\nroles: [Standard\n');
      const failed = await render(scene, '--ocio', at('damaged.ocio'), '--force');
      expect(failed).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('the OCIO configuration cannot be loaded'),
      });
      expect(existsSync(join(onlyRender(at('out')), 'frames/0001.png'))).toBe(false);
    });
});
