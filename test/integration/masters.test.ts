import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { readExrHeaders } from '../../container/worker/frames/exr';
import { blender, makeScene } from '../support/blender';
import { fewOrAll, runsHeavy } from '../support/heavy';
import { frameFiles, onlyRender } from '../support/render-folder';
import { useScratchFolder } from '../support/scratch-folder';
import { spotreel } from '../support/spotreel';
import { decodeFrame, probeVideo } from '../support/video';

jest.setTimeout(240_000);

const at = useScratchFolder();

/** A view transform and an exposure by which a PNG that is made any other way shows. */
const LOOK = `
scene.cycles.seed = 3
scene.render.dither_intensity = 1.0
scene.view_settings.view_transform = 'Filmic'
scene.view_settings.look = 'High Contrast'
scene.view_settings.exposure = 0.7
scene.render.use_stamp = True
scene.render.use_stamp_date = scene.render.use_stamp_render_time = scene.render.use_stamp_filename = False
settings = scene.render.image_settings
`;

/** What Blender itself makes of the scene: in its own format below `own`, as PNG below `png`. */
async function renderDirectly(scene: string, frames: readonly number[]): Promise<void> {
  const script = `
import bpy
scene = bpy.context.scene
for folder in ('own', 'png'):
  if folder == 'png':
    scene.render.image_settings.file_format = 'PNG'
  for frame in ${JSON.stringify(frames)}:
    scene.frame_set(frame)
    sign, number = ('-' if frame < 0 else ''), abs(frame)
    scene.render.filepath = ${JSON.stringify(at())} + f'/{folder}/{sign}{number:04d}'
    bpy.ops.render.render(write_still=True)
`;
  await blender(['--python-exit-code', '1', scene, '--python-expr', script]);
}

async function render(scene: string, ...flags: string[]): Promise<string> {
  // In one slice, which needs only one Blender.
  const result = await spotreel(['render', scene, '-o', at('out'), '-f', '9', ...flags]);
  expect({ exitCode: result.exitCode, stderr: result.stderr }).toMatchObject({ exitCode: 0 });
  return onlyRender(at('out'));
}

function mastersOf(folder: string): string[] {
  const masters = join(folder, 'masters');
  return existsSync(masters) ? readdirSync(masters).toSorted() : [];
}

/** Samples as stored in the file, 8 or 16 bits each, and how many to a pixel. */
function samplesOf(path: string) {
  const bytes = readFileSync(path);
  const { data, depth, color, alpha } = PNG.sync.read(bytes, { skipRescale: true }) as PNG & {
    depth: number;
    color: boolean;
    alpha: boolean;
  };
  return { samples: [...data], depth, color, alpha };
}

/** The pixels of a master: of OpenEXR all chunks with all layers, as they are packed; of JPEG what they decode to. */
async function pixelsOf(path: string): Promise<Buffer> {
  if (path.endsWith('.jpg')) return decodeFrame(path);
  const bytes = readFileSync(path);
  const { end } = readExrHeaders(bytes);
  return bytes.subarray(Number(bytes.readBigUInt64LE(end)));
}

/** What the frames of a scene are saved as, the settings, and how the masters end if there are any. */
const SAVED: ReadonlyArray<readonly [string, string, string | undefined]> = [
  ['PNG of 8 bits', "'PNG', 'RGB', '8'", undefined],
  ['PNG of 16 bits', "'PNG', 'RGB', '16'", undefined],
  ['PNG with alpha', "'PNG', 'RGBA', '8'", undefined],
  ['JPEG', "'JPEG', 'RGB', '8'\nsettings.quality = 70", 'jpg'],
  ['OpenEXR of halves', "'OPEN_EXR', 'RGBA', '16'\nsettings.exr_codec = 'DWAA'", 'exr'],
  ['OpenEXR of floats', "'OPEN_EXR', 'RGB', '32'\nsettings.exr_codec = 'PIZ'", 'exr'],
  [
    'OpenEXR with layers',
    "'OPEN_EXR_MULTILAYER', 'RGBA', '32'\nscene.view_layers[0].use_pass_z = True\nscene.view_layers.new('Second')",
    'exr',
  ],
];
const USUAL = ['OpenEXR with layers'];

