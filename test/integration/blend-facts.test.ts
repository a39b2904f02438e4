import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { readBlendFacts, type BlendFacts } from '../../core/blend/scene-facts';
import { bytesSource } from '../support/blend-writer';

// Asks the real Blender (3.4 or newer, on the PATH) for what Spotreel reads from the file by itself.

const run = promisify(execFile);
const FIXTURES = join(__dirname, '../fixtures/blend');

const ASK = `
import bpy, json
def facts(s):
    r = s.render
    crop = r.use_border and r.use_crop_to_border
    strips = s.sequence_editor and (getattr(s.sequence_editor, "strips", None) or s.sequence_editor.sequences)
    return dict(
        name=s.name, frameStart=s.frame_start, frameEnd=s.frame_end, frameStep=s.frame_step,
        fps=r.fps, fpsBase=r.fps_base, width=r.resolution_x, height=r.resolution_y,
        resolutionPercent=r.resolution_percentage,
        **(dict(crop=dict(xmin=r.border_min_x, xmax=r.border_max_x, ymin=r.border_min_y, ymax=r.border_max_y)) if crop else {}),
        engine=r.engine, outputFormat=r.image_settings.file_format, outputPath=r.filepath,
        hasCamera=s.camera is not None, markerCameras=any(m.camera for m in s.timeline_markers),
        usesSequencer=bool(r.use_sequencer and strips and any(t.type != "SOUND" for t in strips)))
print("FACTS " + json.dumps(dict(
    version=bpy.data.version[:2], activeScene=bpy.context.scene.name, scenes=[facts(s) for s in bpy.data.scenes])))
`;

const MAKE = `
import bpy, sys
folder = sys.argv[-1]
bpy.ops.wm.read_factory_settings()
s = bpy.context.scene
s.name = "渲" * 21
s.frame_start, s.frame_end, s.frame_step = 7, 1048574, 12
r = s.render
r.fps, r.fps_base = 30, 1.001
r.resolution_x, r.resolution_y, r.resolution_percentage = 4097, 3, 33
r.use_border = r.use_crop_to_border = True
r.border_min_x, r.border_max_x, r.border_min_y, r.border_max_y = 0.1, 0.9, 0.333, 1
r.engine = "CYCLES"
r.filepath = "//über/frame_####"
s.timeline_markers.new("m", frame=8).camera = s.camera
r.image_settings.file_format = "OPEN_EXR_MULTILAYER"
bpy.ops.wm.save_as_mainfile(filepath=folder + "/utf8.blend", compress=False)
r.use_crop_to_border = False
s.camera = None
s.timeline_markers[0].camera = None
r.engine = "BLENDER_WORKBENCH"
r.image_settings.file_format = "FFMPEG"
s.sequence_editor_create()
bpy.context.window.scene = bpy.data.scenes.new("Another")
bpy.ops.wm.save_as_mainfile(filepath=folder + "/video.blend", compress=True)
r.image_settings.file_format = "TIFF"
s.sequence_editor.sequences.new_effect(name="red", type="COLOR", channel=1, frame_start=1, frame_end=25)
bpy.ops.wm.save_as_mainfile(filepath=folder + "/strips.blend", compress=True)
`;

async function blenderFacts(
  file: string,
): Promise<Pick<BlendFacts, 'activeScene' | 'scenes'> & { version: number[] }> {
  const { stdout } = await run('blender', [
    '-b',
    '-Y',
    file,
    '--python-exit-code',
    '1',
    '--python-expr',
    ASK,
  ]);
  const line = stdout.split('\n').find((text) => text.startsWith('FACTS '));
  return JSON.parse(line!.slice('FACTS '.length));
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blend-facts-'));
  await run('blender', [
    '-b',
    '--factory-startup',
    '--python-exit-code',
    '1',
    '--python-expr',
    MAKE,
    '--',
    folder,
  ]);
  await writeFile(join(folder, 'gzip.blend'), gzipSync(await readFile(join(FIXTURES, '3.4-raw.blend'))));
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('readBlendFacts tells the same as Blender', () => {
  test.each([
    ['3.4-zstd.blend', 'zstd', () => FIXTURES],
    ['3.4-raw.blend', 'none', () => FIXTURES],
    ['gzip.blend', 'gzip', () => folder],
    ['utf8.blend', 'none', () => folder],
    ['video.blend', 'zstd', () => folder],
    ['strips.blend', 'zstd', () => folder],
  ])('of %s', async (name, compression, directory) => {
    const file = join(directory(), name);
    const [facts, asked] = await Promise.all([
      readFile(file).then((bytes) => readBlendFacts(bytesSource(bytes))),
      blenderFacts(file),
    ]);
    expect(facts.compression).toBe(compression);
    expect([facts.blenderVersion.major, facts.blenderVersion.minor]).toEqual(asked.version);
    expect({ activeScene: facts.activeScene, scenes: facts.scenes }).toEqual({
      activeScene: asked.activeScene,
      scenes: asked.scenes,
    });
  });
});
