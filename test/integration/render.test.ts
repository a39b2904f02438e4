import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { blender, makeScene } from '../support/blender';
import { runsHeavy } from '../support/heavy';
import { frameFiles, manifestOf, onlyRender, sliceReports } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';
import { probeVideo } from '../support/video';

jest.setTimeout(180_000);

const at = useScratchFolder();
const pixels = (path: string) => PNG.sync.read(readFileSync(path)).data;

async function render(scene: string, ...flags: string[]): Promise<string> {
  const result = await spotreel(['render', scene, '-o', at('out'), ...flags]);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  return onlyRender(at('out'));
}

test('a video has frames 101 to 119 step 3 of odd size at 24/1.001 fps', async () => {
  const scene = await makeScene(
    at('a film.blend'),
    `
scene.frame_start, scene.frame_end, scene.frame_step = 101, 119, 3
scene.render.fps, scene.render.fps_base = 24, 1.001
scene.render.resolution_x, scene.render.resolution_y = 101, 57`,
    true,
  );
  const out = await render(scene, '--frames-per-slice', '3');
  const frames = [101, 104, 107, 110, 113, 116, 119];
  expect(frameFiles(out)).toEqual(frames.map((frame) => `0${frame}.png`));
  expect(await probeVideo(join(out, 'output.mp4'))).toMatchObject({
    codec_name: 'h264',
    nb_read_frames: '7',
    r_frame_rate: '24000/1001',
    avg_frame_rate: '24000/1001',
    pix_fmt: 'yuv420p',
    width: 102,
    height: 58,
    color_space: 'bt709',
  });
  const reports = sliceReports(out);
  expect(
    reports
      .flatMap(({ attempts }) => attempts.flatMap((attempt) => attempt.frames.map(({ frame }) => frame)))
      .toSorted((a, b) => a - b),
  ).toEqual(frames);
});

if (runsHeavy('worker'))
  test('a frame equals what Blender itself renders', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      "scene.render.image_settings.file_format = 'JPEG'\nscene.cycles.seed = 3",
    );
    const out = await render(scene, '--frames', '4');
    await blender(['-Y', scene, '-o', at('own-####'), '-F', 'PNG', '-x', '1', '-f', '4']);
    expect(pixels(join(out, 'frames/0004.png')).equals(pixels(at('own-0004.png')))).toBe(true);
  });

if (runsHeavy('worker'))
  test('frames below 0 and above 9,999 have the names that Blender gives', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      "cube = bpy.data.objects['Cube']\nfor f, x in ((-2, -2.0), (10001, 2.0)):\n  cube.location.x = x\n  cube.keyframe_insert('location', frame=f)",
    );
    const out = await render(scene, '--frames', '-2--1,0,9999-10001');
    expect(frameFiles(out)).toEqual([
      '-0001.png',
      '-0002.png',
      '0000.png',
      '10000.png',
      '10001.png',
      '9999.png',
    ]);
    expect((await probeVideo(join(out, 'output.mp4'))).nb_read_frames).toBe('6');
    // The animation was at another place in each.
    expect(pixels(join(out, 'frames/-0002.png')).equals(pixels(join(out, 'frames/10001.png')))).toBe(false);
  });

if (runsHeavy('worker'))
  test('render follows the options for scene, per cent, samples and engine', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      "bpy.ops.scene.new(type='FULL_COPY')\nbpy.context.scene.name = 'Zweite Szene ß'",
    );
    const out = await render(
      scene,
      '--scene',
      'Scene',
      '--resolution-percent',
      '50',
      '--samples',
      '2',
      '--engine',
      'BLENDER_WORKBENCH',
      '--frames',
      '1',
      '--video',
      'none',
    );
    const { width, height } = PNG.sync.read(readFileSync(join(out, 'frames/0001.png')));
    expect({ width, height }).toEqual({ width: 32, height: 24 });
    expect(manifestOf(out)).toMatchObject({ scene: 'Scene', engine: 'BLENDER_WORKBENCH' });
  });

if (runsHeavy('worker'))
  test('a cropped render region gives frames of the planned size', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      `
r = scene.render
r.resolution_x, r.resolution_y, r.use_border, r.use_crop_to_border = 101, 57, True, True
r.border_min_x, r.border_max_x, r.border_min_y, r.border_max_y = 0.13, 0.77, 0.21, 0.93`,
    );
    const out = await render(scene, '--frames', '1');
    expect(PNG.sync.read(readFileSync(join(out, 'frames/0001.png')))).toMatchObject(
      manifestOf(out).resolution,
    );
  });

if (runsHeavy('worker'))
  test.each(['FFMPEG', 'AVI_JPEG'])('a scene saved to write %s gives PNG frames', async (format) => {
    const scene = await makeScene(at('shot.blend'), `scene.render.image_settings.file_format = '${format}'`);
    const out = await render(scene, '--frames', '1-2');
    expect(frameFiles(out)).toEqual(['0001.png', '0002.png']);
  });

if (runsHeavy('worker'))
  test('render draws EEVEE without a display', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      "scene.render.engine = 'BLENDER_EEVEE'\nscene.eevee.taa_render_samples = 1",
    );
    expect(frameFiles(await render(scene, '--frames', '1'))).toEqual(['0001.png']);
  });

if (runsHeavy('worker'))
  test('registered scripts of a scene do not run', async () => {
    const marker = at('script ran');
    const scene = await makeScene(
      at('shot.blend'),
      `text = bpy.data.texts.new('evil.py')\ntext.write(${JSON.stringify(`open(${JSON.stringify(marker)}, 'w')`)})\ntext.use_module = True`,
    );
    await render(scene, '--frames', '1');
    expect(() => readFileSync(marker)).toThrow('ENOENT');
  });

test('the same command renders only missing and truncated frames again', async () => {
  const scene = await makeScene(at('shot.blend'));
  // Heavy tests use as many slices as a user who gives no option.
  const flags = runsHeavy('worker') ? [] : ['-f', '3'];
  const out = await render(scene, ...flags);
  const again = await spotreel(['render', scene, '-o', at('out'), '--json', ...flags]);
  expect(JSON.parse(again.stdout)).toMatchObject({ state: 'complete', framesDone: 6 });
  expect(sliceReports(out).every(({ attempts }) => attempts.length === 1)).toBe(true);
  rmSync(join(out, 'frames/0003.png'));
  truncateSync(join(out, 'frames/0005.png'), 0);
  await render(scene, ...flags);
  const rendered = sliceReports(out).flatMap(({ attempts }) =>
    attempts.at(-1)!.frames.map(({ frame }) => frame),
  );
  expect(rendered.toSorted((a, b) => a - b)).toEqual([3, 5]);
  expect((await probeVideo(join(out, 'output.mp4'))).nb_read_frames).toBe('6');
});

if (runsHeavy('worker'))
  test('--device gpu fails without a GPU instead of rendering on the CPU', async () => {
    const scene = await makeScene(at('shot.blend'), "scene.cycles.device = 'GPU'");
    const asked = await spotreel(['render', scene, '-o', at('asked'), '--frames', '1', '--device', 'gpu']);
    expect(asked.exitCode).toBe(1);
    expect(asked.stderr).toContain('device is GPU, but Cycles finds no usable GPU on this machine');
    // The scene's own device does not matter to this render.
    const out = await render(scene, '--frames', '1');
    expect(frameFiles(out)).toEqual(['0001.png']);
  });