test.each(fewOrAll('masters', SAVED, ([name]) => USUAL.includes(name)))(
  'frames and masters of %s equal those of Blender itself',
  async (_, settings, ending) => {
    const names = 'settings.file_format, settings.color_mode, settings.color_depth';
    const scene = await makeScene(
      at('shot.blend'),
      `${LOOK}scene.render.film_transparent = True\n${names} = ${settings}`,
    );
    const out = await render(scene, '--frames', '-2,0,5', '-f', '3');
    await renderDirectly(scene, [-2, 0, 5]);
    expect(frameFiles(out)).toEqual(['-0002.png', '0000.png', '0005.png']);
    for (const name of frameFiles(out)) {
      expect(samplesOf(join(out, 'frames', name))).toEqual(samplesOf(at('png', name)));
    }
    expect((await probeVideo(join(out, 'output.mp4'))).nb_read_frames).toBe('3');
    const masters =
      ending === undefined ? [] : ['-0002', '0000', '0005'].map((frame) => `${frame}.${ending}`);
    expect(mastersOf(out)).toEqual(masters);
    for (const name of masters) {
      const [kept, own] = [await pixelsOf(join(out, 'masters', name)), await pixelsOf(at('own', name))];
      expect(kept.length).toBeGreaterThan(0);
      expect(kept.equals(own)).toBe(true);
    }
  },
);

/** Formats with what they are set to, and how their files end. */
const OTHERS: ReadonlyArray<readonly [string, string, string]> = [
  ['TIFF', "color_mode='RGBA', color_depth='16'", 'tif'],
  ['WEBP', "color_mode='RGBA', quality=80", 'webp'],
  ['DPX', "color_mode='RGB', color_depth='10', use_cineon_log=True", 'dpx'],
  ['HDR', "color_mode='RGB'", 'hdr'],
  ['JPEG2000', "color_mode='RGB', color_depth='12', jpeg2k_codec='J2K'", 'j2c'],
  ['CINEON', "color_mode='RGB'", 'cin'],
  ['TARGA', "color_mode='RGBA'", 'tga'],
  ['BMP', "color_mode='RGB'", 'bmp'],
  ['IRIS', "color_mode='RGB'", 'rgb'],
];

/** The bytes of a master; of DPX and Cineon those after the header, which holds a date and the file's name. */
function undated(path: string): Buffer {
  const bytes = readFileSync(path);
  return /dpx$|cin$/.test(path) ? bytes.subarray(bytes.readUInt32BE(4)) : bytes;
}

if (runsHeavy('masters'))
  describe('a scene whose format is neither OpenEXR nor JPEG', () => {
    test.each(OTHERS)(
      '%s has masters of the same bytes that Blender writes',
      async (format, changes, ending) => {
        const scene = await makeScene(
          at('shot.blend'),
          `${LOOK}settings.file_format = '${format}'\nfor name, value in dict(${changes}).items(): setattr(settings, name, value)`,
        );
        const out = await render(scene, '--frames', '5', '--video', 'none');
        await renderDirectly(scene, [5]);
        expect(mastersOf(out)).toEqual([`0005.${ending}`]);
        const kept = undated(join(out, 'masters', `0005.${ending}`));
        expect(kept.length).toBeGreaterThan(500);
        expect(kept.equals(undated(at('own', `0005.${ending}`)))).toBe(true);
        expect(samplesOf(join(out, 'frames/0005.png'))).toEqual(samplesOf(at('png', '0005.png')));
      },
    );
  });

if (runsHeavy('masters'))
  test('a format that Blender cannot save in black and white yields only PNG', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      "scene.render.image_settings.file_format = 'WEBP'\nscene.render.image_settings.color_mode = 'BW'",
    );
    const out = await render(scene, '--frames', '1', '--video', 'none');
    expect(frameFiles(out)).toEqual(['0001.png']);
    expect(mastersOf(out)).toEqual([]);
  });

if (runsHeavy('masters'))
  test('a cropped animation has masters of the size of its frames', async () => {
    const scene = await makeScene(
      at('shot.blend'),
      `
r = scene.render
r.image_settings.file_format = 'OPEN_EXR'
r.use_border, r.use_crop_to_border = True, True
r.border_min_x, r.border_max_x, r.border_min_y, r.border_max_y = 0.13, 0.77, 0.21, 0.93`,
    );
    const out = await render(scene, '--frames', '1', '--video', 'none');
    const { width, height } = PNG.sync.read(readFileSync(join(out, 'frames/0001.png')));
    const [part] = readExrHeaders(readFileSync(join(out, 'masters/0001.exr'))).parts;
    expect(part!.dataWindow).toEqual({ xMin: 0, yMin: 0, xMax: width - 1, yMax: height - 1 });
  });
